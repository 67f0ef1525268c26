"""One post on its way to one channel: what happened so far, the one next thing, how an attempt starts and ends.

    waiting -> trying -> published
        ^        |---> failed      4xx at once; 5xx once the three waits are spent
        |--------|---> waiting     5xx: again after 1, 5, 25 minutes; 429: as long as the channel says
                 |---> unclear     nobody knows: `settling.py` looks before anything is sent again
                 '---> resting     the grant was refused: until it is refreshed, or gone

A *round* begins with the scheduler's PostDue and ends with PostPublished, PostFailed or DeliveryReturned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from events import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    LateSendSeen,
    LookedUp,
    OutcomeUnknown,
    PostDue,
    PostFailed,
    PostPublished,
    RateLimited,
)
from events.channels import ATTEMPT_LIFE
from services.channels.outcome import Delivered, Limited, Outcome, Refused, Unavailable, Unclear
from services.publisher.attempt import (
    FORGOTTEN,
    Open,
    facts_of,
    failed,
    first_look,
    held_until,
    looked,
    published,
    unclear,
)
from services.publisher.grounds import Connection
from services.publisher.sentences import said_no


@dataclass(frozen=True, slots=True)
class State:
    round: int = 0
    attempts: int = 0
    tries: int = 0
    open: Open | None = None
    retry_at: datetime | None = None
    refused: CredentialRefused | None = None
    refusals: int = 0
    unknown: OutcomeUnknown | None = None
    ended: bool = False
    looked_first: int = 0
    """The round that was looked up before its first attempt, and found absent."""
    looks_first: int = 0


initial = State()


def evolve(state: State, fact: Fact) -> State:
    match fact:
        case AttemptStarted():
            first = fact.round != state.round
            return State(
                fact.round,
                fact.attempt,
                fact.tries,
                Open(fact, fact.look_at),
                refusals=0 if first else state.refusals,
            )
        case AttemptUnclear() if state.open:
            return replace(state, open=replace(state.open, unclear=fact, look_at=fact.look_at))
        case LookedUp() if state.open:
            return replace(state, open=looked(state.open, fact))
        case LookedUp():
            absent = fact.round if fact.found is False else state.looked_first
            return replace(state, looked_first=absent, looks_first=fact.look)
        case AttemptFailed():
            return replace(state, open=None, tries=fact.tries, retry_at=fact.retry_at)
        case RateLimited():
            return replace(state, open=None, retry_at=fact.until)
        case CredentialRefused() if fact.attempt == FORGOTTEN or (state.open and state.open.unclear):
            return state  # a look was refused, not the attempt: it is as open as it was
        case CredentialRefused():
            return replace(state, open=None, refused=fact, refusals=state.refusals + 1)
        case OutcomeUnknown():
            return replace(state, unknown=fact)
        case PostPublished() | PostFailed() | DeliveryReturned():
            return State(fact.round, state.attempts, fact.tries, ended=True)
        case _:
            return state


# The one next thing. A retry, a look that is due and a restart all come in by this door.


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """Nothing is open and nothing forbids it: `start` may be asked."""


@dataclass(frozen=True, slots=True)
class Look:
    """The open attempt has settled long enough to be looked up."""


@dataclass(frozen=True, slots=True)
class Rest:
    waits_for: Literal["grant", "person"]


@dataclass(frozen=True, slots=True)
class Done:
    """The round has ended; the scheduler holds the post."""


NextStep = Wait | Start | Look | Rest | Done


def next_step(state: State, now: datetime) -> NextStep:
    if state.ended:
        return Done()
    if state.unknown:
        return Rest("person")
    if state.open:
        return Look() if state.open.look_at <= now else Wait(state.open.look_at)
    if state.refused:
        return Rest("grant")
    if state.retry_at and state.retry_at > now:
        return Wait(state.retry_at)
    return Start()


def tries_of(state: State, due: PostDue) -> int:
    """A new round begins with the tries its PostDue brings along."""
    return state.tries if state.round == due.round else due.tries


def due_at(state: State, due: PostDue) -> datetime:
    """Its slot; once it was tried, when it may be tried again, so that a retry waits behind whoever was due by then."""
    again = state.retry_at if state.round == due.round else None
    return max(due.slot_at, again) if again else due.slot_at


def over(state: State, due: PostDue) -> bool:
    """An old PostDue starts nothing: its round has ended, or a later one has begun (facts.md, who holds a post)."""
    return due.round < state.round or (due.round == state.round and state.ended)


def must_look_first(state: State, due: PostDue) -> bool:
    """After a restore the log may have forgotten an attempt: this round sends nothing before a look (I27)."""
    return due.looked_first and state.round < due.round and state.looked_first < due.round


def start(
    state: State,
    *,
    due: PostDue,
    connection: Connection,
    paused: bool,
    now: datetime,
    epoch: int,
    marker: str,
    life: timedelta = ATTEMPT_LIFE,
    unproven: bool = False,
) -> Sequence[Fact]:
    """Begin an attempt, give the post back, or say nothing because something else must come first.

    One that is `unproven` is not called late yet: it may have gone out in time, and is looked up first (I27).
    """
    if over(state, due):
        return []
    if state.open or state.unknown:
        return []  # never a second call while nobody knows what became of the first (S35), whatever the round
    if paused:
        return []  # the kill switch; PublishingResumed wakes the line
    tries = tries_of(state, due)
    refused = state.refused
    if refused and (not connection.connected or _cured_in_vain(state, connection)):
        return [_given_up(refused, due.round, tries)]
    if not connection.connected:
        return [DeliveryReturned(round=due.round, reason="disconnected", tries=tries)]
    if refused and connection.credential_version <= refused.credential_version:
        return []  # the grant is being refreshed (D20)
    if due.round == state.round and state.retry_at and state.retry_at > now:
        return []
    if not unproven and now - due.slot_at > timedelta(seconds=due.tolerance_seconds):
        return [DeliveryReturned(round=due.round, reason="late", tries=tries)]
    deadline = now + life
    channel = facts_of(due.connection)
    return [
        AttemptStarted(
            round=due.round,
            attempt=state.attempts + 1,
            epoch=epoch,
            connection=due.connection,
            deadline=deadline,
            look_at=first_look(channel, deadline, answered=False),
            content_hash=due.content_hash,
            marker=marker,
            tier=channel.tier,
            credential_version=connection.credential_version,
            tries=tries,
        )
    ]


def settle(state: State, *, due: PostDue, attempt: int, outcome: Outcome, now: datetime) -> Sequence[Fact]:
    """What this answer from the channel means for the post. Nothing, when the attempt is settled already."""
    if not state.open or state.open.started.attempt != attempt or state.unknown:
        return []
    started = state.open.started
    here: dict[str, Any] = {"round": started.round, "attempt": attempt}
    match outcome:
        case Delivered():
            return [published(started, due, outcome.channel_post_id, outcome.url, now, "answer")]
        case Limited():
            until, told = held_until(outcome.until, now)
            return [RateLimited(**here, connection=started.connection, until=until, told=told,
                                code=outcome.code, http_status=outcome.http_status)]  # fmt: skip
        case Refused(kind="auth" | "revoked") if state.open.unclear:
            return []  # it came after it was given up: whoever looks meets the same refusal, and keeps the alarm
        case Refused(kind="auth" | "revoked"):
            # Refresh once, repeat once; refused again, the grant counts as gone (S11, D20).
            gone = outcome.kind == "revoked" or state.refusals > 0
            return [CredentialRefused(**here, connection=started.connection, code=outcome.code, revoked=gone,
                                      credential_version=started.credential_version)]  # fmt: skip
        case Refused(kind="duplicate"):
            return [unclear(started, outcome.code, outcome.http_status, outcome.detail, now, duplicate=True)]
        case Refused():
            return [said_no(started.connection, started.round, outcome.kind, outcome.code, outcome.http_status,
                            outcome.detail, started.tries + 1)]  # fmt: skip
        case Unavailable():
            return failed(state.open, outcome.code, outcome.http_status, outcome.detail, at=now, not_before=now)
        case Unclear():
            # A definite 4xx that is nevertheless unclear is a channel saying "I have this already".
            status = outcome.http_status or 0
            twin = 400 <= status < 500 and status != 408
            return [unclear(started, outcome.code, outcome.http_status, outcome.detail, now, duplicate=twin)]


def late(state: State, *, started: AttemptStarted, outcome: Outcome) -> Sequence[Fact]:
    """An answer whose line had been taken over: kept as evidence of a possible duplicate, deciding nothing (F5)."""
    post_id = outcome.channel_post_id if isinstance(outcome, Delivered) else None
    return [LateSendSeen(round=started.round, attempt=started.attempt, epoch=started.epoch,
                         outcome=type(outcome).__name__.lower(), channel_post_id=post_id)]  # fmt: skip


def withdraw(state: State, *, due: PostDue) -> Sequence[Fact]:
    """The scheduler took the post back before anything was sent (cancel, edit, move)."""
    if over(state, due) or state.open:
        return []
    return [DeliveryReturned(round=due.round, reason="withdrawn", tries=tries_of(state, due))]


def _cured_in_vain(state: State, connection: Connection) -> bool:
    """Refreshed once, repeated once, refused again, refreshed again: a third call would only be refused (S11)."""
    refused = state.refused
    return refused is not None and state.refusals > 1 and connection.credential_version > refused.credential_version


def _given_up(refused: CredentialRefused, round: int, tries: int) -> PostFailed:
    """The grant was refused during this post's own attempt and is gone: that post fails, no other (S11)."""
    kind = "revoked" if refused.revoked else "auth"
    return said_no(refused.connection, round, kind, refused.code, None, "", tries)
