"""What rings for the scheduler: a slot has come, the desk is called, a queue is planned anew, a person is reminded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog

from events import Told
from events.channels import account_of
from events.subjects import account_stream, connection_stream
from services.chassis.clock import Clock
from services.chassis.rows import Row
from services.chassis.store import Append, Conflict, Store
from services.planning.plan import LEAD
from services.scheduler import post
from services.scheduler.case import read_case
from services.scheduler.consequences import REMINDED_AFTER, consequences
from services.scheduler.desks import Desks
from services.scheduler.grounds import account_known, connection_known
from services.scheduler.replanning import replan
from services.scheduler.seating import Seat
from services.scheduler.waiting import (
    at_the_desk,
    call_at_slot,
    call_person,
    one_each,
    queue_of,
    served,
    to_the_desk,
)

Ring = Callable[[dict[str, Any], Row], Awaitable[Append | None]]

log = structlog.get_logger("scheduler")


def rings(store: Store, desks: Desks, *, clock: Clock, new_id: Callable[[], str]) -> dict[str, Ring]:
    async def due(ring: dict[str, Any], alarm: Row) -> Append | None:
        """The slot has come: to the publisher, or held, or missed, or to the desk once more when it is too late."""
        case, now = await read_case(store, ring["story"]), clock.now()
        if case is None or case.state.phase != "scheduled" or case.state.place is None:
            return None
        if case.state.place.slot.at > now:
            return Append(rows=[call_at_slot(case.state.connection, case.story, case.state.place.slot.at)])
        name = case.state.connection
        told = (account_stream(account_of(name)), connection_stream(name))
        account, connection = await asyncio.gather(*(store.read(stream) for stream in told))
        document, known = account_known(account).document, connection_known(connection)
        assert document is not None  # noqa: S101 - a post was taken in for it
        facts = post.come_due(case.state, now=now, connected=known.connected, tolerance=document.tolerance)
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

    return {"due": due, "remind": remind, **desk_rings(store, desks)}


def desk_rings(store: Store, desks: Desks) -> dict[str, Ring]:
    async def plan(ring: dict[str, Any], alarm: Row) -> Append | None:
        """The desk takes up whoever waits for it, in the order of intake, and lets others through between batches."""
        while await served_some(ring["connection"]):
            pass
        return None

    async def served_some(name: str) -> bool:
        try:
            async with desks.at(name) as desk:
                rows = one_each(await store.pick(at_the_desk(name)))
                if desk is None or not rows:
                    return False
                cases = await asyncio.gather(*(read_case(store, str(row["story"])) for row in rows))
                for row, case in zip(rows, cases, strict=True):
                    if case is None:
                        desk.rows.append(served(row))
                    else:
                        await Seat(desk, row, case, await cause_of(row) or case.last).serve()
                await store.append(desk.append())
        except Conflict:
            pass  # somebody else moved first: the same posts once more
        return True

    async def cause_of(row: Row) -> Told | None:
        """The fact that sent a post to the desk; one held since its intake waits for no other reason than that."""
        position = int(str(row["cause"]))
        return (await store.tail(position - 1, 1))[0] if position else None

    async def replan_queue(ring: dict[str, Any], alarm: Row) -> Append | None:
        """The account plans by other terms now: its queue is planned again, in order (S22)."""
        name = ring["connection"]
        (cause,) = await store.tail(int(ring["cause"]) - 1, 1)
        async with desks.at(name) as desk:
            if desk is None:
                return None
            called = [orjson.loads(str(row["ring"])) for row in await store.pick(queue_of(name, desk.now + LEAD))]
            cases = await asyncio.gather(*(read_case(store, each["story"]) for each in called))
            await replan(desk, [case for case in cases if case], cause)
            await store.append(desk.append())
        return None

    return {"plan": plan, "replan": replan_queue}
