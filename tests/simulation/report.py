"""What one seed came to, and many of them in one table."""

from __future__ import annotations

import gc
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from events import OutcomeUnknown
from events.channels import CHANNELS, channel_of
from tests.simulation.bugs import planted
from tests.simulation.feed import in_place_of_nats
from tests.simulation.house import House
from tests.simulation.loop import Dead, Spins
from tests.simulation.outside import long_lived_grants
from tests.simulation.plan import Plan, plan_of
from tests.simulation.promises import ANTECEDENTS
from tests.simulation.promises.book import Story
from tests.simulation.promises.log import hash_of
from tests.simulation.telling import story_of
from tests.simulation.troubles import KINDS

AT_A_TIME = 5
QUICK_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a real store keeps the log of a fortnight: nobody flushes for it."""
QUIET = 50
"""Above every level: what a service logs in bad weather is what this is all about, and only a story needs it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`hash` is over every byte of the log and every call: the same seed, the same hash."""

    seed: int
    hash: str
    facts: int
    breaches: Sequence[str] = ()
    story: str = ""
    fired: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


def play(
    seed: int, *, bug: str = "", beside: str = "", aloud: bool = False, drawn: Callable[[int], Plan] = plan_of
) -> Outcome:
    """One fortnight. `bug` names a fault planted in the running product, `beside` the address of a real store."""
    plan = drawn(seed)
    with planted(bug), calm(aloud=aloud), TemporaryDirectory(prefix="fortnight-", dir=QUICK_DISK) as folder:
        house = House(plan, beside=beside or (f"sqlite:///{folder}/log.db" if plan.real_store else ""))
        breaches = played(house)
        house.part()
        stories = [breach.story for breach in house.breaches]
        told = story_of(house, stories) if breaches or aloud else ""
        return Outcome(seed, hash_of(house.disk._log, house.world.published), house.position, breaches, told,
                       house.faults.fired, house.reached, _sent(house), _unknown(house))  # fmt: skip


def _sent(house: House) -> Counter[str]:
    """Posts of which an attempt was made, by how well their channel can be asked for them (D10)."""
    return Counter(_tier(story) for story in house.book.stories.values() if story.last_attempt is not None)


def _unknown(house: House) -> Counter[str]:
    """Those of them whose outcome a person had to settle."""
    unsettled = (story for story in house.book.stories.values()
                 if any(isinstance(told.fact, OutcomeUnknown) for told in story.told))  # fmt: skip
    return Counter(map(_tier, unsettled))


def _tier(story: Story) -> str:
    return CHANNELS[channel_of(story.connection)].tier


@contextmanager
def calm(*, aloud: bool = False) -> Iterator[None]:
    """What playing asks of the process it is played in."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0 if aloud else QUIET))
    with warnings.catch_warnings(), long_lived_grants(), in_place_of_nats(), nothing_swept_up():
        # A process may be killed before a task of it has had its first turn.
        warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
        yield


@contextmanager
def nothing_swept_up() -> Iterator[None]:
    """A fortnight is short, and looking for garbage in it takes a third of its time; so that is done afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def played(house: House) -> list[str]:
    try:
        house.play()
    except (Dead, Spins, AssertionError) as broken:
        why = house.passing.stuck or str(broken)
        return [*map(str, house.breaches), f"I14 (the house) at {house.clock.now():%m-%d %H:%M:%S}: {why}"]
    return [str(breach) for breach in house.breaches]


def play_all(
    seeds: Sequence[int], *, workers: int, bug: str = "", drawn: Callable[[int], Plan] = plan_of
) -> Iterator[Outcome]:
    """Side by side; in the order of the seeds whoever was quicker."""
    if workers < 2:
        yield from (play(seed, bug=bug, drawn=drawn) for seed in seeds)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_Player(bug, drawn), seeds, chunksize=AT_A_TIME)


@dataclass(frozen=True, slots=True)
class _Player:
    bug: str
    drawn: Callable[[int], Plan]

    def __call__(self, seed: int) -> Outcome:
        return play(seed, bug=self.bug, drawn=self.drawn)


@dataclass(slots=True)
class Tally:
    seeds: int = 0
    facts: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, outcomes: Iterable[Outcome]) -> Tally:
        for outcome in outcomes:
            self.seeds += 1
            self.facts += outcome.facts
            self.fired += outcome.fired
            self.reached += outcome.reached
            self.sent += outcome.sent
            self.unknown += outcome.unknown
            if outcome.breaches:
                self.failed.append(outcome)
        return self

    @property
    def never(self) -> list[str]:
        """Faults that never struck and promises that were never put to the test."""
        faults = [kind for kind in KINDS if not self.fired[kind]]
        return faults + [name for name in ANTECEDENTS if not self.reached[name]]

    def table(self) -> str:
        seconds = max(time.monotonic() - self.began, 0.001)
        rate = f"{self.seeds / seconds:.1f} fortnights a second"
        lines = [f"{self.seeds:,} fortnights, {self.facts:,} facts, {rate}"]
        lines += ["", "faults that struck", *_rows({kind: self.fired[kind] for kind in KINDS})]
        lines += ["", "promises put to the test", *_rows({name: self.reached[name] for name in ANTECEDENTS})]
        lines += ["", f"{len(self.failed)} fortnights broke a promise"]
        return "\n".join(lines)

    def failures(self, most: int = 3) -> str:
        return "\n\n".join(told(outcome) for outcome in self.failed[:most])


def told(outcome: Outcome) -> str:
    """What a person needs who has to mend it: the story, what was broken, and how to see it again."""
    again = f"play it again: {sys.executable.rsplit('/', 1)[1]} -m tests.simulation --seed {outcome.seed}"
    return "\n".join([f"seed {outcome.seed}", outcome.story, *outcome.breaches, again])


def _rows(counts: dict[str, int]) -> list[str]:
    return [f"  {count:>10,}  {name}{'   NEVER' if not count else ''}" for name, count in counts.items()]
