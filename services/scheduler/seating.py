"""What the desk does with each post that comes to it: plan it, hold it, give its slot back, or answer an ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import reduce

from events import (
    AskRefused,
    Fact,
    PostPublished,
    PostScheduled,
    RescheduleAsked,
    RetryAsked,
    SlotTaken,
    Told,
    UndoAsked,
    draft,
    follow,
)
from events.subjects import answer_stream, post_stream
from services.chassis.rows import Row, Write
from services.chassis.store import Say
from services.planning.plan import Missed, Planned, Wish
from services.planning.posting_day import Freed
from services.scheduler import post
from services.scheduler.asks import NOT_CONNECTED, No, refusal
from services.scheduler.case import ACTOR, Case
from services.scheduler.consequences import consequences
from services.scheduler.desk import Desk
from services.scheduler.waiting import call_for_room, served, wait_no_more, wait_on

GIVEN_BACK: dict[post.Phase, Freed] = {
    "cancelled": "cancelled", "rejected": "cancelled", "failed": "failed", "refused": "failed",
    "missed": "returned", "taken_in": "edited", "held": "held",
}  # fmt: skip
REASONS: dict[post.Phase, str] = {"held": "reconnected", "taken_in": "approved", "returned": "late",
                                  "scheduled": "late"}  # fmt: skip


class Seat:
    """One post at the desk, with the row that brought it, the fact that was the cause, and what it would undo."""

    def __init__(self, desk: Desk, row: Row, case: Case, cause: Told, undoes: post.State | None) -> None:
        self._desk, self._case, self._cause, self._undoes = desk, case, cause, undoes
        self._about = case.about(desk.now, cause)
        self._row = row
        self._after: list[Write] = [served(row), wait_no_more(case.story)]
        self._said: list[Fact] = []
        self._lifted: SlotTaken | None = None
        self._no: No | None = None

    async def let_go(self) -> None:
        """Before anybody of a batch is planned: a slot that is given up in any case is in nobody's way (S14, S20)."""
        state, ask = self._case.state, self._cause.fact
        given_back = state.phase in GIVEN_BACK and state.phase != "taken_in"
        leaves = given_back or (state.phase == "returned" and self._case.approved)
        late = state.phase == "scheduled" and post.late(state, now=self._desk.now, tolerance=self._desk.terms.tolerance)
        if isinstance(ask, RetryAsked | RescheduleAsked | UndoAsked):
            case = self._case
            self._no = refusal(ask, state, version=case.version, approved=case.approved, now=self._desk.now,
                               undoes=self._undoes)  # fmt: skip
            leaves, late = self._no is None and self._moves_for_certain(ask), False
        if leaves or late:
            self._lifted = await self._lift()

    def _moves_for_certain(self, ask: Fact) -> bool:
        """A move that was granted so far always finds a slot, unless it is wanted *exactly at* one (S25)."""
        back_to_a_slot = isinstance(ask, UndoAsked) and self._undoes is not None and self._undoes.place is not None
        moves = isinstance(ask, RescheduleAsked) or back_to_a_slot
        return moves and self._desk.listed and not self.wants_exactly

    @property
    def wants_exactly(self) -> bool:
        """It asks for one time and no other. It may not get it and then stays, so it keeps its slot until it is served;
        whoever wants the slot it leaves is served after it (S25)."""
        match self._cause.fact:
            case RescheduleAsked(at=at):
                return at is not None
            case UndoAsked() if self._undoes and self._undoes.place:
                return self._undoes.place.wish.exactly_at is not None
            case _:
                return False

    async def serve(self) -> None:
        """An ask for a slot is answered; without one, or after a no, the post's own state says what it needs."""
        ask = self._cause.fact
        if not isinstance(ask, RetryAsked | RescheduleAsked | UndoAsked) or not await self._granted(ask):
            await self._by_state()
        case, desk = self._case, self._desk
        desk.put_back(self._lifted)
        desk.still |= case.still
        if self._said:
            desk.says.append(case.say(self._said, at=desk.now, new_id=desk.new_id, cause=self._cause))
        else:
            desk.still[post_stream(case.story)] = case.post_version
        desk.rows += consequences(case.story, case.state, self._said, now=desk.now)
        desk.rows += self._after

    async def _lift(self) -> SlotTaken | None:
        lifted, self._lifted = self._lifted, None
        return lifted or await self._desk.lift(self._case.name, self._case.state.place)

    async def _granted(self, ask: RetryAsked | RescheduleAsked | UndoAsked) -> bool:
        no = self._no
        match ask:
            case _ if no:
                pass
            case RetryAsked():
                await self._at_once()
            case RescheduleAsked():
                no = await self._moved(ask)
            case UndoAsked() if self._undoes:
                no = await self._restored(self._undoes)
        if no:
            self._desk.says.append(answer(self._cause, no, at=self._desk.now, new_id=self._desk.new_id))
        return no is None

    async def _by_state(self) -> None:
        state, desk = self._case.state, self._desk
        match state.phase:
            case "returned" if state.fault == "send_again":
                await self._at_once()
            case "held" if not desk.open:
                await self._give_back()
                self._after.append(wait_on(self._row))
            case "taken_in" if self._case.approved and not desk.listed:
                self._hold()
            case "held" | "taken_in" | "returned" if self._case.approved:
                await self._plan_again()
            case "scheduled" if post.late(state, now=desk.now, tolerance=desk.terms.tolerance):
                await self._plan_again()
            case phase if phase in GIVEN_BACK:
                await self._give_back()
            case "published":
                await self._count_where_it_went_out()
            case _:
                pass  # due: the slot stays, for it counts (S17a)

    async def _count_where_it_went_out(self) -> None:
        """On its channel's next day, if it is only then that it went out: the slot does not count any more (S17a)."""
        fact, desk = self._cause.fact, self._desk
        if isinstance(fact, PostPublished) and (lifted := await self._lift()):
            if lifted.at == desk.terms.slot(fact.published_at).at:
                self._lifted = lifted  # it counts there already: both times are of one day of the account's
                return
            desk.free(lifted, "late", self._about)
            await desk.count(self._case.name, fact.published_at, self._about)
            desk.rows.append(call_for_room(desk.connection, desk.now, on=fact.published_at, cause=self._cause.position))

    async def _plan_again(self) -> None:
        """By its own wish, once more; *exactly at* may be missed by now."""
        case, desk = self._case, self._desk
        lifted = await self._lift()
        planned = await desk.plan(case.state.wish, REASONS[case.state.phase], post.lost(case.state, now=desk.now))
        desk.free(lifted, "moved", self._about)
        if isinstance(planned, Missed):
            self._said += post.miss(case.state, reason=planned.reason)
        else:
            await self._place(planned, case.state.wish)

    async def _moved(self, ask: RescheduleAsked) -> No | None:
        """To another time; when that cannot be had, the post stays where it is."""
        lifted = await self._lift()
        wish = Wish(ask.not_before, ask.at)
        return await self._place_or_stay(await self._desk.plan(wish, post.MOVED), wish, lifted)

    async def _restored(self, before: post.State) -> No | None:
        """As it stood before the change: waiting for what it waited for, or in the slot it had."""
        desk, cancelled = self._desk, self._case.state.phase == "cancelled"
        if cancelled:
            await self._give_back()
            if self._waits_again(before):
                return None
        lifted, place = await self._lift(), before.place
        wish = place.wish if place else before.wish
        planned = await (desk.restore(place, post.UNDONE) if place else desk.plan(wish, post.UNDONE))
        if cancelled and isinstance(planned, Missed):
            self._said += post.miss(self._case.state, reason=planned.reason)
            return None
        return await self._place_or_stay(planned, wish, lifted)

    def _waits_again(self, before: post.State) -> bool:
        """A cancelled post that had no slot to come, or can have none now, is back in the queue without one."""
        case, desk = self._case, self._desk
        if before.phase == "missed":
            self._said += post.miss(case.state, reason=before.fault)
        elif not case.approved:
            self._said += post.hold(case.state, connection=desk.connection, reason="not_approved")
        elif not desk.listed or (before.phase == "held" and not desk.open):
            self._hold()
        return bool(self._said)

    async def _place_or_stay(self, planned: Planned | Missed, wish: Wish, lifted: SlotTaken | None) -> No | None:
        desk = self._desk
        if not desk.listed:
            desk.put_back(lifted)
            return NOT_CONNECTED
        if isinstance(planned, Missed):
            desk.put_back(lifted)
            return No("no_slot", f"That time cannot be had: {planned.reason}. Choose another.")
        desk.free(lifted, "moved", self._about)
        await self._place(planned, wish)
        return None

    async def _at_once(self) -> None:
        """This very moment if the cap allows, in a slot that windows do not matter to; else the next one (S17a)."""
        case, desk = self._case, self._desk
        if not desk.open:
            await self._give_back()
            self._hold()
            return
        desk.free(await self._lift(), "moved", self._about)
        planned = await desk.plan(Wish(exactly_at=desk.now), "retry")
        if isinstance(planned, Planned):
            at_once = planned.why.model_copy(update={"mode": post.AT_ONCE})
            await self._place(replace(planned, why=at_once), Wish())
            after = reduce(post.evolve, self._said, case.state)
            self._said.append(post.due(after, slot_at=desk.now, tolerance=desk.terms.tolerance))
            return
        planned = await desk.plan(Wish(), "retry")
        assert isinstance(planned, Planned)  # noqa: S101 - only *exactly at* can be missed
        await self._place(planned, Wish())

    def _hold(self) -> None:
        desk = self._desk
        reason = "disconnected" if desk.listed else "not_connected"
        self._said += post.hold(self._case.state, connection=desk.connection, reason=reason)
        self._after.append(wait_on(self._row))

    async def _place(self, planned: Planned, wish: Wish) -> None:
        await self._desk.take(self._case.name, planned, self._about)
        self._said.append(
            PostScheduled(connection=self._desk.connection, slot=planned.slot, why=planned.why,
                          not_before=wish.not_before)
        )  # fmt: skip

    async def _give_back(self) -> None:
        lifted = await self._lift()
        self._desk.free(lifted, GIVEN_BACK.get(self._case.state.phase, "returned"), self._about)


def answer(ask: Told, no: No, *, at: datetime, new_id: Callable[[], str]) -> Say:
    """The answer no, under the ask's own id."""
    about = follow(ask, actor=ACTOR, at=at)
    return Say(answer_stream(ask.id), 0, draft((AskRefused(code=no.code, reason=no.reason),), about, new_id))
