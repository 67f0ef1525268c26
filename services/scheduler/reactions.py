"""What the scheduler hears: read, decide, append. What it is asked stands in `asking.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from events import (
    AccountChanged,
    ApprovalGiven,
    ApprovalRefused,
    ChannelConnected,
    DeliveryReturned,
    Fact,
    PostFailed,
    PostPublished,
    Told,
)
from events.channels import account_of
from events.subjects import approval_stream, engagement_stream, name_of
from services.chassis.clock import Clock
from services.chassis.concerns import Only, Reaction
from services.chassis.rows import Write
from services.chassis.store import Append, Store
from services.planning.rezoning import Keep
from services.planning.terms import counted_by
from services.scheduler import post
from services.scheduler.case import Case, read_case, thread
from services.scheduler.consequences import consequences
from services.scheduler.grounds import account_known, but_for_the_zone, documents, planned_alike, profile_known
from services.scheduler.waiting import (
    call_desk,
    call_for_replan,
    call_welcome,
    called_for_replan,
    for_account,
    release,
    to_the_desk,
)


def reactions(store: Store, *, clock: Clock, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    wiring = {"clock": clock, "new_id": new_id}
    return {**about_posts(store, **wiring), **about_accounts(store, **wiring)}


def about_posts(store: Store, *, clock: Clock, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    def to_desk(case: Case, facts: Sequence[Fact], told: Told) -> Append:
        """Whatever is said, the desk sees to the slot: to give it back, or to find another."""
        now, name = clock.now(), case.state.connection
        rows = consequences(case.story, case.state, facts, now=now)
        rows += to_the_desk(name, case.story, turn=case.turn, cause=told.position, now=now, mark=new_id())
        says = [case.say(facts, at=now, new_id=new_id, cause=told)] if facts else []
        return Append(says, case.still, rows=rows)

    async def post_failed(told: Told) -> Append | None:
        """It is known not to be live, so its slot is given back (S17a)."""
        case = await read_case(store, told.story)
        return to_desk(case, [], told) if case and case.state.phase == "failed" else None

    async def post_published(told: Told) -> Append | None:
        """One that went out after its channel's midnight counts there, and the desk sees to both days (S17a)."""
        case = await read_case(store, told.story)
        return to_desk(case, [], told) if case and case.state.phase == "published" else None

    async def delivery_returned(told: Told) -> Append | None:
        """The round ended without an attempt that counts: the scheduler holds the post again."""
        case = await read_case(store, told.story)
        if case is None or case.state.phase != "returned":
            return None
        match case.state.fault:
            case "disconnected":
                facts = post.hold(case.state, connection=case.state.connection, reason="disconnected")
            case "late":
                facts = post.miss(case.state, reason="it was found later than the tolerance")
            case _:
                facts = []
        return to_desk(case, facts, told)

    async def approval_given(told: Told) -> Append | None:
        """Approved as it stands now, it takes the next slot (S40)."""
        case = await read_case(store, told.story)
        if case is None or not case.approved or case.state.phase not in ("taken_in", "held"):
            return None
        return to_desk(case, [], told)

    async def approval_refused(told: Told) -> Append | None:
        """Back to Production, with everything that was said about it (S41)."""
        case = await read_case(store, told.story)
        comments = thread(await store.read(approval_stream(told.story)))
        facts = post.reject(case.state, comments=comments) if case else []
        return to_desk(case, facts, told) if case and facts else None

    return {
        PostFailed: post_failed,
        PostPublished: Only(went_out_elsewhere, post_published),
        DeliveryReturned: delivery_returned,
        ApprovalGiven: approval_given,
        ApprovalRefused: approval_refused,
    }


def went_out_elsewhere(told: Told) -> bool:
    """On another of its channel's days than its slot is on."""
    fact = told.fact
    assert isinstance(fact, PostPublished)  # noqa: S101 - the table
    return fact.slot_at is not None and counted_by(fact.connection).parts(fact.slot_at, fact.published_at)


def about_accounts(store: Store, *, clock: Clock, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    async def channel_connected(told: Told) -> Append | None:
        """Whoever was held comes to the desk, in order, and gets a slot each: never a burst (S10)."""
        assert isinstance(told.fact, ChannelConnected)  # noqa: S101 - the table
        name = told.fact.connection
        return Append(rows=[release(name), call_desk(name, clock.now(), new_id())])

    async def account_changed(told: Told) -> Append | None:
        """Messages that waited for the account are tried; a queue planned by other terms is planned again (S22)."""
        name, now = account_of(name_of(told.stream)), clock.now()
        of_account = [each for each in await store.read(told.stream) if each.version <= told.version]
        assert isinstance(told.fact, AccountChanged)  # noqa: S101 - the table
        rows: list[Write] = []
        if await store.pick(for_account(name, limit=1)):
            rows.append(call_welcome(name, now, cause=told.position, mark=new_id()))
        for connection in account_known(of_account).listed:
            profile = profile_known(await store.read(engagement_stream(connection)))
            changed = documents(of_account)[-2:]
            if not planned_alike(connection, changed, profile):
                alone = planned_alike(connection, but_for_the_zone(changed), profile)
                keep = await together(connection, told.fact.keep if alone else None)
                rows.append(call_for_replan(connection, now, cause=told.position, keep=keep))
        return Append(rows=rows) if rows else None

    async def together(connection: str, keep: Keep | None) -> Keep | None:
        """An earlier change not acted upon yet is done with this one; where they differ, all is planned anew."""
        called = await store.pick(called_for_replan(connection))
        return keep if all(orjson.loads(str(row["ring"])).get("keep") == keep for row in called) else None

    return {
        ChannelConnected: channel_connected,
        AccountChanged: account_changed,
    }
