"""The stepping clock stands still while anything is in flight, and otherwise jumps to what comes next (D7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.chassis.stepping import Scripted, Stepper, breathe

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class World:
    """A clock, alarms, work that takes some turns of the loop, and a diary of what happened when."""

    def __init__(self) -> None:
        self.moment, self.told = NINE, NINE
        self.alarms: list[datetime] = []
        self.work = 0
        self.diary: list[tuple[str, timedelta]] = []

    def now(self) -> datetime:
        return self.moment

    def step_to(self, moment: datetime) -> None:
        assert self.work == 0, "the clock moved while something was in flight"
        assert self.told == moment, "the outside world was told too late"
        self.moment = moment
        while moment in self.alarms:
            self.alarms.remove(moment)
            self.note("rang")
            self.work = 5

    def note(self, what: str) -> None:
        self.diary.append((what, self.moment - NINE))

    async def in_flight(self) -> str | None:
        self.work = max(self.work - 1, 0)
        return "work" if self.work else None

    async def next_due(self) -> datetime | None:
        return min(self.alarms, default=None)

    async def tell(self, moment: datetime) -> None:
        self.told = moment

    def says(self, what: str, at: datetime, sets: datetime | None = None) -> Scripted:
        async def do() -> None:
            self.note(what)
            self.work = 3
            if sets:
                self.alarms.append(sets)

        return Scripted(at, do)


async def play(world: World, *script: Scripted, until: datetime) -> None:
    stepper = Stepper(world, in_flight=world.in_flight, next_due=world.next_due, tell=world.tell, breathe=breathe)
    await stepper.run(script, until=until, on_step=lambda moment: None)


async def test_alarms_and_script_are_played_in_the_order_of_their_instants():
    world = World()
    world.alarms = [NINE + 2 * MINUTE]
    first = world.says("approved", NINE + MINUTE, sets=NINE + 3 * MINUTE)
    last = world.says("asked", NINE + 4 * MINUTE)
    await play(world, last, first, until=NINE + 10 * MINUTE)
    assert world.diary == [
        ("approved", MINUTE), ("rang", 2 * MINUTE), ("rang", 3 * MINUTE), ("asked", 4 * MINUTE),
    ]  # fmt: skip
    assert world.now() == NINE + 10 * MINUTE


async def test_an_alarm_set_for_the_past_rings_now_and_time_never_goes_back():
    world = World()
    await play(world, world.says("late", NINE + 5 * MINUTE, sets=NINE + 5 * MINUTE), until=NINE + 6 * MINUTE)
    assert world.diary == [("late", 5 * MINUTE), ("rang", 5 * MINUTE)]


async def test_what_lies_beyond_the_end_is_left_alone():
    world = World()
    world.alarms = [NINE + 60 * MINUTE]
    await play(world, until=NINE + 30 * MINUTE)
    assert world.diary == []
    assert world.alarms == [NINE + 60 * MINUTE]
