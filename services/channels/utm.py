"""The tracking parameters of a link, and the marker by which a post is found again (S34). Pure.

Every link of a post gets the account's parameters when it is published; one that is there already is never
overwritten. `utm_content` carries the marker: a stable hash of the post, the same in every attempt, so a repeat sends
the same bytes and a look-up has one string to look for. A link that already has a `utm_content` keeps it, and the
marker travels in a parameter of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from services.channels.text import addresses

DEFAULTS: Mapping[str, str] = {"utm_source": "{channel}", "utm_medium": "social", "utm_campaign": "{campaign}"}
MARKER = "utm_content"
SECOND_MARKER = "dst"
"""Where the marker goes when `utm_content` is taken."""
_PLACE = re.compile(r"\{(channel|campaign|bucket|account|post)\}")


@dataclass(frozen=True, slots=True)
class Dressed:
    """The content as it is sent."""

    text: str
    link: str | None
    marker: str


@lru_cache(4096)
def marker_of(channel: str, story: str) -> str:
    """Sixteen letters and digits that stand for this post on this channel, and for nothing else."""
    return "d" + hashlib.sha256(f"{channel}|{story}".encode()).hexdigest()[:15]


def dress(
    text: str,
    link: str | None,
    *,
    channel: str,
    story: str,
    campaign: str | None,
    bucket: str | None = None,
    template: Mapping[str, str] | None = None,
) -> Dressed:
    """Every link with its parameters on; the text's own words stay as they were approved."""
    marker, found = marker_of(channel, story), addresses(text)
    if not found and not link:
        return Dressed(text, None, marker)
    account, _, post = story.partition(".")
    words = {"channel": channel, "campaign": campaign or "", "bucket": bucket or "", "account": account, "post": post}
    wanted = {**DEFAULTS, **(template or {})}
    filled = {name: _PLACE.sub(lambda place: words[place[1]], value) for name, value in wanted.items()}
    parameters = {name: value for name, value in filled.items() if value} | {MARKER: filled.get(MARKER) or marker}
    parts, at = [], 0
    for begins, ends in found:
        parts += [text[at:begins], _with(text[begins:ends], parameters, marker)]
        at = ends
    return Dressed("".join([*parts, text[at:]]), _with(link, parameters, marker) if link else None, marker)


def _with(address: str, parameters: Mapping[str, str], marker: str) -> str:
    """The address with whatever it lacks; one that is no web address stays as it is."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    if parts.scheme not in ("http", "https"):
        return address
    there = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    lacking = {name: value for name, value in parameters.items() if name.lower() not in there}
    if marker not in lacking.values() and marker not in parts.query:
        lacking[SECOND_MARKER] = marker
    added = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in lacking.items())
    query = "&".join(part for part in (parts.query, added) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))
