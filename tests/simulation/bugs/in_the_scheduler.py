"""Mistakes in the queue: at its door, on its days, and between it and the publisher."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from events import ApprovalGiven, PostPublished
from services.chassis.rows import WAITING, Put
from services.planning import posting_day
from services.scheduler import asking, case, desk, intake, reactions, seating, waiting
from services.scheduler.seating import Seat
from tests.simulation.bugs.planting import Change, bug


@bug
def a_message_is_acknowledged_before_it_is_written() -> Iterator[Change]:
    """`take` returns at once, and the work is done later, if the process lives (S1)."""
    take = intake.Intake.take

    async def later(self: Any, arrived: Any) -> None:
        asyncio.get_running_loop().create_task(take(self, arrived))

    yield Change(intake.Intake, "take", later)


@bug
def other_content_under_the_same_name_is_silence() -> Iterator[Change]:
    """Instead of being parked as changed, it is taken for a repeat (S1)."""
    yield Change(intake, "is_same", lambda approved, told: True)


@bug
def a_cancel_is_not_guarded() -> Iterator[Change]:
    """The scheduler decides on a delivery it has read, and never asks whether it has moved since (D2, I16)."""
    yield Change(case.Case, "still", property(lambda self: {}))


@bug
def a_cap_is_one_too_many() -> Iterator[Change]:
    """At most so many a day, and one more (S18)."""
    allows = posting_day.Cap.allows

    def one_more(self: Any, at: Any, taken: Any) -> bool:
        if self.posts_max is None:
            return True
        more = posting_day.Cap(self.posts_max + 1, self.zone, self.rolling)
        return allows(more, at, taken)

    yield Change(posting_day.Cap, "allows", one_more)


@bug
def a_moved_post_keeps_its_old_slot_too() -> Iterator[Change]:
    """What is given up is not given back (S17a)."""
    yield Change(desk.Desk, "free", lambda self, taken, why, about: None)


@bug
def whoever_was_held_is_not_called_when_the_channel_is_back() -> Iterator[Change]:
    """Connected again, and nobody is released (S10)."""
    yield Change(reactions, "release", lambda connection: waiting.gone("nobody"))


@bug
def a_late_post_that_came_back_is_forgotten() -> Iterator[Change]:
    """The publisher returned it, and nobody takes it to the desk (S20)."""

    async def nothing(self: Any) -> None:
        return None

    yield Change(Seat, "_plan_again", nothing)


@bug
def what_went_out_late_is_counted_again_whenever_it_is_heard() -> Iterator[Change]:
    """Its slot is given back and taken at the very same time, each time the log is read again (I8, S17a)."""

    async def again(self: Any) -> None:
        fact, desk = self._cause.fact, self._desk
        if isinstance(fact, PostPublished) and (lifted := await self._lift()):
            desk.free(lifted, "late", self._about)
            await desk.count(self._case.name, fact.published_at, self._about)

    yield Change(Seat, "_count_where_it_went_out", again)


@bug
def what_went_out_after_midnight_counts_where_it_was_planned() -> Iterator[Change]:
    """The channel counts it on the day it went out, and the days of the house do not (S17a)."""

    async def nothing(self: Any) -> None:
        return None

    yield Change(Seat, "_count_where_it_went_out", nothing)


@bug
def an_approval_brings_nobody_to_the_desk() -> Iterator[Change]:
    """It is read, and the post it lets go waits for nothing any more (S40)."""
    about_posts = reactions.about_posts

    async def nothing(told: Any) -> None:
        return None

    yield Change(reactions, "about_posts", lambda *store, **wiring: {**about_posts(*store, **wiring),
                                                                     ApprovalGiven: nothing})  # fmt: skip


@bug
def an_ask_is_answered_again_when_the_channel_is_back() -> Iterator[Change]:
    """A held post waits with the ask that brought it, and comes to the desk with it once more (D18)."""
    yield Change(seating, "wait_on", lambda row: Put(WAITING, {**row, "waits_for": "connection"}))


@bug
def an_ask_pushes_another_from_the_desk() -> Iterator[Change]:
    """A post has one place at the desk, and whoever asks last has it (D18)."""
    to_the_desk = waiting.to_the_desk

    def alone(connection: str, story: str, **more: Any) -> Any:
        return [waiting.gone(story), *to_the_desk(connection, story, **more)]

    yield Change(asking, "to_the_desk", alone)
