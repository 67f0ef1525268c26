"""One post's life in the queue.

    taken in -> scheduled -> due -> published | failed
        |            |---> held      its channel is not connected (S10)
        |            '---> missed    *exactly at* could not be kept: a person decides (S3)
        '--> refused, cancelled, rejected

The scheduler holds a post until PostDue(round), and again from the end of that round. What the publisher says of the
delivery is folded in here as well, in the order of the log, because a post may be withdrawn while no attempt is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from events import (
    AttemptFailed,
    AttemptStarted,
    AttemptUnclear,
    Comment,
    Content,
    CredentialRefused,
    DeliveryReturned,
    Fact,
    OutcomeUnknown,
    PostCancelled,
    PostDue,
    PostEdited,
    PostFailed,
    PostHeld,
    PostMissed,
    PostPublished,
    PostRefused,
    PostRejected,
    PostScheduled,
    PostTakenIn,
    RateLimited,
    Slot,
)
from services.planning.plan import Wish

Phase = Literal["unknown", "taken_in", "scheduled", "held", "missed", "due", "returned", "published", "failed",
                "refused", "cancelled", "rejected"]  # fmt: skip
FAILED = ("failed", "refused")
ENDED = ("published", *FAILED, "cancelled", "rejected")
NOTHING, ANY_TIME = Content(text=""), Wish()
AT_ONCE = "at once"
"""The mode of a slot that a retry takes: this very moment, but no promise to keep to it, unlike *exactly at*."""
MOVED, UNDONE = "moved", "undone"
"""The reasons of a slot that a person has asked for (S25); whatever else moves a post is nothing to undo."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a post stands in its connection's days, and what was asked for when it got there."""

    slot: Slot
    wish: Wish


@dataclass(frozen=True, slots=True)
class State:
    """`round` is the last one begun, `tries` those used up; `fault` is why it failed or came back.

    `place` is the slot it has or last had.
    """

    phase: Phase = "unknown"
    taken_in: PostTakenIn | None = None
    connection: str = ""
    content: Content = NOTHING
    content_hash: str = ""
    wish: Wish = ANY_TIME
    place: Place | None = None
    round: int = 0
    tries: int = 0
    attempts: int = 0
    open: bool = False
    unclear: bool = False
    look_first: bool = False
    fault: str = ""

    @property
    def gated(self) -> bool:
        return self.taken_in is not None and self.taken_in.approval_required


initial = State()


def evolve(state: State, fact: Fact) -> State:
    match fact:
        case PostTakenIn():
            return State("taken_in", fact, fact.connection, fact.content, fact.content_hash,
                         Wish(fact.not_before, fact.exactly_at))  # fmt: skip
        case PostEdited():
            again = state.gated and state.phase in ("scheduled", "due", "returned")
            phase = "taken_in" if again else state.phase
            return replace(state, phase=phase, content=fact.content, content_hash=fact.content_hash)
        case PostScheduled():
            exactly = fact.slot.at if fact.why.mode == "exactly" else None
            place = Place(fact.slot, Wish(fact.not_before, exactly))
            return replace(_anew(state), phase="scheduled", connection=fact.connection, place=place, wish=place.wish)
        case PostHeld():
            phase = "taken_in" if fact.reason == "not_approved" else "held"
            return replace(_anew(state), phase=phase, connection=fact.connection, fault=fact.reason)
        case PostMissed():
            return replace(state, phase="missed", fault=fact.reason)
        case PostDue():
            return replace(state, phase="due", round=fact.round)
        case PostRefused():
            return replace(state, phase="refused", fault=fact.code)
        case PostCancelled():
            return replace(state, phase="cancelled")
        case PostRejected():
            return replace(state, phase="rejected")
        case _:
            return _delivered(state, fact)


def _anew(state: State) -> State:
    """A person asked for a failed post once more: its tries begin at 0, and what may be out there is looked for."""
    if state.phase not in FAILED:
        return state
    return replace(state, tries=0, look_first=state.attempts > 0, fault="")


def _delivered(state: State, fact: Fact) -> State:
    """What the publisher says: whether an attempt is open, and how a round ends."""
    match fact:
        case AttemptStarted():
            return replace(state, open=True, unclear=False, attempts=state.attempts + 1, tries=fact.tries,
                           look_first=False)  # fmt: skip
        case AttemptUnclear() | OutcomeUnknown():
            return replace(state, unclear=True)
        case AttemptFailed():
            return replace(state, open=False, unclear=False, tries=fact.tries)
        case RateLimited():
            return replace(state, open=False, unclear=False)
        case CredentialRefused() if not state.unclear:
            return replace(state, open=False)
        case PostPublished():
            return replace(state, phase="published", open=False, unclear=False, tries=fact.tries)
        case PostFailed():
            return replace(state, phase="failed", open=False, unclear=False, tries=fact.tries, fault=fact.code)
        case DeliveryReturned():
            state = replace(state, open=False, unclear=False, tries=fact.tries)
            stands = state.phase == "due" and fact.round == state.round
            return replace(state, phase="returned", fault=fact.reason) if stands else state
        case _:
            return state


def hash_of(content: Content) -> str:
    """What an approval is bound to and a publication is compared with (S40, I15)."""
    return hashlib.sha256(content.__pydantic_serializer__.to_json(content)).hexdigest()


# The slot.


def late(state: State, *, now: datetime, tolerance: timedelta) -> bool:
    """Found later than its tolerance, counted from the slot (S20)."""
    return state.place is not None and now - state.place.slot.at > tolerance


def lost(state: State, *, now: datetime) -> Slot | None:
    """The slot that came while the channel was away, without an attempt (S15)."""
    if state.phase != "held" or state.attempts or state.place is None or state.place.slot.at > now:
        return None
    return state.place.slot


def come_due(
    state: State, *, now: datetime, connected: bool, tolerance: timedelta, forgotten: bool = False
) -> Sequence[Fact]:
    """The slot has come: to the publisher, or held, or missed. Nothing, when it must be planned again instead.

    `forgotten`: the log was restored since, and nobody knows whether it went out in time. That the publisher finds out.
    """
    if state.phase != "scheduled" or state.place is None or state.place.slot.at > now:
        return []
    if late(state, now=now, tolerance=tolerance) and not forgotten:
        return miss(state, reason="it was found later than the tolerance") if state.wish.exactly_at else []
    if not connected:
        return hold(state, connection=state.connection, reason="disconnected")
    return [due(state, slot_at=state.place.slot.at, tolerance=tolerance)]


def needs_desk(facts: Sequence[Fact]) -> bool:
    """Whether the desk must look at a post whose slot has come: to plan it again, or to give that slot back."""
    return not any(isinstance(fact, PostDue) for fact in facts)


def due(state: State, *, slot_at: datetime, tolerance: timedelta) -> PostDue:
    """A new round. Tries go on over rounds, unless a person asked anew."""
    taken_in = state.taken_in
    return PostDue(
        round=state.round + 1,
        connection=state.connection,
        content=state.content,
        content_hash=state.content_hash,
        bucket=taken_in.bucket if taken_in else None,
        campaign=taken_in.campaign if taken_in else None,
        slot_at=slot_at,
        exactly=state.wish.exactly_at is not None,
        tolerance_seconds=int(tolerance.total_seconds()),
        tries=state.tries,
        looked_first=state.look_first,
    )


def hold(
    state: State, *, connection: str, reason: Literal["disconnected", "not_connected", "restored", "not_approved"]
) -> Sequence[Fact]:
    """It waits for its channel, or its approval; one that waits already says nothing."""
    if state.phase == "held" and state.fault == reason:
        return []
    return [PostHeld(connection=connection, reason=reason)]


def miss(state: State, *, reason: str) -> Sequence[Fact]:
    if state.phase == "missed" or state.wish.exactly_at is None:
        return []
    return [PostMissed(wanted_at=state.wish.exactly_at, reason=reason)]


# What people ask.


def cancel(state: State, *, reason: str) -> Sequence[Fact]:
    return [] if state.open or state.phase in (*ENDED, "unknown") else [PostCancelled(reason=reason)]


def reject(state: State, *, comments: Sequence[Comment]) -> Sequence[Fact]:
    """Back to Production with the whole thread (S41)."""
    return [] if state.open or state.phase in (*ENDED, "unknown") else [PostRejected(comments=tuple(comments))]


def edit(state: State, *, content: Content, tolerance: timedelta) -> Sequence[Fact]:
    """While no attempt is open. A post that was due is due again, in the next round, unless approval comes first."""
    hashed = hash_of(content)
    if state.open or state.phase in ("published", "cancelled", "rejected", "unknown") or hashed == state.content_hash:
        return []
    edited = PostEdited(content=content, content_hash=hashed)
    after = evolve(state, edited)
    if after.phase != "due" or state.place is None:
        return [edited]
    return [edited, due(after, slot_at=state.place.slot.at, tolerance=tolerance)]
