"""What the scheduler says: a post's life in the queue, a connection's days, and what it could not take in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from events.envelope import Fact, Frozen
from events.production import Content


class Slot(Frozen):
    """A reserved time on a connection: wall clock, zone and the instant they mean (S19)."""

    at: datetime
    local: str
    zone: str
    wanted: str | None = None
    why: str | None = None


class Considered(Frozen):
    """A slot that was looked at and not taken, and why (S21)."""

    local: str
    refused: str


class Why(Frozen):
    """How a slot was chosen: the mode, the window it lies in, and the slots refused before it (S21)."""

    mode: str
    window: str | None = None
    weight: float | None = None
    considered: tuple[Considered, ...] = ()
    considered_more: int = 0
    reason: str = "planned"


class PostTakenIn(Fact, type="scheduler.post_taken_in"):
    """A message of Production became exactly one post (S1)."""

    post: str
    connection: str
    bucket: str | None = None
    campaign: str | None = None
    content: Content
    content_hash: str
    not_before: datetime | None = None
    exactly_at: datetime | None = None
    approval_required: bool = False


class PostEdited(Fact, type="scheduler.post_edited"):
    content: Content
    content_hash: str


class PostScheduled(Fact, type="scheduler.post_scheduled"):
    """A slot is reserved. `not_before` is what was asked for, kept for whoever plans the post again."""

    connection: str
    slot: Slot
    why: Why
    not_before: datetime | None = None


class PostHeld(Fact, type="scheduler.post_held"):
    """Waiting for a channel (S10); or, when a cancel was undone, for the approval it still needs (S38)."""

    connection: str
    reason: Literal["disconnected", "not_connected", "restored", "not_approved"]


class PostMissed(Fact, type="scheduler.post_missed"):
    """*Exactly at* could not be kept; a person decides (S3, S20)."""

    wanted_at: datetime
    reason: str


class PostDue(Fact, type="scheduler.post_due"):
    """The slot has come: the publisher holds the post from here until it says how the round ended."""

    round: int
    connection: str
    content: Content
    content_hash: str
    bucket: str | None = None
    campaign: str | None = None
    slot_at: datetime
    exactly: bool = False
    tolerance_seconds: int = 7200
    tries: int = 0
    looked_first: bool = False


class PostRefused(Fact, type="scheduler.post_refused"):
    """The content breaks a hard limit: Failed at intake, before it takes a slot (S4)."""

    code: str
    detail: str


class PostCancelled(Fact, type="scheduler.post_cancelled"):
    reason: str = "asked"


class Comment(Frozen):
    by: str
    text: str
    at: datetime


class PostRejected(Fact, type="scheduler.post_rejected"):
    """Returned to Production with the whole thread (S41)."""

    comments: tuple[Comment, ...] = ()


class SlotTaken(Fact, type="scheduler.slot_taken"):
    """On a connection's day. `exactly` slots may coincide with others (S3)."""

    connection: str
    day: date
    post: str
    at: datetime
    local: str
    exactly: bool = False


class SlotFreed(Fact, type="scheduler.slot_freed"):
    """Given back by cancel, move or definite failure (S17a)."""

    connection: str
    day: date
    post: str
    why: Literal["cancelled", "moved", "failed", "returned", "held", "edited", "late"]


class MessageParked(Fact, type="scheduler.message_parked"):
    """A message that cannot become a post: the reason, its first 4 kB and its SHA-256 (S2)."""

    code: str
    reason: str
    head: str
    bytes: int
    sha256: str
    subject: str


class MessageRedriven(Fact, type="scheduler.message_redriven"):
    """Offered again, perhaps mended; `outcome` is what became of it."""

    outcome: Literal["taken_in", "already_taken_in", "discarded"]
    story: str | None = None


class FactParked(Fact, type="scheduler.fact_parked"):
    """A fact its handler could not take after five tries; only its key waits (I25)."""

    service: str
    position: int
    key: str
    fact: str
    reason: str
    tries: int


class FactRedriven(Fact, type="scheduler.fact_redriven"):
    service: str
    position: int


class AskRefused(Fact, type="scheduler.ask_refused"):
    """The answer no to an ask, said by whoever decides it: a problem code of the gateway's registry and the reason."""

    code: str
    reason: str
