"""What every fact carries, and how one fact follows another.

A *fact* is frozen data in the past participle. A *draft* is a fact somebody wants to say; a *told* fact is one
that stands in the log, with its position. The two times are when it happened and when the log took it (D6). These
three are named tuples, because a log is read by the million, and nothing frozen is made faster.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

EVERY_FACT: dict[str, type[Fact]] = {}
"""CloudEvents type -> class; filled as the classes are defined."""


class Frozen(BaseModel):
    """Data inside a fact: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601", allow_inf_nan=False)


class Fact(Frozen):
    """Something that happened. `type` never changes once written; `shape` counts its versions."""

    type: ClassVar[str] = ""
    shape: ClassVar[int] = 1

    def __init_subclass__(cls, *, type: str = "", shape: int = 1, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not type:
            return
        if type in EVERY_FACT:
            raise TypeError(f"two facts are called {type}")
        cls.type, cls.shape = type, shape
        EVERY_FACT[type] = cls

    @classmethod
    @cache
    def topic(cls) -> str:
        """The stable name stored beside the bytes, such as `scheduler.post_due.v1`."""
        return f"{cls.type}.v{cls.shape}"


class About(NamedTuple):
    """What goes with a fact: whose story it belongs to, why it was said, by whom, and when it happened."""

    story: str
    actor: str
    happened_at: datetime
    cause: str | None = None
    account: str | None = None
    channel: str | None = None


class Draft(NamedTuple):
    """A fact about to be said. Its id is given by the caller, so a repeated append is the same fact (I4)."""

    id: str
    fact: Fact
    about: About


class Told(NamedTuple):
    """A fact in the log. `version` counts within its stream from 1, `position` over the whole log from 1."""

    id: str
    stream: str
    version: int
    position: int
    fact: Fact
    about: About
    recorded_at: datetime

    @property
    def story(self) -> str:
        return self.about.story

    @property
    def account(self) -> str | None:
        return self.about.account


def follow(cause: Told, *, actor: str, at: datetime) -> About:
    """What a fact that `cause` brought about carries: the same story, account and channel, its cause named."""
    return cause.about._replace(cause=cause.id, actor=actor, happened_at=at)


def draft(facts: list[Fact] | tuple[Fact, ...], about: About, new_id: Callable[[], str]) -> list[Draft]:
    """Every fact of one decision, with the same about."""
    return [Draft(new_id(), fact, about) for fact in facts]


def utc(moment: datetime) -> datetime:
    """The same instant in UTC; a naive time is refused, because nobody can say when it is."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} names no zone; write it with an offset, as in 2026-11-23T08:00:00Z")
    return moment.astimezone(UTC)
