"""What people ask of a post, decided: granted at once, sent to the desk for a slot, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from events import (
    AccountDocument,
    Ask,
    CancelAsked,
    EditAsked,
    Fact,
    RescheduleAsked,
    RetryAsked,
    Told,
    UndoAsked,
)
from events.channels import account_of, channel_of
from events.subjects import account_stream, connection_stream, post_stream
from services.chassis.clock import Clock
from services.chassis.concerns import Reaction
from services.chassis.rows import Write
from services.chassis.store import Append, Store
from services.scheduler import grounds, post
from services.scheduler.asks import NOT_FOUND, No, edited, over_limit, refusal
from services.scheduler.case import Case, read_case, undone_by
from services.scheduler.consequences import consequences
from services.scheduler.grounds import connection_known
from services.scheduler.limits import Sender, broken_limit
from services.scheduler.seating import answer
from services.scheduler.waiting import to_the_desk

TOGETHER = timedelta(milliseconds=250)
"""The last ask of a request calls the desk at once, the others only after this, so that they are planned together; it
is called even if the last one is refused."""


def asks(store: Store, *, clock: Clock, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    def refused(told: Told, no: No | None) -> Append:
        return Append([answer(told, no or NOT_FOUND, at=clock.now(), new_id=new_id)])

    def desk_for(case: Case, told: Told, *, after: timedelta = timedelta()) -> list[Write]:
        return to_the_desk(case.state.connection, case.story, turn=case.turn, cause=told.position,
                           now=clock.now() + after, mark=new_id())  # fmt: skip

    def granted(case: Case, told: Told, facts: Sequence[Fact], rows: Sequence[Write]) -> Append:
        now = clock.now()
        alarms = consequences(case.story, case.state, facts, now=now)
        return Append([case.say(facts, at=now, new_id=new_id, cause=told)], case.still, rows=[*alarms, *rows])

    async def considered(told: Told) -> tuple[Case | None, No | None]:
        """The post, and the no that its own state gives."""
        case = await read_case(store, told.story)
        if case is None:
            return None, NOT_FOUND
        assert isinstance(told.fact, Ask)  # noqa: S101 - the table
        undoes = await undone_by(store, case, told.fact)
        return case, refusal(told.fact, case.state, version=case.version, approved=case.approved, now=clock.now(),
                             undoes=undoes)  # fmt: skip

    async def slot_asked(told: Told) -> Append | None:
        """Retry, move and undo need a slot, so the desk decides, for many at once; a plain no needs no desk."""
        case, no = await considered(told)
        if case is None or no:
            return refused(told, no)
        if case.state.phase == "refused" and (broken := broken_limit(case.state.content, await sender_of(store, case))):
            return refused(told, over_limit(broken))  # the door said no, and the content is what it was
        together = await store.read(told.stream)
        after = TOGETHER if told.version < len(together) else timedelta()
        rows = desk_for(case, told, after=after)
        return Append(still={post_stream(case.story): case.post_version, **case.still}, rows=rows)

    async def cancel_asked(told: Told) -> Append | None:
        case, no = await considered(told)
        if case is None or no:
            return refused(told, no)
        assert isinstance(told.fact, CancelAsked)  # noqa: S101 - the table
        return granted(case, told, post.cancel(case.state, reason=told.fact.reason), desk_for(case, told))

    async def edit_asked(told: Told) -> Append | None:
        """While no attempt is open, and within the channel's limits (S28); a gated post gives its slot back."""
        case, no = await considered(told)
        facts = await edit(store, case, told.fact) if case and no is None else []
        if case is None or no or isinstance(facts, No):
            return refused(told, facts if isinstance(facts, No) else no)
        return granted(case, told, facts, desk_for(case, told) if case.state.gated else [])

    return {
        RetryAsked: slot_asked,
        RescheduleAsked: slot_asked,
        UndoAsked: slot_asked,
        CancelAsked: cancel_asked,
        EditAsked: edit_asked,
    }


async def edit(store: Store, case: Case, ask: Fact) -> Sequence[Fact] | No:
    assert isinstance(ask, EditAsked)  # noqa: S101 - the table
    content = edited(case.state.content, ask)
    if broken := broken_limit(content, await sender_of(store, case)):
        return over_limit(broken)
    document = await document_of(store, case)
    facts = post.edit(case.state, content=content, tolerance=document.tolerance)
    return facts or No("unchanged", "The post reads so already; change something, or leave it as it is.")


async def sender_of(store: Store, case: Case) -> Sender:
    name, taken_in = case.state.connection, case.state.taken_in
    known = connection_known(await store.read(connection_stream(name)))
    utm = (await document_of(store, case)).utm
    campaign, bucket = (taken_in.campaign, taken_in.bucket) if taken_in else (None, None)
    return Sender(channel_of(name), case.story, campaign, bucket, utm, known.premium)


async def document_of(store: Store, case: Case) -> AccountDocument:
    document = grounds.document_of(await store.read(account_stream(account_of(case.story))))
    assert document is not None  # noqa: S101 - a post was taken in for it
    return document
