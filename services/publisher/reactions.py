"""What the publisher hears, and what rings for it: read, decide, append."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from events import (
    AskRefused,
    ChannelConnected,
    ChannelDisconnected,
    Fact,
    GrantRefreshed,
    PostCancelled,
    PostDue,
    PostEdited,
    PostScheduled,
    PublishingResumed,
    SettleAsked,
    Told,
    draft,
    follow,
)
from events.channels import channel_of
from events.subjects import answer_stream, delivery_stream, post_stream
from services.chassis.alarms import clear_alarm
from services.chassis.answered import answered_once
from services.chassis.concerns import Only, Reaction
from services.chassis.rows import LINE, LOOKING, READY, Change, Pick, Put, Row, Write
from services.chassis.store import Append, Say, Store
from services.publisher import delivery, settling
from services.publisher.case import Case, read_case
from services.publisher.consequences import SERVICE, consequences, look_alarm, retry_alarm
from services.publisher.turns import IN_ORDER, Joining, fair_turn, first_line, join, last_line, wake

Ring = Callable[[dict[str, Any], Row], Awaitable[Append | None]]

FIRST_SLOT = 2
"""The version in its stream of the PostScheduled that follows a PostTakenIn at once."""


def reactions(store: Store, *, clock: Any, new_id: Callable[[], str]) -> dict[type[Fact], Reaction]:
    async def post_due(told: Told) -> Append | None:
        """The slot has come: the post is ready for a lane, unless this PostDue has been overtaken."""
        case = await read_case(store, told.story)
        if case is None or case.standing is None or case.standing.id != told.id:
            return None
        if delivery.over(case.state, case.due) or case.state.open:
            return None
        return await joined(store, case, new_id())

    async def withdrawn(told: Told) -> Append | None:
        """The scheduler took the post back: nothing rings for it any more, and its round ends."""
        case = await read_case(store, told.story)
        if case is None or case.standing is not None:
            return None
        now = clock.now()
        facts = delivery.withdraw(case.state, due=case.due)
        if not facts:
            return None
        return Append([case.say(facts, at=now, new_id=new_id, cause=told)], rows=consequences(case.story, facts))

    async def settle_asked(told: Told) -> Append | None:
        """A person, shown the evidence, says what became of an unknown outcome (S35)."""
        ask, case, now = told.fact, await read_case(store, told.story), clock.now()
        assert isinstance(ask, SettleAsked)  # noqa: S101 - the table
        if problem := refusal(ask, case):
            no = AskRefused(code=problem[0], reason=problem[1])
            about = follow(told, actor="publisher", at=now)
            return Append([Say(answer_stream(told.id), 0, draft((no,), about, new_id))])
        assert case is not None  # noqa: S101 - refusal() asked
        facts = settling.settle_asked(case.state, due=case.due, verdict=ask.verdict, now=now,
                                      channel_post_id=ask.channel_post_id, url=ask.url,
                                      marker=case.marker)  # fmt: skip
        say = case.say(facts, at=now, new_id=new_id, cause=told)
        return Append([say], still={post_stream(case.story): case.still[post_stream(case.story)]},
                      rows=consequences(case.story, facts))  # fmt: skip

    async def connection_changed(told: Told) -> Append | None:
        """A grant came, came back or went: whoever waits in that line is asked again, in order."""
        fact = told.fact
        assert isinstance(fact, ChannelConnected | GrantRefreshed | ChannelDisconnected)  # noqa: S101 - the table
        names = fact.connections if isinstance(fact, ChannelDisconnected) else (fact.connection,)
        return await woken(store, [{"connection": name} for name in names], new_id)

    async def publishing_resumed(told: Told) -> Append | None:
        assert isinstance(told.fact, PublishingResumed)  # noqa: S101 - the table
        return await woken(store, reach(told.fact.scope), new_id)

    return {
        PostDue: post_due,
        PostCancelled: withdrawn,
        PostEdited: withdrawn,
        PostScheduled: Only(planned_again, withdrawn),
        **answered_once(store, {SettleAsked: settle_asked}),
        ChannelConnected: connection_changed,
        GrantRefreshed: connection_changed,
        ChannelDisconnected: connection_changed,
        PublishingResumed: publishing_resumed,
    }


def rings(store: Store, *, clock: Any, new_id: Callable[[], str]) -> dict[str, Ring]:
    async def next_step_due(ring: dict[str, Any], alarm: Row) -> Append | None:
        """A retry, a look that is due and a restart come in here alike: the one next thing is named, and made ready."""
        case = await read_case(store, ring["story"])
        if case is None:
            return None
        match delivery.next_step(case.state, clock.now()):
            case delivery.Start() | delivery.Done() if case.standing and not delivery.over(case.state, case.due):
                # Done was an earlier round: this one waited for a look that had to come before its first attempt.
                return await joined(store, case, new_id())
            case delivery.Look():
                return Append(rows=[Put(LOOKING, looking_row(case, alarm))])
            case delivery.Wait(until):
                again = look_alarm if case.state.open else retry_alarm
                return Append(rows=[again(case.story, until)])
            case _:
                return None

    async def line_due(ring: dict[str, Any], alarm: Row) -> Append | None:
        """A limit is over: the line's own `not_before` has let it go, and writing the row wakes the lanes."""
        held = {"connection": ring["connection"], "not_before": alarm["due_at"]}
        return Append(rows=[Change(LINE, held, {"not_before": None})])

    return {"retry": next_step_due, "look": next_step_due, "line": line_due}


def planned_again(told: Told) -> bool:
    """Its first slot, right after it was taken in, takes no post out of anybody's hands."""
    return told.version > FIRST_SLOT


async def joined(store: Store, case: Case, mark: str) -> Append | None:
    """The post takes its turn in its line; one that waits there already keeps the turn it has."""
    there = await store.pick(Pick(READY, {"story": case.story}))
    if there and there[0]["round"] == case.due.round:
        return None
    name = case.due.connection
    turn = fair_turn(await store.pick(last_line(name)), await store.pick(first_line(name)))
    joining = Joining(case.story, case.due, delivery.due_at(case.state, case.due), case.last.position, mark)
    rows = [clear_alarm(SERVICE, f"retry-{case.story}"), *join(joining, turn)]
    return Append(still={delivery_stream(case.story): len(case.told)}, rows=rows)


async def woken(store: Store, reaches: Sequence[dict[str, str]], new_id: Callable[[], str]) -> Append | None:
    """Lines set aside because their first post had to wait; each is claimable again at its first post's turn."""
    heads: dict[str, Row] = {}
    for where in reaches:
        for row in await store.pick(Pick(READY, where=where, order=IN_ORDER)):
            heads.setdefault(str(row["connection"]), row)
    rows: list[Write] = [write for name, head in heads.items() for write in wake(name, head, new_id())]
    return Append(rows=rows) if rows else None


def reach(scope: str) -> list[dict[str, str]]:
    """The kill switch reaches everything, a channel, or an account; an account may be called like a channel."""
    return [{}] if scope == "all" else [{"channel": scope}, {"account": scope}]


def refusal(ask: SettleAsked, case: Case | None) -> tuple[str, str] | None:
    """Why this ask cannot be granted: the problem code and the reason."""
    if case is None or not case.state.unknown:
        return "not_unknown", "There is no unknown outcome to settle."
    version = f"{case.still[post_stream(case.story)]}.{len(case.told)}"
    if ask.expected is not None and ask.expected != version:
        return "stale", f"The post has moved on to version {version}; read it again before you decide."
    if ask.verdict == "published" and not (ask.channel_post_id or ask.url):
        return "where_is_it", "Say where it is live: its id on the channel, or its address."
    if ask.verdict == "published" and (no := settling.no_id(case.due.connection, ask.channel_post_id)):
        return "where_is_it", no
    return None


def looking_row(case: Case, alarm: Row) -> Row:
    return {"story": case.story, "connection": case.due.connection, "channel": channel_of(case.due.connection),
            "due_at": alarm["due_at"]}  # fmt: skip
