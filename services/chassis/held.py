"""Facts their handler could not take: held by key, tried again, parked, redriven in order (I25).

A fact that breaks its handler holds only its own key (its story, else its stream): the facts behind it wait with it,
everybody else goes on. After five tries it is parked with its reason, and stays first in its key until redriven.

The ear and the rings write side by side. A ring drops no other alarm than the one it rang, so whoever changes what is
held sets the key's alarm anew, with a mark of its own: what a ring has not seen, another ring will.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from events import Fact, FactParked, FactRedriven, RedriveAsked, Told, draft, follow
from events.subjects import stuck_stream
from services.chassis.alarms import set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.concerns import Reaction
from services.chassis.rows import HELD, Change, Drop, Pick, Put, Row, Write
from services.chassis.store import Append, RowsRefused, Say, StoreError

TRY_AFTER = (timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10))
"""Between the five tries of a fact that its handler could not take (I25)."""
TRIES_MAX = 1 + len(TRY_AFTER)


def key_of(told: Told) -> str:
    return told.story or told.stream


class Held:
    """One service's held facts. Keys outside `keys` have none; of those in it the rows are asked."""

    def __init__(
        self,
        store: BelledStore,
        service: str,
        reactions: Mapping[type[Fact], Reaction],
        *,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._service, self._reactions = store, service, reactions
        self._clock, self._new_id = clock, new_id
        self.keys: set[str] = set()

    async def remember(self) -> None:
        rows = await self._store.pick(Pick(HELD, {"service": self._service}))
        self.keys = {str(row["key"]) for row in rows}

    async def waits(self, told: Told) -> bool:
        """The ear alone asks and adds, one fact of a key after the other: where none is held now, this one is next."""
        key = key_of(told)
        if key in self.keys and not await self._first(key, 1):
            self.keys.discard(key)
        return key in self.keys

    def hold(self, told: Told, broken: Exception) -> list[Write]:
        """Its first try has failed."""
        at = self._clock.now() + TRY_AFTER[0]
        return [self._row(told, tries=1, next_at=at, reason=_named(broken)), self._alarm(key_of(told), at, told)]

    def behind(self, told: Told) -> list[Write]:
        """It waits behind another of its key; should that one have gone meanwhile, the alarm takes it at once."""
        alarm = self._alarm(key_of(told), self._clock.now(), told)
        return [self._row(told, tries=0, next_at=None, reason="behind"), alarm]

    async def try_again(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """The first held fact of one key once more, when its time has come."""
        key = str(ring["key"])
        rows = await self._first(key, 2)
        if not rows:
            return None
        first, tries, next_at = rows[0], int(str(rows[0]["tries"])), rows[0]["next_at"]
        if tries >= TRIES_MAX:
            return None  # parked: only a redrive moves it
        told = (await self._store.tail(int(str(first["position"])) - 1, 1))[0]
        if isinstance(next_at, datetime) and next_at > self._clock.now():
            return Append(rows=[self._alarm(key, next_at, told)])  # somebody came behind it
        try:
            answer = await self._reactions[type(told.fact)](told) or Append()
        except (StoreError, OSError):
            raise
        except Exception as broken:
            return await self._broken_again(told, tries + 1, broken)
        gone = Drop(HELD, self._where(key, told.position))
        try:
            # Before the alarm goes, so that what the store refuses counts as a try: an alarm that rings once more
            # finds the next one, or nobody.
            await self._store.append(Append(answer.says, answer.still, answer.fence, [*answer.rows, gone]))
        except RowsRefused as refused:
            return await self._broken_again(told, tries + 1, refused)
        return Append(rows=[self._alarm(key, self._clock.now(), told)] if rows[1:] else [])

    async def redrive_asked(self, told: Told) -> Append | None:
        """Somebody has mended the cause: the parked fact is first in its key again, with all its tries."""
        assert isinstance(told.fact, RedriveAsked)  # noqa: S101 - the table
        mine = f"stuck-{self._service}."
        if not told.fact.parked.startswith(mine):
            return None
        position = int(told.fact.parked.removeprefix(mine))
        rows = await self._store.pick(Pick(HELD, {"service": self._service}))
        parked = next((row for row in rows if row["position"] == position), None)
        if parked is None:
            return None
        stream = stuck_stream(self._service, position)
        fact = FactRedriven(service=self._service, position=position)
        about = follow(told, actor=self._service, at=self._clock.now())
        key = str(parked["key"])
        where = self._where(key, position)
        moved = Drop(HELD, where) if told.fact.discard else Change(HELD, where, {"tries": 0, "next_at": None})
        rows_now: list[Write] = [moved, self._alarm(key, self._clock.now(), told)]
        version = len(await self._store.read(stream))
        return Append([Say(stream, version, draft([fact], about, self._new_id))], rows=rows_now)

    def or_ours(self, theirs: Reaction) -> Reaction:
        """A redrive of one of our parked facts is ours; every other one is the service's own."""

        async def redrive_asked(told: Told) -> Append | None:
            assert isinstance(told.fact, RedriveAsked)  # noqa: S101 - the table
            stuck = told.fact.parked.startswith("stuck-")
            return await (self.redrive_asked(told) if stuck else theirs(told))

        return redrive_asked

    async def _broken_again(self, told: Told, tries: int, broken: Exception) -> Append:
        """Nothing is held again that somebody has discarded meanwhile."""
        key, reason, now = key_of(told), _named(broken), self._clock.now()
        where = self._where(key, told.position)
        if tries < TRIES_MAX:
            at = now + TRY_AFTER[tries - 1]
            tried = Change(HELD, where, {"tries": tries, "next_at": at, "reason": reason})
            return Append(rows=[tried, self._alarm(key, at, told)])
        stream = stuck_stream(self._service, told.position)
        fact = FactParked(service=self._service, position=told.position, key=key, fact=told.fact.type,
                          reason=reason, tries=tries)  # fmt: skip
        about = follow(told, actor=self._service, at=now)
        parked = Change(HELD, where, {"tries": tries, "next_at": None, "reason": reason})
        version = len(await self._store.read(stream))
        return Append([Say(stream, version, draft([fact], about, self._new_id))], rows=[parked])

    async def _first(self, key: str, limit: int) -> Sequence[Row]:
        held = {"service": self._service, "key": key}
        return await self._store.pick(Pick(HELD, held, order=("position",), limit=limit))

    def _where(self, key: str, position: int) -> Row:
        return {"service": self._service, "key": key, "position": position}

    def _row(self, told: Told, *, tries: int, next_at: datetime | None, reason: str) -> Put:
        row: Row = {"service": self._service, "key": key_of(told), "position": told.position, "tries": tries,
                    "next_at": next_at, "reason": reason}  # fmt: skip
        return Put(HELD, row)

    def _alarm(self, key: str, at: datetime, because: Told) -> Put:
        """Marked by the fact because of which it is set: what the ear sets is never what a ring has rung."""
        return set_alarm(self._service, f"held-{key}", at, {"ring": "held", "key": key, "mark": because.id})


def _named(broken: Exception) -> str:
    """The kind of fault and its words, bounded."""
    return f"{type(broken).__name__}: {broken}"[:500]
