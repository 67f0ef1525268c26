"""What a channel takes: the length of text and title, and which media (S4, S31). Pure.

The text is measured as it will be sent: with the tracking parameters on every link (S34).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from events import Content
from events.channels import CHANNELS, Unit
from services.channels.text import ADDRESS_WEIGHT, composed, text_max, too_long
from services.channels.utm import dress

UNITS: dict[Unit, str] = {
    "code_points": "characters", "weighted": "weighted characters", "utf16": "characters",
    "utf8_bytes": "bytes", "graphemes": "characters",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Takes:
    """At most so many images, videos and of both together; `needed`: no post without at least one (channels.md B)."""

    images_max: int
    videos_max: int
    together_max: int
    needed: bool = False


MEDIA: Mapping[str, Takes] = {
    "linkedin": Takes(20, 1, 20),
    "x": Takes(4, 1, 4),
    "facebook": Takes(10, 1, 10),
    "instagram": Takes(10, 10, 10, needed=True),
    "tiktok": Takes(35, 1, 35, needed=True),
    "youtube": Takes(0, 1, 1, needed=True),
    "pinterest": Takes(5, 1, 5, needed=True),
    "blog": Takes(1, 1, 2),
}
NOT_SENT = frozenset({"linkedin", "x", "blog"})
"""Channels whose adapter here sends text and link only: a post must not go live without its image (channels.md)."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The limit that a content breaks: a stable code, and what is too much in words."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose links they are: what the tracking parameters are made of."""

    channel: str
    story: str
    campaign: str | None = None
    bucket: str | None = None
    utm: Mapping[str, str] | None = None
    premium: bool = False


def broken_limit(content: Content, sender: Sender) -> Broken | None:
    """The first hard limit this content breaks; None when the channel takes it."""
    return _text(content, sender) or _title(content, sender) or _media(content, sender.channel)


def _text(content: Content, sender: Sender) -> Broken | None:
    channel = sender.channel
    if not (content.text.strip() or content.link or content.media):
        return Broken("content_empty", "text, link and media are all empty; give it at least one of them.")
    if _surely_fits(content, sender):
        return None
    sent = dress(content.text, content.link, channel=channel, story=sender.story, campaign=sender.campaign,
                 bucket=sender.bucket, template=sender.utm)  # fmt: skip
    over = too_long(channel, composed(channel, sent.text, sent.link), premium=sender.premium)
    if over is None:
        return None
    unit = UNITS[CHANNELS[channel].text_unit]
    return Broken("text_too_long", f"text has {over[0]:,} {unit} with its links dressed; {channel} takes {over[1]:,}.")


LINK_SHOWN = len("\n") + ADDRESS_WEIGHT
"""On X the link stands in the text, on a line of its own."""
_MAYBE_LINK = re.compile(r"[.:]\S")
"""Wherever an address may begin; without one nothing grows."""


def _surely_fits(content: Content, sender: Sender) -> bool:
    """A quick yes for the many: without a link nothing grows, and no unit counts a code point as more than four."""
    most, text = text_max(sender.channel, premium=sender.premium), content.text
    if most is None:
        return True
    shown = LINK_SHOWN if sender.channel == "x" and content.link else 0
    return len(text) * (1 if text.isascii() else 4) + shown <= most and _MAYBE_LINK.search(text) is None


def _title(content: Content, sender: Sender) -> Broken | None:
    most, title = CHANNELS[sender.channel].title_max, content.title
    if most is None or title is None or len(title) <= most:
        return None
    return Broken("title_too_long", f"title has {len(title):,} characters; {sender.channel} takes {most:,}.")


def _media(content: Content, channel: str) -> Broken | None:
    takes = MEDIA[channel]
    if not content.media and not takes.needed:
        return None
    videos = sum(1 for each in content.media if each.kind == "video")
    images = len(content.media) - videos
    if not content.media:
        return Broken("media_missing", f"{channel} takes no post without an image or a video; add one to media.")
    if channel in NOT_SENT:
        return Broken("media_not_supported", f"media cannot be sent to {channel} from here; leave media out, so that "
                      "nothing goes out without its picture.")  # fmt: skip
    for kind, found, most in (("image", images, takes.images_max), ("video", videos, takes.videos_max)):
        if found > most:
            some = f"at most {most}" if most else "none"
            return Broken("media_not_supported", f"media holds {found} of kind {kind}; {channel} takes {some}.")
    if len(content.media) > takes.together_max:
        return Broken("media_not_supported",
                      f"media holds {len(content.media)}; {channel} takes at most {takes.together_max}.")  # fmt: skip
    return None
