"""What the week came to. Pure: the file, the sandbox's own answers and the house's own answers in, a verdict out.

*Twice*, *lost* and *stray* are judged from the file and the sandbox alone, so the house cannot flatter itself; every
text of the file is unique, and an object on a channel belongs to the post whose text it holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.demo.week import Approved

_SPACES = re.compile(r"\s+")
_TAGS = re.compile(r"<[^>]+>")


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One channel's row of the report, from the house's own answers: so many posts each.

    `retried` had a second attempt; one whose unclear outcome was found on the channel needed none (S35).
    """

    channel: str
    published: int
    retried: int
    limited: int
    held: int
    failed: Mapping[str, int]
    objects: int


@dataclass(frozen=True, slots=True)
class Verdict:
    channels: Sequence[ChannelLine]
    ends: Mapping[str, int]
    twice: Sequence[str] = ()
    lost: Sequence[str] = ()
    stray: Sequence[str] = ()
    wrong: Sequence[str] = ()
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not (self.twice or self.lost or self.stray or self.wrong)


def judge(
    posts: Sequence[Approved],
    books: Mapping[str, Sequence[Mapping[str, Any]]],
    items: Mapping[str, Mapping[str, Any]],
    timelines: Mapping[str, Sequence[Mapping[str, Any]]],
    parked: Sequence[Mapping[str, Any]],
    weights: Mapping[str, Mapping[str, float]],
    edits: Mapping[str, str] | None = None,
) -> Verdict:
    """`books`: channel -> the sandbox's items. `items`, `timelines`: story -> what /v1 says of it.

    `edits`: story -> the text a line of the file gave it later.
    """
    twice, lost, stray = _against_the_books(posts, books, edits or {})
    return Verdict(
        channels=[_channel_line(channel, items, timelines, books) for channel in sorted(books)],
        ends=Counter(post.ends for post in posts),
        twice=twice,
        lost=lost,
        stray=stray,
        wrong=_against_the_house(posts, items, parked),
        weights=weights,
    )


def _plain(text: str) -> str:
    return _SPACES.sub(" ", _TAGS.sub(" ", text).replace("\\", "")).strip().lower()


def _against_the_books(
    posts: Sequence[Approved], books: Mapping[str, Sequence[Mapping[str, Any]]], edits: Mapping[str, str]
) -> tuple[list[str], list[str], list[str]]:
    live = {
        channel: [_plain(str(item["text"])) for item in found if not item.get("deleted")]
        for channel, found in books.items()
    }
    claimed: Counter[tuple[str, int]] = Counter()
    twice, lost, stray = [], [], []
    for post in posts:
        channel = post.channel
        if channel is None or channel not in live or not post.text:
            continue
        wanted = _plain(edits.get(post.story or "", post.text))
        found = [index for index, text in enumerate(live[channel]) if wanted in text]
        claimed.update((channel, index) for index in found)
        if len(found) > 1:
            twice.append(f"{post.story} stands {len(found)} times on {channel}")
        if post.ends == "published" and not found:
            lost.append(f"{post.story} is not on {channel}")
        if post.ends != "published" and found:
            stray.append(f"{post.story} is on {channel} and should end {post.ends}")
    stray += [
        f"{channel} shows something nobody approved: {text[:60]}"
        for channel, texts in live.items()
        for index, text in enumerate(texts)
        if (channel, index) not in claimed
    ]
    return twice, lost, stray


def _against_the_house(
    posts: Sequence[Approved], items: Mapping[str, Mapping[str, Any]], parked: Sequence[Mapping[str, Any]]
) -> list[str]:
    wrong = []
    wanted_parked = Counter(post.code or "?" for post in posts if post.ends == "parked")
    found_parked = Counter(str(message["code"]) for message in parked)
    if wanted_parked != found_parked:
        wrong.append(f"parked {dict(found_parked)}, and the file says {dict(wanted_parked)}")
    for post in posts:
        if post.ends == "parked" or post.story is None:
            continue
        item = items.get(post.story)
        if item is None:
            wrong.append(f"{post.story} is not in the queue")
        elif item["status"] != post.ends:
            wrong.append(f"{post.story} ended {item['status']} ({item.get('reason')}), and the file says {post.ends}")
        elif post.code is not None and (item.get("error") or {}).get("code") != post.code:
            found = (item.get("error") or {}).get("code")
            wrong.append(f"{post.story} failed with {found}, and the file says {post.code}")
    known = {post.story for post in posts}
    wrong += [f"{story} is in the queue and not in the file" for story in items if story not in known]
    return wrong


def _channel_line(
    channel: str,
    items: Mapping[str, Mapping[str, Any]],
    timelines: Mapping[str, Sequence[Mapping[str, Any]]],
    books: Mapping[str, Sequence[Mapping[str, Any]]],
) -> ChannelLine:
    own = {story: item for story, item in items.items() if item["channel"] == channel}
    said = {story: Counter(fact["type"] for fact in timelines.get(story, ())) for story in own}
    return ChannelLine(
        channel=channel,
        published=sum(item["status"] == "published" for item in own.values()),
        retried=sum(types["publisher.attempt_started"] > 1 for types in said.values()),
        limited=sum(bool(types["publisher.rate_limited"]) for types in said.values()),
        held=sum(bool(types["scheduler.post_held"]) for types in said.values()),
        failed=Counter(
            (item.get("error") or {}).get("code", "?") for item in own.values() if item["status"] == "failed"
        ),
        objects=sum(not item.get("deleted") for item in books[channel]),
    )
