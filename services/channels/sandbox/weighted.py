"""X's weighted length: https://docs.x.com/fundamentals/counting-characters

Counted here once more, apart from the product's own counting, so that each side checks the other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import regex
from linkify_it import LinkifyIt
from linkify_it.tlds import TLDS

URL_WEIGHT = 23
EMOJI_WEIGHT = 2
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|[0-9#*]\ufe0f?\u20e3")
_LINKS = LinkifyIt(options={"fuzzy_email": False}).tlds(TLDS)


def addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each link begins and ends, and where it leads; a bare domain is a link too."""
    for match in _LINKS.match(text) or ():
        yield match.index, match.last_index, match.url


def weight(text: str) -> int:
    text = unicodedata.normalize("NFC", text)
    links = list(addresses(text))
    begins = [0, *(end for _, end, _ in links)]
    ends = [*(begin for begin, _, _ in links), len(text)]
    between = [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
    return len(links) * URL_WEIGHT + sum(_cluster(each) for part in between for each in regex.findall(r"\X", part))


def _cluster(cluster: str) -> int:
    """A whole emoji sequence weighs as much as one emoji; a bare © is a letter until a selector makes it a picture."""
    if _EMOJI.match(cluster) and (len(cluster) > 1 or ord(cluster) > 0xFF):
        return EMOJI_WEIGHT
    return sum(1 if any(low <= ord(point) <= high for low, high in _LIGHT) else 2 for point in cluster)
