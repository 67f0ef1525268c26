"""What every fact carries, and how one fact follows another.

A *fact* is frozen data in the past participle. A *draft* is a fact somebody wants to say; a *told* fact is one
that stands in the log, with its position. The two times are when it happened and when the log took it (D6). A log is
read by the million: named tuples, because nothing frozen is made faster, and a told fact that opens what goes with it
only for whoever asks.
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


class Said(NamedTuple):
    """What a log keeps beside a fact."""

    id: str
    about: About
    recorded_at: datetime


class Told:
    """A fact in the log. `version` counts within its stream from 1, `position` over the whole log from 1.

    `said` may be given as a function: who reads a log asks most facts for nothing but themselves.
    """

    __slots__ = ("_said", "fact", "position", "stream", "version")

    def __init__(self, stream: str, version: int, position: int, fact: Fact, said: Said | Callable[[], Said]) -> None:
        self.stream, self.version, self.position, self.fact, self._said = stream, version, position, fact, said

    @property
    def said(self) -> Said:
        if not isinstance(self._said, Said):
            self._said = self._said()
        return self._said

    @property
    def id(self) -> str:
        return self.said.id

    @property
    def about(self) -> About:
        return self.said.about

    @property
    def recorded_at(self) -> datetime:
        return self.said.recorded_at

    @property
    def story(self) -> str:
        return self.said.about.story

    @property
    def account(self) -> str | None:
        return self.said.about.account

    def _all(self) -> tuple[Any, ...]:
        return self.stream, self.version, self.position, self.fact, self.said

    def __eq__(self, other: object) -> bool:
        return self._all() == other._all() if isinstance(other, Told) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.stream, self.version, self.position))

    def __repr__(self) -> str:
        return f"Told{self._all()}"


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
