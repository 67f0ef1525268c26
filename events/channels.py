"""The channels as a table: text limits, caps, token lives, scopes, look-up lag and tier.

Every figure is a default and a setting; it comes from the product's seed where the seed names one, else from the
channel's own documentation (SPEC.md S8, S18, S31, S35).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Unit = Literal["code_points", "weighted", "utf16", "utf8_bytes", "graphemes"]


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `calls_max` within `window`; a fixed day in `zone`, or rolling when `zone` is None (S17a)."""

    calls_max: int
    window: timedelta
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """One channel. `lag` is how long its look-up may hide a post that is live (D10); A is exact, C is fair."""

    name: str
    text_max: int | None
    text_unit: Unit
    posts_per_day_max: int | None
    day_zone: str
    rolling_day: bool
    access_life: timedelta | None
    grant_life: timedelta | None
    scopes: tuple[str, ...]
    tier: Literal["A", "B", "C", "R"]
    lag: timedelta
    looks: int
    text_alone: bool = True
    title_max: int | None = None
    premium_text_max: int | None = None
    budget: Budget | None = None

    @property
    def settle(self) -> timedelta:
        """How long an unclear attempt rests before absence proves anything: the lag and a margin (D10)."""
        return self.lag + timedelta(seconds=10) if self.lag else timedelta()

    @property
    def first_look(self) -> timedelta:
        """The first of two looks comes 15 s before the settling ends; an exact look-up needs only one."""
        return self.settle - timedelta(seconds=15) if self.looks == 2 else self.settle


def _days(count: float) -> timedelta:
    return timedelta(days=count)


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


LINKEDIN = ChannelFacts(
    "linkedin", 3000, "code_points", 100, "UTC", False, _days(60), _days(60),
    ("openid", "profile", "w_organization_social", "r_organization_social", "rw_organization_admin"),
    "B", _seconds(45), 2, title_max=400,
)  # fmt: skip
X = ChannelFacts(
    "x", 280, "weighted", None, "UTC", False, timedelta(hours=2), _days(180),
    ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access"),
    "B", _seconds(45), 2, premium_text_max=2000, budget=Budget(100, timedelta(minutes=15)),
)  # fmt: skip
FACEBOOK = ChannelFacts(
    "facebook", 63206, "code_points", None, "UTC", False, _days(60), _days(90),
    ("pages_show_list", "pages_manage_posts", "pages_read_engagement", "read_insights"),
    "B", _seconds(90), 2,
)  # fmt: skip
INSTAGRAM = ChannelFacts(
    "instagram", 2200, "utf16", 100, "UTC", True, _days(60), _days(90),
    ("instagram_basic", "instagram_content_publish", "instagram_manage_insights"),
    "A", _seconds(0), 1, text_alone=False,
)  # fmt: skip
TIKTOK = ChannelFacts(
    "tiktok", 2200, "utf16", 15, "UTC", True, _days(1), _days(365),
    ("user.info.basic", "video.publish", "video.list"),
    "A", _seconds(0), 1, text_alone=False, budget=Budget(6, timedelta(minutes=1)),
)  # fmt: skip
YOUTUBE = ChannelFacts(
    "youtube", 5000, "utf8_bytes", 6, "America/Los_Angeles", False, timedelta(hours=1), None,
    ("https://www.googleapis.com/auth/youtube.upload", "https://www.googleapis.com/auth/youtube.readonly",
     "https://www.googleapis.com/auth/yt-analytics.readonly"),
    "A", _seconds(0), 1, text_alone=False, title_max=100,
)  # fmt: skip
PINTEREST = ChannelFacts(
    "pinterest", 500, "code_points", None, "UTC", False, _days(30), _days(60),
    ("boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read"),
    "B", _seconds(90), 2, text_alone=False, title_max=100, budget=Budget(100, timedelta(minutes=1)),
)  # fmt: skip
BLOG = ChannelFacts(
    "blog", None, "code_points", None, "UTC", False, None, None, (), "A", _seconds(0), 1, title_max=2000,
)  # fmt: skip

CHANNELS: dict[str, ChannelFacts] = {
    each.name: each for each in (LINKEDIN, X, FACEBOOK, INSTAGRAM, TIKTOK, YOUTUBE, PINTEREST, BLOG)
}

BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""S29: the waits after the first, second and third failed answer."""
HOLD_UNTOLD = timedelta(minutes=15)
"""S32: how long a limit lasts when the channel does not say."""
HOLD_MAX = timedelta(hours=24)
"""A channel that asks for more than a day is asked again after a day (F8)."""
ATTEMPT_LIFE = timedelta(seconds=20)
"""D9: from AttemptStarted to the last moment bytes may leave, for text."""


def channel_of(connection: str) -> str:
    """`acme.linkedin.team` belongs to `linkedin`."""
    return connection.split(".")[1]


def account_of(name: str) -> str:
    """The account of a connection or of a story: whatever stands before the first dot."""
    return name.split(".", 1)[0]
