"""Whatever happens in whatever order: no slot twice, no cap exceeded in any window, order kept, and every post has a
slot or a named reason (S10, S14, S15, S16, S17a, S18, S20, S22, I14)."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import PostDue
from events.subjects import name_of
from services.planning.plan import LEAD
from services.scheduler.case import Case
from tests.scheduler.any_queue import TIMES, Queue

OUTCOMES = ("published", "failed", "late", "disconnected", "send_again", "withdrawn", "started")
ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles")
CHANNELS = ("linkedin", "tiktok", "youtube")
"""Their days are UTC's, any 24 hours, and Pacific time's."""

LONG = 24 * 200
"""Hours in which six dozen posts go out, one on each of YouTube's three days a week."""


async def check(queue: Queue) -> None:
    """The books have looked at every slot as it was given; beside them, what each post has in the end."""
    assert queue.books.breaches == []
    alarms, waiting = await queue.house.alarms(), {str(row["story"]): row for row in await queue.house.waiting()}
    assert all(row["waits_for"] == "connection" for row in waiting.values())
    for post in queue.sent:
        has_a_slot_or_a_reason(queue, post, await queue.case(post), alarms, waiting)


def has_a_slot_or_a_reason(queue: Queue, post: str, case: Case, alarms: list[str], waiting: dict) -> None:
    """I14."""
    slots = [slot for slot in queue.books.taken.values() if slot.post == post]
    due, remind = f"due-{queue.connection}/{case.story}" in alarms, f"remind-{case.story}" in alarms
    found, reason = (len(slots), due, remind, case.story in waiting), case.state.fault
    match case.state.phase:
        case "scheduled":
            assert found == (1, True, False, False), (post, found)
            assert case.state.place is not None
            assert slots[0].at == case.state.place.slot.at
            if queue.has_days and slots[0].at >= queue.house.clock.now() + LEAD:
                queue.books.within_cap(slots[0].at)  # also with whatever went out later than it was planned
        case "due" | "published":
            assert found == (1, False, False, False), (post, found)
        case "held":
            assert (found, reason) == ((0, False, False, True), "disconnected"), (post, found, reason)
        case "missed":
            assert found == (0, False, True, False), (post, found)
            assert reason.startswith(("it was found later", "it lies further", "it would be over")), (post, reason)
        case "failed":
            assert found == (0, False, False, False), (post, found)
            assert reason, f"{post} failed, and nobody knows why"
        case "cancelled":
            assert found == (0, False, False, False), (post, found)
        case other:
            raise AssertionError(f"{post} is {other}")


async def check_what_a_change_moved(queue: Queue, *, anew: bool) -> None:
    """S22: by its new terms and within the cap, in order, except what was promised or is about to go out."""
    cases = [await queue.case(post) for post in queue.sent]
    soon = queue.house.clock.now() + LEAD
    moved = [(case.turn, case.state.place) for case in cases
             if case.state.phase == "scheduled" and case.state.place and not case.state.wish.exactly_at
             and case.state.place.slot.at >= soon]  # fmt: skip
    for _, place in moved:
        assert place.slot.zone == queue.choices["zone"]
        if anew:
            queue.books.within_cap(place.slot.at)
        if anew and queue.choices["mode"] == "custom":
            assert place.slot.local[11:] in TIMES.get(f"{date.fromisoformat(place.slot.local[:10]):%a}".lower(), ())
    slots = [place.slot.at for turn, place in sorted(moved, key=lambda each: each[0]) if not place.wish.not_before]
    assert not anew or slots == sorted(slots), f"moved, and not in order: {slots}"


def planned_anew(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether there are other caps or times for sure: what Adaptive knows may be Best Practice itself, and where
    nothing but the zone is another, slots may be kept as they are (S19)."""
    custom = [choices["mode"] == "custom" for choices in (before, after)]
    return before["cap"] != after["cap"] or custom[0] != custom[1]


hours = st.integers(-3, 24 * 5)
planned_by = {
    "mode": st.sampled_from(["best_practice", "custom", "adaptive"]),
    "cap": st.integers(1, 4),
    "spacing": st.sampled_from([10, 30, 45]),
}
choices = st.fixed_dictionaries({}, optional={"zone": st.sampled_from(ZONES), **planned_by})
steps = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 6), st.none() | hours, st.booleans()),
    st.tuples(st.just("until"), st.integers(1, 60)),
    st.tuples(st.just("asleep"), st.integers(1, 30)),
    st.tuples(st.just("ask"), st.sampled_from(["cancel", "retry", "undo", "exactly", "not_before", "edit"]),
              st.integers(0, 30), hours),
    st.tuples(st.just("deliver"), st.sampled_from(OUTCOMES), st.integers(0, 30)),
    st.sampled_from([("connect",), ("disconnect",)]),
    st.tuples(st.just("choose"), choices),
    st.tuples(st.just("learn"), st.lists(st.integers(1, 7), min_size=1, max_size=4, unique=True), st.integers(0, 21)),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(channel=st.sampled_from(CHANNELS), happens=st.lists(steps, max_size=25))
def test_no_slot_twice_no_cap_exceeded_and_every_post_has_a_slot_or_a_reason(channel, happens):
    async def life() -> None:
        queue = Queue(channel)
        await queue.begin()
        for step in [("send", 4, None, False), *happens]:
            before = dict(queue.choices)
            await queue.do(step)
            await check(queue)
            anew = planned_anew(before, queue.choices)
            if anew or before["zone"] != queue.choices["zone"]:
                await check_what_a_change_moved(queue, anew=anew)

    asyncio.run(life())


@settings(max_examples=40, deadline=None)
@given(
    channel=st.sampled_from(CHANNELS),
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    held=st.booleans(),
    changes=st.lists(st.fixed_dictionaries({}, optional=planned_by), max_size=2),
)
def test_those_who_come_in_order_go_out_in_order(channel, counts, held, changes):
    """S14: intake order, over batches, over a disconnect, and over other modes, caps and spacings."""

    async def life() -> None:
        queue = Queue(channel)
        await queue.begin()
        if held:
            await queue.do(("disconnect",))
        for count in counts:
            await queue.do(("send", count, None, False))
        for change in changes:
            await queue.do(("choose", change))
        await queue.do(("until", LONG))
        if held:
            await queue.do(("connect",))
            await queue.do(("until", LONG))
        assert queue.books.breaches == []
        rounds = [told for told in await queue.house.everything() if isinstance(told.fact, PostDue)]
        assert [name_of(told.stream).partition(".")[2] for told in rounds] == queue.sent
        assert len({told.fact.slot_at for told in rounds if isinstance(told.fact, PostDue)}) == sum(counts)

    asyncio.run(life())


@settings(max_examples=40, deadline=None)
@given(
    channel=st.sampled_from(CHANNELS),
    cap=st.integers(1, 3),
    zone=st.sampled_from(ZONES),
    later=st.lists(st.integers(1, 30), min_size=1, max_size=8),
)
def test_what_goes_out_late_leaves_no_day_over_its_cap(channel, cap, zone, later):
    """S17a: hours after its slot, over its channel's midnight, while the days ahead are full; and the order is kept."""

    async def life() -> None:
        queue = Queue(channel)
        await queue.begin()
        await queue.do(("choose", {"cap": cap, "zone": zone}))
        await queue.do(("send", 12, None, False))
        for hours in later:
            await queue.do(("until", hours))
            for which in range(len(queue.sent)):
                await queue.do(("deliver", "published", which))
            await check(queue)
            cases = [await queue.case(post) for post in queue.sent]
            slots = [case.state.place.slot.at for case in cases if case.state.phase == "scheduled" and case.state.place]
            assert slots == sorted(slots)

    asyncio.run(life())
