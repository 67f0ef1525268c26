"""One seed's house: a disk and an outside world that outlive every process, the processes on them, and the witnesses.

Whoever asks anything random asks the seed; whoever asks the time asks the stepping clock.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import reduce
from random import Random
from typing import Any, TypeVar

from events import PostRefused, Told
from events.subjects import post_stream
from services.channels.registry import ADAPTERS
from services.chassis.rows import Claim, Row
from services.chassis.store_memory import MemoryStore
from services.gateway.views.fold import Views
from services.scheduler import post
from tests.simulation.befalling import befall, set_back
from tests.simulation.broker import Broker
from tests.simulation.clock import HouseClock
from tests.simulation.faults import Faults
from tests.simulation.feed import Feed
from tests.simulation.life import LIVING, Life
from tests.simulation.loop import Loop
from tests.simulation.model import Model
from tests.simulation.outside import Call, SeenWorld
from tests.simulation.passing import Passing
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.poison import Poison
from tests.simulation.promises import WITNESSES, Book, Breach
from tests.simulation.troubles import SERVICES, Trouble
from tests.simulation.twin import Twin
from tests.simulation.wiring import services_of

T = TypeVar("T")

EARLY = timedelta(days=2)
"""A first look around, while most posts still wait for their slot."""
DRAIN = timedelta(days=30)
LOOK_ROUND = timedelta(hours=8)
A_MINUTE = timedelta(minutes=1)
A_MOMENT = timedelta(seconds=5)
BROKEN_MAX = 20
"""A house whose processes break at every start is shown, not started for ever."""


class House:
    adapters = ADAPTERS

    def __init__(self, plan: Plan, *, beside: str = "") -> None:
        """`beside` is the address of a real store that is asked the same."""
        self.plan = plan
        self.loop = Loop(Random(f"{plan.seed} whose turn"), shuffled=plan.shuffled)
        self.loop.started = self._started
        self.clock = HouseClock(plan.start)
        self.disk = Twin(self.clock.now, beside) if beside else MemoryStore(self.clock.now)
        self.disk.on_append.append(self._heard)
        self.faults, self.poison = Faults(self), Poison(self)
        self.passing = Passing(self, self.loop, self.clock)
        self.world = SeenWorld(self, seed=str(plan.seed), now=self.clock.now)
        self.lives: list[Life] = []
        self.begun = 0
        self.acknowledged: dict[str, None] = {}
        self.broken: list[str] = []
        """Services that ended by themselves; whoever supervises them has begun another process."""
        self.refusals, self.crowded_flights = 0, 0
        self.flights: dict[str, list[Life]] = defaultdict(list)
        """Calls to publish that wait for their answer, by connection, and whose they are."""
        self.notes: list[tuple[datetime, int, str]] = []
        self.healed, self.over = False, False
        self.writing: Life | None = None
        self.read_again: tuple[int, int] | None = None
        """How much had been said, and how often a channel called, before everything was read again."""
        self.views_checked: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._between = Random(f"{plan.seed} between")
        self._seen = 0
        self.people, self.feed = People(self), Feed(self)
        self.model = Model(self) if plan.modelled else None
        self.broker = Broker(self, plan.messages)
        self.book = Book()
        self.witnesses = [witness(self, self.book) for witness in WITNESSES]
        self._hear, self._read = self._told("heard"), self._told("read")

    # What the processes are made of.

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    def begin_life(self) -> None:
        if self.over:
            return
        self.begun += 1
        if isinstance(self.disk, Twin) and self.begun > 1:
            self.disk.open_again()
        life = Life(self, self.begun)
        self.lives = [each for each in self.lives if not each.dead] + [life]
        self.note(f"{life.name} begins")
        life.start(services_of)

    def _started(self, task: asyncio.Task[Any]) -> None:
        if life := LIVING.get():
            life.adopt(task)

    # What happens to them.

    def begin_trouble(self, trouble: Trouble) -> None:
        befall(self, trouble)

    def left(self, life: Life, since: datetime, under_way: Sequence[str]) -> None:
        self.note(f"{life.name} has left")
        for witness in self.witnesses:
            witness.left(life, since, under_way)
        life.kill()
        self.passing.after(A_MOMENT, self.begin_life)

    def comes_between(self) -> bool:
        return self.plan.between > 0 and self._between.random() < self.plan.between

    def broke(self, life: Life, name: str, broken: BaseException) -> None:
        self.note(f"{name} of {life.name} broke: {broken!r}")
        self.broken.append(f"the {name} ended with {broken!r}")
        life.kill()
        if len(self.broken) < BROKEN_MAX:
            self.passing.after(timedelta(seconds=5), self.begin_life)

    def refused(self, before: int) -> None:
        self.refusals += 1
        assert self.position == before, "an append that was refused has left a trace"

    # What is seen of it.

    def _told(self, what: str) -> list[Callable[..., None]]:
        """Of the witnesses those who care."""
        return [getattr(witness, what) for witness in self.witnesses if what in vars(type(witness))]

    def _heard(self, position: int) -> None:
        """A doorbell of the relay for every other process; and the witnesses read along."""
        told = self.disk._log[self._seen :]
        self._seen = position
        for life in self.lives:
            if life is not self.writing and not life.dead and not self.faults.bell_lost():
                for each in life.services:
                    each.inbox.ring()
        for each in told:
            story = self.book.hear(each)
            for hear in self._hear:
                hear(each, story)
            self.people.hear(each)
        for witness in self.witnesses:
            witness.written()

    def was_read(self, after: int, page: Sequence[Told]) -> None:
        for read in self._read:
            read(after, page)

    def claimed(self, life: Life, claim: Claim, before: Sequence[Row], rows: Sequence[Row]) -> None:
        for witness in self.witnesses:
            witness.claimed(life, claim, before, rows)

    def take_off(self, connection: str, life: Life) -> None:
        self.flights[connection].append(life)
        self.crowded_flights += any(row["connection"] == connection for row in self.rows("ready"))

    def land(self, connection: str, life: Life) -> None:
        self.crowded_flights += any(row["connection"] == connection for row in self.rows("ready"))
        self.flights[connection].remove(life)

    def called(self, call: Call) -> None:
        self.note(f"{call.life} called {call.connection} for {call.story}: {call.status}, "
                  f"{'visible' if call.post else 'nothing visible'}{'' if call.heard else ', unheard'}")  # fmt: skip
        for witness in self.witnesses:
            witness.called(call, self.book.stories.get(call.story))

    @property
    def breaches(self) -> list[Breach]:
        return [breach for witness in self.witnesses for breach in witness.breaches]

    @property
    def reached(self) -> Counter[str]:
        return sum((witness.reached for witness in self.witnesses), Counter())

    @property
    def position(self) -> int:
        return len(self.disk._log)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.disk._tables[table].rows.values())

    def facts_of(self, story: str) -> Sequence[Told]:
        return self.disk._streams.get(post_stream(story), ())

    def phase_of(self, story: str) -> str:
        """As the scheduler folds it."""
        told = (each.fact for each in self.book.stories[story].told)
        return reduce(post.evolve, told, post.initial).phase

    def connection_of(self, story: str) -> str:
        return self.book.stories[story].connection

    def refused_for_length(self, story: str) -> bool:
        return any(isinstance(each.fact, PostRefused) for each in self.facts_of(story))

    def part(self) -> None:
        if isinstance(self.disk, Twin):
            self.disk.part()

    def note(self, what: str) -> None:
        self.notes.append((self.clock.now(), self.position, what))

    def now(self, question: Coroutine[Any, Any, T]) -> T:
        """What the disk answers without a pause."""
        try:
            question.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the disk paused")

    # A fortnight.

    def play(self) -> None:
        self.loop.play(self._fortnight())

    async def _fortnight(self) -> None:
        self.people.move_in()
        if self.model is not None:
            self.model.begins()
        for _ in range(2 if self.plan.shared else 1):
            self.begin_life()
        for moment in (self.plan.start + EARLY, self.plan.until):
            await self._until(moment)
            for witness in self.witnesses:
                witness.half_time()
        self._heal()
        last = self.plan.until + DRAIN
        await self._until_all_ended(last)
        await self._until_the_feed_has_all()
        await self._until_all_ended(last)  # somebody may have asked for something meanwhile
        if self.plan.reads_again:
            await self._read_all_again()
        self.views_checked = [await views.check(name) for views in self._views() for name in views.names]
        for views in self._views():
            self.views_checked += [await views.check(str((await views.rebuild(name))["view"])) for name in views.names]
        for witness in self.witnesses:
            witness.ended()
        self.over = True
        for life in self.lives:
            life.kill()

    async def _until_all_ended(self, last: datetime) -> None:
        while self.clock.now() < last and not self._all_ended():
            await self._until(self.clock.now() + LOOK_ROUND)

    async def _until_the_feed_has_all(self) -> None:
        last = self.clock.now() + A_MINUTE * 10
        while self.plan.relays and self.feed.lacks() and self.clock.now() < last:
            await self._until(self.clock.now() + A_MINUTE)

    def _views(self) -> list[Views]:
        return [views for life in self.lives if life.awake for views in life.views]

    async def _read_all_again(self) -> None:
        """A process that has read nothing yet hears the whole log, and has nothing to add (I8)."""
        while any(row["due_at"] < self.clock.now() + A_MINUTE for row in self.rows("alarm")):
            await self._until(self.clock.now() + A_MINUTE)
        set_back(self, SERVICES, self.position)
        await self._until(self.clock.now() + timedelta(seconds=4))
        self.read_again = self.position, self.world.asked
        await self._until(self.clock.now() + timedelta(seconds=30))

    async def _until(self, moment: datetime) -> None:
        come = asyncio.Event()
        self.passing.at(moment, come.set)
        await come.wait()

    def _heal(self) -> None:
        """The weather clears up, everything is connected, and nobody is stopped any more."""
        self.note("the weather clears up")
        self.healed = True
        self.faults.disarm()
        self.model = None
        self.poison.clear()
        self.feed.away_until = None
        self.clock.jump(timedelta())
        self.world.clear_up()
        for life in self.lives:
            life.go_on()
        for scope in ("all", *(document.id for document in self.plan.accounts), "linkedin", "x", "blog"):
            self.people.resume(scope)
        for name in self.plan.connections:
            self.people.connect(name)

    def _all_ended(self) -> bool:
        ended = all(story.end is not None for story in self.book.stories.values())
        return ended and not self.rows("held") and not self.people.waiting()
