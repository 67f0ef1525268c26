"""Whatever happens in whatever order: no slot twice, no cap exceeded, and every post has a slot or a named reason."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import CancelAsked, EditAsked, PostDue, RescheduleAsked, RetryAsked, SlotFreed, SlotTaken, UndoAsked
from events.subjects import delivery_stream, name_of, story_of
from services.planning.zones import date_at, zone_called
from services.scheduler.case import Case, read_case
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, HOUR, LINKEDIN, failed, published, returned, started

CAP = 3
OUTCOMES = ("published", "failed", "late", "disconnected", "send_again", "withdrawn", "started")
ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles")


@dataclass
class Queue:
    """A house of one connection, and the publisher's side of it played by hand."""

    house: House = field(default_factory=House)
    sent: list[str] = field(default_factory=list)
    zone: str = "UTC"

    async def begin(self) -> None:
        await self.choose("UTC", "best_practice")
        await self.house.connect(LINKEDIN)
        await self.house.settle()

    async def choose(self, zone: str, mode: str) -> None:
        times = {"linkedin": {day: ["08:00", "12:30", "18:15", "23:45"] for day in ("mon", "tue", "fri", "sun")}}
        caps = {"linkedin": {"posts_per_day_max": CAP}}
        await self.house.account(zone=zone, mode=mode, times=times, caps=caps)
        self.zone = zone

    async def do(self, step: tuple[Any, ...]) -> None:
        house, now = self.house, self.house.clock.now()
        match step:
            case ("send", count, hours, exactly):
                names = [f"post-{len(self.sent) + number}" for number in range(count)]
                wanted = (now + hours * HOUR).isoformat() if hours is not None else None
                wish = {"exactly_at" if exactly else "not_before": wanted}
                self.sent += names
                await house.send(*(message(name, **wish) for name in names))
            case ("connect",):
                await house.connect(LINKEDIN)
            case ("disconnect",):
                await house.disconnect()
            case ("choose", zone, mode):
                await self.choose(zone, mode)
            case ("until", hours):
                await house.until(now + hours * HOUR)
            case ("asleep", hours):
                house.clock.step_to(now + hours * HOUR)
            case ("ask", what, which, hours) if self.sent:
                await self.ask(what, self.sent[which % len(self.sent)], now + hours * HOUR)
            case ("deliver", outcome, which) if self.sent:
                await self.deliver(self.sent[which % len(self.sent)], outcome)
        await house.settle()

    async def ask(self, what: str, post: str, at: datetime) -> None:
        body = {"post": post, "body_hash": "b"}
        asks = {
            "cancel": CancelAsked(**body), "retry": RetryAsked(**body), "undo": UndoAsked(**body, bulk="b"),
            "exactly": RescheduleAsked(**body, at=at), "not_before": RescheduleAsked(**body, not_before=at),
            "edit": EditAsked(**body, text=f"Edited at {at}"),
        }  # fmt: skip
        await self.house.ask(asks[what])

    async def deliver(self, post: str, outcome: str) -> None:
        """Only what a publisher could say of a post it holds."""
        case = await self.case(post)
        if case.state.phase != "due":
            return
        begin = started(case.state.attempts + 1, round=case.state.round, at=self.house.clock.now())
        facts: list[Any] = [] if case.state.open else [begin]
        match outcome:
            case "published":
                facts.append(published(case.state.round))
            case "failed":
                facts.append(failed(case.state.round))
            case "late" | "disconnected" | "withdrawn" if not case.state.open:
                facts = [returned(outcome, round=case.state.round)]
            case "send_again":
                facts.append(returned("send_again", round=case.state.round))
        story = story_of(ACME, post)
        if facts:
            await self.house.say(delivery_stream(story), *facts, story=story, account=ACME)

    async def case(self, post: str) -> Case:
        case = await read_case(self.house.store, story_of(ACME, post))
        assert case is not None, f"{post} was lost"
        return case

    async def taken(self) -> list[SlotTaken]:
        """Every slot that is held, over all days."""
        held: dict[tuple[date, str], SlotTaken] = {}
        for told in await self.house.everything():
            match told.fact:
                case SlotTaken(day=day, post=post):
                    assert (day, post) not in held, f"{post} took two slots on {day}"
                    assert told.stream == f"posting_day-{LINKEDIN}-{day}"
                    held[day, post] = told.fact
                case SlotFreed(day=day, post=post):
                    del held[day, post]
        return list(held.values())


async def check(queue: Queue) -> None:
    taken = await queue.taken()
    owners = Counter(slot.post for slot in taken)
    assert max(owners.values(), default=1) == 1, f"two slots for one post: {owners}"
    free_choice = Counter(slot.at for slot in taken if not slot.exactly)
    assert max(free_choice.values(), default=1) == 1, f"a slot was given twice: {free_choice}"
    days = Counter(date_at(slot.at, zone_called("UTC")) for slot in taken)
    assert max(days.values(), default=0) <= CAP, f"over the cap: {days}"
    alarms, waiting = await queue.house.alarms(), {str(row["story"]): row for row in await queue.house.waiting()}
    assert all(row["waits_for"] == "connection" for row in waiting.values())
    for post in queue.sent:
        await has_a_slot_or_a_reason(queue, post, owners[post], alarms, waiting)


async def has_a_slot_or_a_reason(queue: Queue, post: str, slots: int, alarms: list[str], waiting: dict) -> None:
    """I14."""
    case = await queue.case(post)
    due, remind = f"due-{LINKEDIN}/{case.story}" in alarms, f"remind-{case.story}" in alarms
    found = (slots, due, remind, case.story in waiting)
    match case.state.phase:
        case "scheduled":
            assert found == (1, True, False, False), (post, found)
            assert case.state.place is not None
            assert any(slot.post == post and slot.at == case.state.place.slot.at for slot in await queue.taken())
        case "due" | "published":
            assert found == (1, False, False, False), (post, found)
        case "held":
            assert found == (0, False, False, True), (post, found)
        case "missed":
            assert found == (0, False, True, False), (post, found)
        case "failed" | "cancelled":
            assert found == (0, False, False, False), (post, found)
        case other:
            raise AssertionError(f"{post} is {other}")


hours = st.integers(-3, 24 * 5)
steps = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 6), st.none() | hours, st.booleans()),
    st.tuples(st.just("until"), st.integers(1, 60)),
    st.tuples(st.just("asleep"), st.integers(1, 30)),
    st.tuples(st.just("ask"), st.sampled_from(["cancel", "retry", "undo", "exactly", "not_before", "edit"]),
              st.integers(0, 30), hours),
    st.tuples(st.just("deliver"), st.sampled_from(OUTCOMES), st.integers(0, 30)),
    st.sampled_from([("connect",), ("disconnect",)]),
    st.tuples(st.just("choose"), st.sampled_from(ZONES), st.sampled_from(["best_practice", "custom"])),
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=25))
def test_no_slot_twice_no_cap_exceeded_and_every_post_has_a_slot_or_a_reason(happens):
    async def life() -> None:
        queue = Queue()
        await queue.begin()
        for step in [("send", 4, None, False), *happens]:
            await queue.do(step)
            await check(queue)

    asyncio.run(life())


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=6), held=st.booleans())
def test_those_who_come_in_order_go_out_in_order(counts, held):
    """S14: intake order, over batches and over a disconnect."""

    async def life() -> None:
        queue = Queue()
        await queue.begin()
        if held:
            await queue.do(("disconnect",))
        for count in counts:
            await queue.do(("send", count, None, False))
        await queue.do(("until", 24 * 90))
        if held:
            await queue.do(("connect",))
            await queue.do(("until", 24 * 90))
        rounds = [told for told in await queue.house.everything() if isinstance(told.fact, PostDue)]
        assert [name_of(told.stream).partition(".")[2] for told in rounds] == queue.sent
        assert len({told.fact.slot_at for told in rounds if isinstance(told.fact, PostDue)}) == sum(counts)

    asyncio.run(life())
