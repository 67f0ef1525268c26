"""What rings for the scheduler: a slot has come, a person is reminded; and whatever calls the desk (`serving.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from events.channels import account_of
from events.subjects import account_stream, connection_stream
from services.chassis.clock import Clock
from services.chassis.quarantine import Remembered
from services.chassis.rows import Row
from services.chassis.store import Append, Store
from services.scheduler import post
from services.scheduler.case import read_case
from services.scheduler.consequences import REMINDED_AFTER, consequences
from services.scheduler.desks import Desks
from services.scheduler.grounds import connection_known, document_of
from services.scheduler.serving import Serving
from services.scheduler.waiting import (
    call_at_slot,
    call_person,
    to_the_desk,
)

Ring = Callable[[dict[str, Any], Row], Awaitable[Append | None]]

log = structlog.get_logger("scheduler")


def rings(store: Store, desks: Desks, *, clock: Clock, new_id: Callable[[], str]) -> dict[str, Ring]:
    remembered = Remembered(store)

    async def due(ring: dict[str, Any], alarm: Row) -> Append | None:
        """The slot has come: to the publisher, or held, or missed, or to the desk once more when it is too late."""
        case, now = await read_case(store, ring["story"]), clock.now()
        if case is None or case.state.phase != "scheduled" or case.state.place is None:
            return None
        if case.state.place.slot.at > now:
            return Append(rows=[call_at_slot(case.state.connection, case.story, case.state.place.slot.at)])
        name = case.state.connection
        told = (account_stream(account_of(name)), connection_stream(name))
        account, connection = await store.read_all(told)
        document, known = document_of(account), connection_known(connection)
        assert document is not None  # noqa: S101 - a post was taken in for it
        restored = await remembered()
        forgotten = restored is not None and case.state.place.slot.at <= restored.at
        facts = post.come_due(case.state, now=now, connected=known.connected, tolerance=document.tolerance,
                              forgotten=forgotten)  # fmt: skip
        still = {told[0]: len(account), told[1]: len(connection), **case.still}
        rows = consequences(case.story, case.state, facts, now=now)
        if post.needs_desk(facts):
            rows += to_the_desk(name, case.story, turn=case.turn, cause=case.last.position, now=now, mark=new_id())
        says = [case.say(facts, at=now, new_id=new_id)] if facts else []
        return Append(says, still, rows=rows)

    async def remind(ring: dict[str, Any], alarm: Row) -> Append | None:
        """A missed post still waits for a person."""
        case = await read_case(store, ring["story"])
        if case is None or case.state.phase != "missed":
            return None
        log.warning("a missed post waits for a person", story=case.story, reason=case.state.fault)
        return Append(rows=[call_person(case.story, clock.now() + REMINDED_AFTER)])

    return {"due": due, "remind": remind, **Serving(store, desks, clock=clock, new_id=new_id).rings}
