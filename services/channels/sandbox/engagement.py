"""What people did with a post: counters that only grow, derived from the world's seed and the post's own words.

A script may plant better or worse luck for posts that hold a fragment, or that went out in certain hours of the day.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from services.channels.sandbox.posts import Post

PACE = timedelta(hours=20)
"""How fast attention comes: about 5 in 100 of it within 1 hour, 70 within 24 hours, all of it within 7 days."""


class Planted(BaseModel):
    """The body of `PUT /sandbox/{channel}/engagement`: the posts it means get `factor` times the interactions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str | None = None
    contains: str | None = None
    hours: frozenset[int] | None = None
    factor: float = Field(ge=0)

    def means(self, post: Post) -> bool:
        words = " ".join(filter(None, (post.text, post.title, post.link)))
        return (
            self.account in (None, post.account)
            and (self.contains is None or self.contains in words)
            and (self.hours is None or post.created_at.hour in self.hours)
        )


@dataclass(frozen=True, slots=True)
class Counted:
    impressions: int
    reach: int
    likes: int
    comments: int
    shares: int
    saves: int
    clicks: int


def share(*words: str) -> float:
    """A number from 0 up to 1 that these words always get."""
    digest = hashlib.blake2b("\x1f".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def counted(post: Post, *, seed: str, now: datetime, planted: Iterable[Planted] = ()) -> Counted:
    """Everything seen so far. The same post at the same age has the same numbers in every run."""
    seen = 1 - math.exp(-max(now - post.created_at, timedelta()) / PACE)
    factor = math.prod(each.factor for each in planted if each.means(post))

    def luck(of: str) -> float:
        return 0.8 + 0.4 * share(seed, post.channel, of, post.text)

    impressions = math.floor(2000 * luck("impressions") * seen)
    liked = impressions * factor
    return Counted(
        impressions=impressions,
        reach=math.floor(impressions * 0.8),
        likes=math.floor(liked * 0.030 * luck("likes")),
        comments=math.floor(liked * 0.004 * luck("comments")),
        shares=math.floor(liked * 0.006 * luck("shares")),
        saves=math.floor(liked * 0.005 * luck("saves")),
        clicks=math.floor(liked * 0.020 * luck("clicks")),
    )
