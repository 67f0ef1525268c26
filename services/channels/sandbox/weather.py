"""Scripted faults: what goes wrong outside, for whom, for how long and how often. Pure.

    outage_before   the channel answers 5xx and nothing happened; with status 0 it is not reached at all
    outage_after    it happened, and the answer is 5xx all the same
    lost_answer     it happened, and the connection breaks instead of an answer
    limit           told to slow down, in the channel's own words
    refuse          a definite no, with the code that was asked for
    slow            the answer is held back for `hold_ms` real milliseconds
    look_up_lag     lists hide whatever is younger than `lag`
    expired         every access token of today stops working; a refresh cures it
    revoked         every grant of today is gone; only a new consent cures it

The last two befall tokens at once. A fault that concerns an effect strikes only the calls that make something visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Kind = Literal[
    "outage_before", "outage_after", "lost_answer", "limit", "slow", "refuse", "expired", "revoked", "look_up_lag"
]
AT_ONCE = {"expired", "revoked"}
ONLY_PUBLISHING = {"outage_after", "lost_answer", "refuse"}
BEFORE: tuple[Kind, ...] = ("outage_before", "limit", "refuse")
AFTER: tuple[Kind, ...] = ("slow", "outage_after", "lost_answer")
LAG = timedelta(seconds=45)
"""How long a list hides a new post when the script names no `lag`: what LinkedIn and X are known to take."""


class Asked(BaseModel):
    """The body of `POST /sandbox/{channel}/weather`; a word it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    account: str | None = None
    lasts: timedelta | None = Field(None, alias="for")
    times: int | None = Field(None, ge=1)
    status: int | None = None
    code: str | None = None
    retry_after: int | None = Field(None, ge=0)
    hold_ms: int = Field(1000, ge=0)
    lag: timedelta = LAG
    publishing: bool = False
    """Spare whatever makes nothing visible, such as a look-up, though the kind would strike it."""


class Weather(BaseModel):
    """One fault over one channel, from now until its end or until it has struck often enough."""

    model_config = ConfigDict(frozen=True)

    id: str
    channel: str
    asked: Asked
    until: AwareDatetime | None = None
    left: int | None = None

    def over(self, account: str | None, now: datetime, *, publishes: bool) -> bool:
        """Does it strike this call? Faults of one account spare everyone else."""
        spared = self.asked.account is not None and self.asked.account != account
        waits = (self.asked.publishing or self.asked.kind in ONLY_PUBLISHING) and not publishes
        return self.holds(now) and not spared and not waits

    def holds(self, now: datetime) -> bool:
        return (self.until is None or now < self.until) and (self.left is None or self.left > 0)

    def struck(self) -> Weather:
        return self if self.left is None else self.model_copy(update={"left": self.left - 1})


def begin(asked: Asked, *, id: str, channel: str, now: datetime) -> Weather:
    return Weather(
        id=id, channel=channel, asked=asked, left=asked.times, until=now + asked.lasts if asked.lasts else None
    )


def first(sky: Iterable[Weather], kinds: Sequence[Kind]) -> Weather | None:
    """The fault that speaks when several hang over one call: the earliest in `kinds`."""
    by_kind = {weather.asked.kind: weather for weather in sky}
    return next((by_kind[kind] for kind in kinds if kind in by_kind), None)
