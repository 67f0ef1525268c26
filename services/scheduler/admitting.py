"""How one message becomes a post: taken in, and in the same append refused, gated, held, missed or given its slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from events import (
    About,
    Draft,
    Fact,
    PostApproved,
    PostHeld,
    PostMissed,
    PostRefused,
    PostScheduled,
    PostTakenIn,
    Told,
)
from events.channels import channel_of
from events.subjects import post_stream
from services.chassis.store import Say
from services.planning.plan import Missed, Wish
from services.scheduler.case import ACTOR
from services.scheduler.consequences import REMINDED_AFTER
from services.scheduler.desk import Desk
from services.scheduler.limits import Sender, broken_limit
from services.scheduler.message import Letter
from services.scheduler.post import hash_of
from services.scheduler.waiting import call_at_slot, call_person, wait


@dataclass(frozen=True, slots=True)
class Admission:
    """A message on its way in; `cause` is the ask, or the alarm's fact, when it had been parked before."""

    letter: Letter
    cause: Told | None = None


async def admit(desk: Desk, admission: Admission, turn: int) -> None:
    """Adds one post to the desk's append."""
    letter, approved = admission.letter, admission.letter.approved
    cause = admission.cause.id if admission.cause else letter.id
    about = About(letter.story, ACTOR, desk.now, cause, approved.account, approved.channel)
    taken_in = _taken_in(approved, desk)
    facts = [taken_in, *await _first_step(desk, taken_in, letter, about)]
    desk.says.append(Say(post_stream(letter.story), 0, [Draft(desk.new_id(), fact, about) for fact in facts]))
    match facts[-1]:
        case PostScheduled(slot=slot):
            desk.rows.append(call_at_slot(desk.connection, letter.story, slot.at))
        case PostMissed():
            desk.rows.append(call_person(letter.story, desk.now + REMINDED_AFTER))
        case PostHeld():
            desk.rows.append(wait(desk.connection, letter.story, turn=turn, waits_for="connection"))


def _taken_in(approved: PostApproved, desk: Desk) -> PostTakenIn:
    content = approved.content
    return PostTakenIn(
        post=approved.post,
        connection=desk.connection,
        bucket=approved.bucket,
        campaign=approved.campaign,
        content=content,
        content_hash=hash_of(content),
        not_before=approved.not_before,
        exactly_at=approved.exactly_at,
        approval_required=desk.document.approval.required,
    )


async def _first_step(desk: Desk, taken_in: PostTakenIn, letter: Letter, about: About) -> Sequence[Fact]:
    """What becomes of it at once; a gated post waits without a slot, which it may never need (S38)."""
    sender = Sender(channel_of(desk.connection), letter.story, taken_in.campaign, taken_in.bucket, desk.document.utm,
                    desk.known.premium)  # fmt: skip
    if broken := broken_limit(taken_in.content, sender):
        return [PostRefused(code=broken.code, detail=broken.detail)]
    if taken_in.approval_required:
        return []
    if not desk.listed:
        return [PostHeld(connection=desk.connection, reason="not_connected")]
    planned = await desk.plan(Wish(taken_in.not_before, taken_in.exactly_at))
    if isinstance(planned, Missed):
        return [PostMissed(wanted_at=planned.wanted_at, reason=planned.reason)]
    await desk.take(taken_in.post, planned, about)
    return [PostScheduled(connection=desk.connection, slot=planned.slot, why=planned.why,
                          not_before=taken_in.not_before)]  # fmt: skip


def is_same(approved: PostApproved, told: Told) -> bool:
    """Whether this message is the one that was taken in, word for word (S1)."""
    before = told.fact
    if not isinstance(before, PostTakenIn):
        return False
    named = (before.content_hash, before.bucket, before.campaign, before.not_before, before.exactly_at,
             channel_of(before.connection))  # fmt: skip
    return approved.connection in (None, before.connection) and named == (
        hash_of(approved.content), approved.bucket, approved.campaign, approved.not_before, approved.exactly_at,
        approved.channel,
    )  # fmt: skip
