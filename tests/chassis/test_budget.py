"""Calls are booked before they are made: no budget is ever exceeded, whoever calls and however often it dies (I17)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.channels import CHANNELS, Budget
from services.chassis.budget import Booked, Books, BudgetSpent, Left, counting, ends_of, span_of, used
from services.chassis.rows import BUDGET, Drop, Pick
from services.chassis.store import Append, StoreError
from services.chassis.store_memory import MemoryStore
from services.chassis.store_sqlite import SqliteStore
from tests.zones import always_utc

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIVE = Budget(5, timedelta(minutes=15))
UNITS_A_DAY = Budget(4, timedelta(days=1), "America/Los_Angeles")


@dataclass
class HandClock:
    at: datetime = NINE

    def now(self) -> datetime:
        return self.at


@dataclass
class House:
    """A store that several processes share, each with books of its own."""

    clock: Any = field(default_factory=HandClock)
    store: Any = None

    def __post_init__(self) -> None:
        self.store = self.store or MemoryStore(self.clock.now)

    def books(self) -> Books:
        return Books(self.store, clock=self.clock)

    async def takes(self, books: Books, count: int, budget: Budget = FIVE) -> int:
        """How many of so many calls were let through."""
        return sum([await self.taken(books, budget) for _ in range(count)])

    async def taken(self, books: Books, budget: Budget = FIVE) -> bool:
        try:
            await books.take("acme.x", budget)
        except BudgetSpent as spent:
            self.until = spent.until
            return False
        return True

    async def taken_ahead(self, books: Books, budget: Budget = FIVE, seconds: float = 0) -> bool:
        """As a lane does it: booked in the append that begins an attempt, whose call is made a little later."""
        span, booking = books.ahead("acme.x", budget)
        await self.store.append(Append(rows=booking))
        self.clock.at += timedelta(seconds=seconds)
        try:
            await books.confirm("acme.x", budget, span)
        except BudgetSpent:
            return False
        return True

    async def left(self, budget: Budget = FIVE) -> int:
        rows = counting(await self.store.pick(Pick(BUDGET, order=("starts_at",))), budget, self.clock.now())
        return budget.calls_max - used(rows)


async def test_as_many_calls_as_the_window_has_and_not_one_more():
    house = House()
    assert await house.takes(house.books(), 8) == 5
    assert await house.left() == 0
    assert NINE + 15 * MINUTE <= house.until <= NINE + 16 * MINUTE


async def test_calls_come_back_as_the_window_rolls_on_and_not_all_at_once():
    house = House()
    books = house.books()
    assert await house.takes(books, 3) == 3
    house.clock.at += 10 * MINUTE
    assert await house.takes(books, 3) == 2
    house.clock.at = house.until
    assert await house.takes(books, 9) == 3
    house.clock.at += 10 * MINUTE
    assert await house.takes(books, 9) == 2


async def test_a_restart_and_a_second_process_share_what_is_left():
    house = House()
    assert await house.takes(house.books(), 2) == 2
    assert await house.takes(house.books(), 2) == 2
    assert await house.takes(house.books(), 2) == 1


async def test_a_fixed_day_is_whole_again_at_the_channels_own_midnight():
    """As YouTube's quota: midnight in Los Angeles is eight in the morning in UTC."""
    house = House()
    books = house.books()
    assert await house.takes(books, 9, UNITS_A_DAY) == 4
    assert house.until == datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    house.clock.at = house.until - timedelta(microseconds=1)
    assert await house.takes(books, 9, UNITS_A_DAY) == 0
    house.clock.at = house.until
    assert await house.takes(books, 9, UNITS_A_DAY) == 4


def test_the_channels_midnight_is_that_of_the_pinned_zones_and_not_this_machines(tmp_path):
    with always_utc(tmp_path, "America/Los_Angeles"):
        assert span_of(UNITS_A_DAY, NINE).ends == datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


async def test_connections_do_not_share_a_budget():
    house = House()
    books = house.books()
    assert await house.takes(books, 9) == 5
    await books.take("acme.x.second", FIVE)
    await books.take("borealis.x", FIVE)


async def test_rows_that_count_no_more_are_cleared_away():
    house = House()
    books = house.books()
    for _ in range(60):
        house.clock.at += MINUTE
        await house.taken(books)
    assert len(await house.store.pick(Pick(BUDGET))) <= 17


@pytest.mark.parametrize("processes", [2, 7])
async def test_of_many_at_once_no_more_get_through_than_there_are_calls(tmp_path, processes):
    clock = HandClock()
    house = House(clock, SqliteStore(tmp_path / "log.db", clock.now))
    try:
        several = [house.books() for _ in range(processes)]
        answers = await asyncio.gather(*(house.taken(books) for _ in range(6) for books in several))
        assert 0 < sum(answers) <= 5
        assert await house.takes(several[0], 9) + sum(answers) == 5, "whoever took too much has given it back"
        assert await house.left() == 0
    finally:
        await house.store.close()


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 2), st.booleans(), st.sampled_from([None, 0, 1, 20])),
        min_size=1,
        max_size=60,
    ),
    most=st.integers(1, 6),
    seconds=st.sampled_from([60, 900]),
)
@settings(max_examples=60, deadline=None)
async def test_no_window_of_that_length_anywhere_holds_more_calls_than_the_budget(steps, most, seconds):
    """Whenever they are asked for, by whom, and with how many restarts in between: also over the edge of any grid."""
    budget, house = Budget(most, timedelta(seconds=seconds)), House()
    several, made = [house.books() for _ in range(3)], []
    for passed, who, restarted, ahead in steps:
        house.clock.at += timedelta(seconds=passed * seconds / 900)
        several[who] = house.books() if restarted else several[who]
        if await (house.taken(several[who], budget) if ahead is None
                  else house.taken_ahead(several[who], budget, ahead)):  # fmt: skip
            made.append(house.clock.at)
    for first in made:
        assert sum(first <= at < first + budget.window for at in made) <= most


@pytest.mark.parametrize("at", [NINE, NINE + timedelta(seconds=59.999999), NINE + 31 * MINUTE])
def test_a_span_holds_the_moment_it_is_asked_for_and_is_found_again_by_its_beginning(at):
    for budget in (FIVE, UNITS_A_DAY, *(each.budget for each in CHANNELS.values() if each.budget)):
        span = span_of(budget, at)
        assert span.begins <= at < span.ends
        assert ends_of(budget, span.begins) == span.ends
        assert budget.zone is not None or span.ends - at >= budget.window


# What the channel tells.


async def test_a_channel_that_counts_more_than_we_do_is_believed_until_its_reset():
    house = House()
    books = house.books()
    assert await house.takes(books, 1) == 1
    await books.told("acme.x", FIVE, (1, NINE + 4 * MINUTE))
    assert await house.left() == 1
    assert await house.takes(books, 9) == 1
    house.clock.at = NINE + 4 * MINUTE
    assert await house.takes(books, 9) == 3


async def test_one_that_counts_less_than_we_do_changes_nothing():
    """Its window may have begun anew, where ours looks back over the whole of its length."""
    house = House()
    books = house.books()
    assert await house.takes(books, 4) == 4
    await books.told("acme.x", FIVE, (5, NINE + 15 * MINUTE))
    await books.told("acme.x", FIVE, (0, NINE - MINUTE))
    assert await house.takes(books, 9) == 1


HUNDRED = Budget(100, timedelta(minutes=15))


async def test_what_one_process_is_told_the_others_know_at_their_next_call():
    """Also one that had looked at the window before, and was far from its end."""
    house = House()
    told, other = house.books(), house.books()
    assert [await house.taken(each, HUNDRED) for each in (told, other)] == [True, True]
    await told.told("acme.x", HUNDRED, (0, NINE + 4 * MINUTE))
    assert not await house.taken(other, HUNDRED)
    assert house.until == NINE + 4 * MINUTE
    house.clock.at += 2 * MINUTE
    assert not await house.taken(other, HUNDRED)
    house.clock.at = NINE + 4 * MINUTE
    assert await house.takes(other, 200, HUNDRED) == 98


async def test_a_channel_that_tells_of_some_left_leaves_the_others_so_many():
    house = House()
    told, other = house.books(), house.books()
    await house.taken(other, HUNDRED)
    await told.told("acme.x", HUNDRED, (30, NINE + 15 * MINUTE))
    assert await house.takes(other, 200, HUNDRED) == 30


async def test_what_is_told_while_another_process_begins_a_span_is_known_to_it():
    house = House()
    told, other = house.books(), house.books()
    await house.taken(told, HUNDRED)
    append = house.store.append

    async def told_meanwhile(asked: Append) -> Any:
        house.store.append = append
        await told.told("acme.x", HUNDRED, (0, NINE + 15 * MINUTE))
        return await append(asked)

    house.clock.at += MINUTE
    house.store.append = told_meanwhile
    assert not await house.taken(other, HUNDRED)


async def test_far_from_the_end_a_call_is_one_claim():
    house = House()
    books = house.books()
    await books.take("acme.x", HUNDRED)
    house.store.pick = house.store.append = None
    assert await house.takes(books, 70, HUNDRED) == 70


async def test_far_from_the_end_a_call_that_is_booked_ahead_is_a_row_of_its_append_and_a_look():
    """The first one of a span too: its row is begun in that very append."""
    house = House()
    books = house.books()
    house.store.claim = None
    assert all([await house.taken_ahead(books, HUNDRED) for _ in range(100)])
    assert await house.left(HUNDRED) == 0


async def test_the_first_call_of_a_span_that_is_booked_ahead_knows_what_was_booked_before_it():
    house = House()
    await house.takes(house.books(), 5)
    house.clock.at += MINUTE
    assert not await house.taken_ahead(house.books())
    house.clock.at += 15 * MINUTE
    assert await house.taken_ahead(house.books())
    assert await house.left() == 4, "and what counts no more is cleared away"


async def test_what_another_process_has_booked_is_seen_also_by_who_books_ahead():
    house = House()
    ahead, other = house.books(), house.books()
    await ahead.take("acme.x", FIVE)
    assert await house.takes(other, 9) == 4
    assert not await house.taken_ahead(ahead)
    assert await house.left() == 0, "and what was one too many is given back"


async def test_a_call_that_is_made_in_a_later_span_than_it_was_booked_in_is_counted_once():
    """All of a budget can be used, also by calls that were on their way as a minute ended."""
    house = House()
    assert [await house.taken_ahead(house.books(), seconds=60) for _ in range(6)] == [True] * 5 + [False]
    assert await house.left() == 0


async def test_a_booking_whose_row_was_cleared_away_is_made_anew():
    house = House()
    books = house.books()
    await books.take("acme.x", FIVE)
    span, booking = books.ahead("acme.x", FIVE)
    await house.store.append(Append(rows=[Drop(BUDGET, {"connection": "acme.x"}), *booking]))
    await books.confirm("acme.x", FIVE, span)
    assert await house.left() == 4


@pytest.mark.parametrize("begun", [True, False], ids=["in a span", "as the first in it"])
async def test_who_books_ahead_heeds_what_another_process_is_told(begun):
    house = House()
    told, other = house.books(), house.books()
    if begun:
        assert [await house.taken(each, HUNDRED) for each in (told, other)] == [True, True]
    span, booking = other.ahead("acme.x", HUNDRED)
    await told.told("acme.x", HUNDRED, (0, NINE + 4 * MINUTE))
    await house.store.append(Append(rows=booking))
    with pytest.raises(BudgetSpent):
        await other.confirm("acme.x", HUNDRED, span)


async def test_a_fixed_day_is_corrected_within_the_day():
    house = House()
    books = house.books()
    await books.told("acme.x", UNITS_A_DAY, (1, NINE + MINUTE))
    assert await house.takes(books, 9, UNITS_A_DAY) == 1


@dataclass
class Wire:
    """The door behind the door."""

    sent: list[str] = field(default_factory=list)
    tells: Left | None = None

    async def send(self, method: str, url: str, **more: Any) -> Left | None:
        self.sent.append(f"{method} {url}")
        return self.tells


async def test_what_is_not_left_is_not_sent_and_what_is_told_is_booked():
    house, wire = House(), Wire(tells=(2, NINE + 15 * MINUTE))
    door = Booked(house.books(), "acme.x", FIVE, wire, left=lambda told: told)
    for _ in range(3):
        await door.send("POST", "https://api.x.com/2/tweets")
        wire.tells = None
    with pytest.raises(BudgetSpent):
        await door.send("POST", "https://api.x.com/2/tweets")
    assert len(wire.sent) == 3


async def test_a_door_asks_nobody_for_a_first_call_that_its_attempt_has_booked():
    house, wire = House(), Wire()
    books = house.books()
    door = Booked(books, "acme.x", FIVE, wire)
    for left in (4, 3):
        await house.store.append(Append(rows=door.booking()))
        assert await house.left() == left
        await door.send("POST", "https://api.x.com/2/tweets")
        assert await house.left() == left
    await door.send("GET", "https://api.x.com/2/tweets")
    assert (await house.left(), len(wire.sent)) == (2, 3)


async def test_a_call_that_cannot_be_booked_is_not_made_and_an_answer_outlives_the_books():
    house, wire = House(), Wire(tells=(0, NINE + 15 * MINUTE))
    door = Booked(house.books(), "acme.x", FIVE, wire, left=lambda told: told)

    async def broken(asked: Append) -> Any:
        raise StoreError("the disk is full")

    append, house.store.append = house.store.append, broken
    with pytest.raises(BudgetSpent) as spent:
        await door.send("GET", "https://api.x.com/2/tweets")
    assert (wire.sent, spent.value.until) == ([], NINE + MINUTE)
    house.store.append = append
    await door.books.take("acme.x", FIVE)
    house.store.append = broken
    assert await door.send("GET", "https://api.x.com/2/tweets") == (0, NINE + 15 * MINUTE)
