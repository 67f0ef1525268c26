"""Which due alarms are rung first when more are due than can be rung at once: each account's in its turn (D8, D11).

free -> crowded (more is due than there are hands: what is due is given turns) -> free (nobody with a turn is left)

By time alone, ten thousand posts that one account wants out at nine would go before the one that another wants out a
second later. A turn is a column of the alarm, so all processes that ring share it, and it is given once for each alarm;
one who shares the alarms asks at every step whether another has given turns, and may have died since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import orjson

from events.channels import account_of
from services.chassis.rows import ALARM, Change, Pick, Row, Write
from services.chassis.store import Append, Store

PAGE: Final = 500
"""So many alarms are given their turns in one append."""


def by_time(service: str) -> Pick:
    return Pick(ALARM, {"service": service, "turn": None}, order=("due_at",))


def by_turn(service: str) -> Pick:
    return Pick(ALARM, {"service": service}, since={"turn": 0}, order=("turn", "due_at"))


def come_due(service: str, moment: datetime) -> tuple[Pick, Pick]:
    """Every alarm whose time has come by then, each pick along the index, however many are still to come."""
    upto = {"due_at": moment}
    return by_time(service)._replace(upto=upto), by_turn(service)._replace(upto=upto)


class AlarmTurns:
    """Of one service. `crowded` until nobody who was given a turn is left."""

    def __init__(self, store: Store, service: str, *, shared: bool) -> None:
        self._store, self._shared = store, shared
        self.by_time, self.by_turn = by_time(service), by_turn(service)
        self._last: dict[str, int] = {}
        self.crowded = False
        self._unseen = True
        """Whether turns may have been given that we know nothing of: by an earlier life, or by another process."""

    async def due(self, now: datetime, room: int, in_hand: Collection[str]) -> tuple[Pick, list[Row]]:
        """What is rung next, at most `room`, and what that was taken from: by time, or in a crowd by turns."""
        come_by_time = self.by_time._replace(upto={"due_at": now})
        first = await self._store.pick(self.by_turn._replace(limit=1)) if self.crowded or self._unseen else []
        come = await self._found(come_by_time, PAGE if first else room + 1, in_hand)
        self.crowded, self._unseen = bool(first) or len(come) > room, self._shared
        if not self.crowded:
            self._last.clear()
            return come_by_time, come
        current = _turn(first[0]) if first else 0
        while come:
            await self._store.append(Append(rows=self._given(come, current)))
            come = await self._found(come_by_time, PAGE, in_hand)
        return self.by_turn, (await self._found(self.by_turn, room, in_hand))[:room]

    async def _found(self, pick: Pick, limit: int, in_hand: Collection[str]) -> list[Row]:
        rows = await self._store.pick(pick._replace(limit=limit + len(in_hand)))
        return [row for row in rows if row["name"] not in in_hand]

    def _given(self, come: Iterable[Row], current: int) -> list[Write]:
        """The turn after the account's last one, and never before the one that is being rung."""
        given: list[Write] = []
        for row in come:
            whose = account_in(orjson.loads(str(row["ring"])))
            self._last[whose] = max(current, self._last.get(whose, -1) + 1)
            here = {column: row[column] for column in ("service", "name", "due_at", "ring")}
            given.append(Change(ALARM, here, {"turn": self._last[whose]}))
        return given


def account_in(ring: dict[str, Any]) -> str:
    """Whose alarm this is; what is nobody's, such as a look at the rules of time, is the house's own."""
    named = next((ring[key] for key in ("story", "connection", "account") if ring.get(key)), "")
    return account_of(str(named))


def _turn(row: Row) -> int:
    return int(str(row["turn"]))
