"""A connection's whole queue once more, after its account changed what it is planned by (S22).

Everybody who may move lets go of the slot first, so that the order of intake is kept; whoever gets the same slot again
has not moved, and nothing is said. *Exactly at* is never moved: whoever asked for it stays, before all who may move, or
is missed where the cap has become too small (S3). Where only the zone has changed, or its rules, slots are kept instead
(S19): whoever cannot have the same one any more is planned again after all others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from events import Fact, PostScheduled, SlotTaken, Told
from events.subjects import post_stream
from services.planning.plan import Planned, Wish
from services.planning.rezoning import Keep, off
from services.scheduler import post
from services.scheduler.case import Case
from services.scheduler.consequences import consequences
from services.scheduler.desk import Desk

Breathe = Callable[[], Awaitable[None]]


async def at_one_go() -> None:
    """Nobody has a turn in between."""


def may_move(case: Case) -> bool:
    """*Exactly at* is a promise of its own; whatever is under way is out of the scheduler's hands."""
    return case.state.phase == "scheduled" and case.state.wish.exactly_at is None


def is_promised(case: Case) -> bool:
    return case.state.phase == "scheduled" and case.state.wish.exactly_at is not None


async def replan(
    desk: Desk, cases: Sequence[Case], cause: Told | None, keep: Keep | None = None, *, breathe: Breathe = at_one_go
) -> None:
    """`breathe` is done between two posts: a long queue takes seconds, and nobody else waits for it (S17)."""
    in_order = sorted(cases, key=lambda case: case.turn)
    queue, promised = [case for case in in_order if may_move(case)], [case for case in in_order if is_promised(case)]
    if keep is not None:  # no cap has changed, so every promise stands
        queue = [case for case in queue if case.state.place and off(case.state.place.slot, desk.terms)]
        promised = []
    lifted, promises = await _lifted(desk, queue), await _lifted(desk, promised)
    for case, taken in promises:
        await _stand(desk, case, taken, cause)
    again = await _kept(desk, lifted, cause, keep, breathe) if keep is not None else lifted
    for case, taken in again:
        await breathe()
        planned = await desk.plan(Wish(case.state.wish.not_before), "replanned")
        assert isinstance(planned, Planned)  # noqa: S101 - only *exactly at* can be missed
        await _place(desk, case, taken, planned, cause)


async def make_room(desk: Desk, cases: Sequence[Case], cause: Told | None, since: datetime) -> None:
    """A day is over its cap because another post went out on it (S17a): whoever has a slot from then on lets go of it
    and has the next one that is free, in the order of intake, and nobody goes out earlier than before."""
    in_order = sorted(cases, key=lambda case: case.turn)
    queue = [case for case in in_order if may_move(case) and case.state.place and case.state.place.slot.at >= since]
    lifted = await _lifted(desk, queue)
    for case, taken in await _lifted(desk, [case for case in in_order if is_promised(case)]):
        await _stand(desk, case, taken, cause)
    for case, taken in lifted:
        before = taken.at if taken else since
        planned = await desk.plan(Wish(max(before, case.state.wish.not_before or before)), "over the cap")
        assert isinstance(planned, Planned)  # noqa: S101 - only *exactly at* can be missed
        await _place(desk, case, taken, planned, cause)


Lifted = tuple[Case, SlotTaken | None]


async def _lifted(desk: Desk, cases: Sequence[Case]) -> list[Lifted]:
    return [(case, await desk.lift(case.name, case.state.place)) for case in cases]


async def _stand(desk: Desk, case: Case, taken: SlotTaken | None, cause: Told | None) -> None:
    """Where it is, if the cap allows that with all that is out and was promised before; or missed, as at the door."""
    planned = await desk.plan(case.state.wish, "replanned")
    if isinstance(planned, Planned):
        _stay(desk, case, taken)
        return
    desk.still |= case.still
    desk.free(taken, "returned", case.about(desk.now, cause))
    _say(desk, case, post.miss(case.state, reason=planned.reason), cause)


def _stay(desk: Desk, case: Case, taken: SlotTaken | None) -> None:
    desk.still |= {post_stream(case.story): case.post_version, **case.still}
    desk.put_back(taken)


def _say(desk: Desk, case: Case, facts: Sequence[Fact], cause: Told | None) -> None:
    desk.says.append(case.say(facts, at=desk.now, new_id=desk.new_id, cause=cause))
    desk.rows += consequences(case.story, case.state, facts, now=desk.now)


async def _kept(
    desk: Desk, lifted: Sequence[Lifted], cause: Told | None, keep: Keep, breathe: Breathe
) -> Sequence[Lifted]:
    """Who has the same slot by the zone of now; and who could not have it."""
    others = []
    for case, taken in lifted:
        await breathe()
        planned = await desk.keep(case.state.place, keep) if case.state.place else None
        if planned is None:
            others.append((case, taken))
        else:
            await _place(desk, case, taken, planned, cause)
    return others


async def _place(desk: Desk, case: Case, taken: SlotTaken | None, planned: Planned, cause: Told | None) -> None:
    before = case.state.place
    if before is not None and planned.slot == before.slot:
        _stay(desk, case, taken)
        desk.note_full(planned)
        return
    desk.still |= case.still
    about = case.about(desk.now, cause)
    desk.free(taken, "moved", about)
    await desk.take(case.name, planned, about)
    fact = PostScheduled(connection=desk.connection, slot=planned.slot, why=planned.why,
                         not_before=case.state.wish.not_before)  # fmt: skip
    _say(desk, case, [fact], cause)
