"""One seed's house: a disk and an outside world that outlive every process, the processes on them, and the witnesses.

Whoever asks anything random asks the seed; whoever asks the time asks the stepping clock.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from functools import reduce
from random import Random
from typing import Any, TypeVar

from events import (
    ApprovalGiven,
    ChannelConnected,
    ChannelDisconnected,
    PostEdited,
    PostRefused,
    PostTakenIn,
    Told,
)
from events.subjects import approval_stream, connection_stream, post_stream
from services.channels.registry import ADAPTERS
from services.channels.sandbox.weather import Asked
from services.chassis.service import Chassis, Service, service
from services.chassis.store_memory import MemoryStore
from services.collector.app import build as build_collector
from services.gateway.grants import Grants
from services.gateway.reactions import reactions as gateway_reactions
from services.gateway.reactions import rings as gateway_rings
from services.publisher.app import build as build_publisher
from services.scheduler import post
from services.scheduler.app import build as build_scheduler
from tests.simulation.clock import HouseClock
from tests.simulation.broker import Broker, Edge
from tests.simulation.door import Door
from tests.simulation.faults import Armed, Faults
from tests.simulation.keys import opener, vault_of
from tests.simulation.life import LIVING, Life
from tests.simulation.loop import Dead, Loop
from tests.simulation.outside import Call, SeenWorld
from tests.simulation.passing import Passing
from tests.simulation.people import CLIENTS, PUBLIC_URL, People
from tests.simulation.plan import Plan
from tests.simulation.promises import WITNESSES, Book, Breach
from tests.simulation.troubles import OF_PEOPLE, POINTS, Trouble

T = TypeVar("T")

DRAIN = timedelta(days=30)
LOOK_ROUND = timedelta(hours=8)


class House:
    adapters = ADAPTERS

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = Loop(Random(f"{plan.seed} whose turn"), shuffled=plan.shuffled)
        self.loop.started = self._started
        self.clock = HouseClock(plan.start)
        self.disk = MemoryStore(self.clock.now)
        self.disk.on_append.append(self._heard)
        self.faults = Faults(self)
        self.passing = Passing(self, self.loop, self.clock)
        self.world = SeenWorld(self, seed=str(plan.seed), now=self.clock.now)
        self.lives: list[Life] = []
        self.begun = 0
        self.acknowledged: dict[str, None] = {}
        self.refusals, self.crowded_flights = 0, 0
        self.flights: dict[str, list[Life]] = defaultdict(list)
        """Calls to publish that wait for their answer, by connection, and whose they are."""
        self.notes: list[tuple[datetime, int, str]] = []
        self.healed, self.over = False, False
        self.writing: Life | None = None
        self._ids = itertools.count(1)
        self._between = Random(f"{plan.seed} between")
        self._seen = 0
        self.people = People(self)
        self.broker = Broker(self, plan.messages)
        self.book = Book()
        self.witnesses = [witness(self, self.book) for witness in WITNESSES]

    # What the processes are made of.

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    def begin_life(self) -> None:
        if self.over:
            return
        self.begun += 1
        life = Life(self, self.begun)
        self.lives = [each for each in self.lives if not each.dead] + [life]
        self.note(f"{life.name} begins")
        life.start(self._build)

    def _build(self, life: Life, chassis: Chassis) -> Sequence[Service]:
        """As `system.py` wires them, over the world instead of the network."""

        def http_for(connection: str) -> Door:
            return Door(life, connection)

        vault = vault_of(chassis.store, self.plan.seed, life.name)
        wiring: dict[str, Any] = {"adapters": ADAPTERS, "http_for": http_for, "open_credential": opener(vault)}
        grants = Grants(chassis.store, clock=chassis.clock, vault=vault, adapters=ADAPTERS, http_for=http_for,
                        clients=CLIENTS, public_url=lambda: PUBLIC_URL)  # fmt: skip
        with_ids: dict[str, Any] = {"clock": chassis.clock, "new_id": chassis.new_id}
        return [
            build_scheduler(chassis, edge=lambda intake: Edge(life, intake)),
            build_publisher(chassis, **wiring),
            build_collector(chassis, **wiring),
            service(chassis, "gateway", reactions=gateway_reactions(chassis.store, grants, **with_ids),
                    rings=gateway_rings(chassis.store, grants, **with_ids)),
        ]  # fmt: skip

    def _started(self, task: asyncio.Task[Any]) -> None:
        if life := LIVING.get():
            life.adopt(task)

    # What happens to them.

    def begin_trouble(self, trouble: Trouble) -> None:
        kind, what = trouble.kind, trouble.what
        if kind == "bell_lost":
            self.faults.silence(what["bells"])
        elif kind in POINTS or kind == "pause":
            self.faults.arm(Armed(kind, what["point"], what["passed"], frozenset(what["words"]), what["lasts"]))
        elif kind in OF_PEOPLE:
            if moment := what.get("moment"):
                self.faults.arm(Armed(kind, moment["point"], moment["passed"], frozenset(moment["words"]),
                                      do=lambda story: self.people.do(trouble, story)))  # fmt: skip
            else:
                self.people.do(trouble)
        else:
            asked = {name: value for name, value in what.items() if name != "channel"}
            self.world.begin(what["channel"], Asked.model_validate({"kind": trouble.kind_of_weather, **asked}))

    def comes_between(self) -> bool:
        return self.plan.between > 0 and self._between.random() < self.plan.between

    def broke(self, life: Life, name: str, broken: BaseException) -> None:
        self.note(f"{name} of {life.name} broke: {broken!r}")
        life.kill()
        self.passing.after(timedelta(seconds=5), self.begin_life)

    def refused(self, before: int) -> None:
        self.refusals += 1
        assert self.position == before, "an append that was refused has left a trace"

    # What is seen of it.

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
            for witness in self.witnesses:
                witness.heard(each, story)
            self.people.hear(each)
        for witness in self.witnesses:
            witness.written()

    def take_off(self, connection: str, life: Life) -> None:
        self.flights[connection].append(life)
        self.crowded_flights += any(row["connection"] == connection for row in self.rows("ready"))

    def land(self, connection: str, life: Life) -> None:
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

    def awaits_approval(self, story: str) -> bool:
        told = self.facts_of(story)
        content = next(each.fact.content_hash for each in reversed(told) if isinstance(each.fact, PostTakenIn | PostEdited))
        given = [each.fact for each in self.disk._streams.get(approval_stream(story), ())]
        return not (given and isinstance(given[-1], ApprovalGiven) and given[-1].content_hash == content)

    def is_open(self, connection: str) -> bool:
        """Whether its posts may go out."""
        told = self.disk._streams.get(connection_stream(connection), ())
        changes = [each.fact for each in told if isinstance(each.fact, ChannelConnected | ChannelDisconnected)]
        return bool(changes) and isinstance(changes[-1], ChannelConnected)

    def connection_of(self, story: str) -> str:
        return self.book.stories[story].connection

    def refused_for_length(self, story: str) -> bool:
        return any(isinstance(each.fact, PostRefused) for each in self.facts_of(story))

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
        for _ in range(2 if self.plan.shared else 1):
            self.begin_life()
        await self._until(self.plan.until)
        for witness in self.witnesses:
            witness.half_time()
        self._heal()
        last = self.plan.until + DRAIN
        while self.clock.now() < last and not self._all_ended():
            await self._until(self.clock.now() + LOOK_ROUND)
        for witness in self.witnesses:
            witness.ended()
        self.over = True
        for life in self.lives:
            life.kill()

    async def _until(self, moment: datetime) -> None:
        come = asyncio.Event()
        self.passing.at(moment, come.set)
        await come.wait()

    def _heal(self) -> None:
        """The weather clears up, everything is connected, and nobody is stopped any more."""
        self.note("the weather clears up")
        self.healed = True
        self.faults.disarm()
        self.world.clear_up()
        for life in self.lives:
            life.go_on()
        for scope in ("all", *(document.id for document in self.plan.accounts), "linkedin", "x", "blog"):
            self.people.resume(scope)
        for name in self.plan.connections:
            self.people.connect(name)

    def _all_ended(self) -> bool:
        return all(story.end is not None for story in self.book.stories.values())


__all__ = ["Dead", "House"]
