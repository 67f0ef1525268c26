"""How long a text is, in the channel's own unit, and whether that is too long (S31). Pure.

X weighs by the twitter-text v3 configuration (https://github.com/twitter/twitter-text, `config/v3.json`): some code
points weigh 1 and all others 2, a whole emoji 2, every address 23. The other channels count plainly.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import regex
from linkify_it import LinkifyIt
from linkify_it.tlds import TLDS

from events.channels import CHANNELS, Unit

ADDRESS_WEIGHT = 23
EMOJI_WEIGHT = 2
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Ranges of code points that weigh 1; everything else weighs 2."""
_GLUED = regex.compile(r"[^\x00-\x7f](?=https?://)", regex.IGNORECASE)
"""Scripts without spaces write an address right behind a letter; it is one all the same."""
_AFTER_PATH = regex.compile(r"(?<=[^/:]/.*)[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u3000-\u303f\uff00-\uffef]")
"""Where X lets the path of an address end although no space follows."""
_WORD = re.compile(r"\S+")
_MAYBE_ADDRESS = re.compile(r"(?:[.:]|//)\S")
_GRAPHEME = regex.compile(r"\X")
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\U0001F1E6-\U0001F1FF]|\ufe0f?\u20e3")


@cache
def _links() -> LinkifyIt:
    return LinkifyIt(options={"fuzzy_email": False}).tlds(TLDS)


def addresses(text: str) -> list[tuple[int, int]]:
    """Where the web addresses of a text begin and end; a bare domain with a known ending is one too."""
    if not may_hold_addresses(text):
        return []
    # No address reaches over a space, so only the few words that may be one are looked at closely.
    words = [word for word in _WORD.finditer(_GLUED.sub(" ", text)) if may_hold_addresses(word[0])]
    found = [(word.start(), each) for word in words for each in _links().match(word[0]) or ()]
    return [(at + each.index, at + each.last_index) for at, each in found if each.schema != "mailto:"]


def may_hold_addresses(text: str) -> bool:
    """A quick no for the many: every address has a dot, a colon or two slashes with something right behind."""
    return _MAYBE_ADDRESS.search(text) is not None


def weighted(text: str) -> int:
    text = unicodedata.normalize("NFC", text)
    weight, at = 0, 0
    for begins, ends in [*addresses(text), (len(text), len(text))]:
        words = text[at:begins]
        weight += len(words) if words.isascii() else sum(map(_weight, _GRAPHEME.findall(words)))
        weight += ADDRESS_WEIGHT if ends > begins else 0
        more = _AFTER_PATH.search(text, begins, ends)
        at = more.start() if more else ends
    return weight


def _weight(grapheme: str) -> int:
    if _EMOJI.search(grapheme):
        return EMOJI_WEIGHT
    return sum(1 if any(low <= ord(point) <= high for low, high in LIGHT) else 2 for point in grapheme)


def length(text: str, unit: Unit) -> int:
    match unit:
        case "code_points":
            return len(text)
        case "weighted":
            return weighted(text)
        case "utf16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "utf8_bytes":
            return len(text.encode("utf-8", "surrogatepass"))
        case "graphemes":
            return len(_GRAPHEME.findall(text))


def text_max(channel: str, *, premium: bool = False) -> int | None:
    facts = CHANNELS[channel]
    return (facts.premium_text_max if premium else None) or facts.text_max


def too_long(channel: str, text: str, *, premium: bool = False) -> tuple[int, int] | None:
    """(its length, the most there may be) of a text that is too long for the channel; None when it fits."""
    most = text_max(channel, premium=premium)
    if most is None:
        return None
    found = length(text, CHANNELS[channel].text_unit)
    return (found, most) if found > most else None


def composed(channel: str, text: str, link: str | None) -> str:
    """The text as the channel counts and shows it: on X the link is part of the text, elsewhere it stands beside it."""
    if channel == "x" and link and link not in text:
        return f"{text}\n{link}" if text else link
    return text
