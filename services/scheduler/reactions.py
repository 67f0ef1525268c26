"""What the scheduler hears: read, decide, append."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from events import (
    ApprovalGiven,
    ApprovalRefused,
    ChannelConnected,
    DeliveryReturned,
    EngagementProfiled,
    Fact,
    PostFailed,
    Told,
)
from events.subjects import approval_stream
from services.chassis.clock import Clock
from services.chassis.rows import ROOM, Drop, Write
from services.chassis.store import Append, Store
from services.scheduler import post
from services.scheduler.case import Case, read_case, thread
from services.scheduler.consequences import consequences
from services.scheduler.waiting import call_desk, release, to_the_desk

Reaction = Callable[[Told], Awaitable[Append | None]]


def reactions(store: Store, *, clock: Clock, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    def desk_for(case: Case, told: Told) -> list[Write]:
        return to_the_desk(case.state.connection, case.story, turn=case.turn, cause=told.position, now=clock.now(),
                           mark=new_id())  # fmt: skip

    def said(case: Case, facts: list[Fact], told: Told, rows: list[Write]) -> Append:
        now = clock.now()
        rows = consequences(case.story, case.state.connection, facts, now=now, gated=case.state.gated) + rows
        says = [case.say(facts, at=now, new_id=new_id, cause=told)] if facts else []
        return Append(says, case.still, rows=rows)

    async def post_failed(told: Told) -> Append | None:
        """It is known not to be live, so its slot is given back (S17a)."""
        case = await read_case(store, told.story)
        return said(case, [], told, desk_for(case, told)) if case and case.state.phase == "failed" else None

    async def delivery_returned(told: Told) -> Append | None:
        """The round ended without an attempt that counts: the scheduler holds the post again."""
        case = await read_case(store, told.story)
        if case is None or case.state.phase != "returned":
            return None
        facts: list[Fact] = []
        if case.state.fault == "disconnected":
            facts += post.hold(case.state, connection=case.state.connection, reason="disconnected")
        if case.state.fault == "late":
            facts += post.miss(case.state, reason="it was found later than the tolerance")
        return said(case, facts, told, desk_for(case, told))

    async def channel_connected(told: Told) -> Append | None:
        """Whoever was held comes to the desk, in order, and gets a slot each: never a burst (S10)."""
        assert isinstance(told.fact, ChannelConnected)  # noqa: S101 - the table
        name = told.fact.connection
        return Append(rows=[release(name), call_desk(name, clock.now(), new_id())])

    async def approval_given(told: Told) -> Append | None:
        """Approved as it stands now, it takes the next slot (S40)."""
        case = await read_case(store, told.story)
        if case is None or not case.approved or case.state.phase not in ("taken_in", "held"):
            return None
        return said(case, [], told, desk_for(case, told))

    async def approval_refused(told: Told) -> Append | None:
        """Back to Production, with everything that was said about it (S41)."""
        case = await read_case(store, told.story)
        if case is None:
            return None
        facts = list(post.reject(case.state, comments=thread(await store.read(approval_stream(told.story)))))
        return said(case, facts, told, desk_for(case, told)) if facts else None

    async def engagement_profiled(told: Told) -> Append | None:
        """Other windows may have room on days that were full (S16)."""
        assert isinstance(told.fact, EngagementProfiled)  # noqa: S101 - the table
        return Append(rows=[Drop(ROOM, {"connection": told.fact.connection})])

    return {
        PostFailed: post_failed,
        DeliveryReturned: delivery_returned,
        ChannelConnected: channel_connected,
        ApprovalGiven: approval_given,
        ApprovalRefused: approval_refused,
        EngagementProfiled: engagement_profiled,
    }
