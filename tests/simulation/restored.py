"""A fortnight in which the house is lost, and goes on from a copy of its disk that is hours or days old (I27, F31).

In half of them it is lost once more, and goes on from a copy of the house that had been put back.

The channels have moved on meanwhile. Whether anything stands there twice is asked of their own books alone, because the
log of the restored house cannot know; the witnesses, who remember what is forgotten, have left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from eventsourcing.popo import POPOApplicationRecorder

from events import FactParked, FactRedriven, PostEdited, PostPublished, PostTakenIn, Told
from services.chassis import incarnation
from services.chassis.chain import BEGINNING
from services.chassis.quarantine import Restored, carrying_on, quarantine
from services.chassis.rows import CHAIN, TABLES, Put, Row, Table
from services.chassis.store_memory import MemoryStore, MemoryTable
from tests.simulation.broker import body_of
from tests.simulation.house import DRAIN, LOOK_ROUND, House
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.promises import Book

LATEST_BACKUP_DAYS = 4
FORGOTTEN = (timedelta(minutes=1), timedelta(minutes=20), timedelta(hours=3), timedelta(hours=26), timedelta(days=3))
"""So much happened after the backup."""
LATEST_BACKUP_AGAIN_DAYS = 2
TEXTS = (PostTakenIn, PostEdited)
ASKED_FOR = timedelta(minutes=5)
"""A careful producer misses its receipts, and says again what it had said."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The disk as a backup holds it."""

    log: Sequence[Told]
    rows: Mapping[str, Sequence[Row]]
    chained: bytes


def copied(disk: MemoryStore) -> Copy:
    rows = {name: [copy(row) for row in table.rows.values()] for name, table in disk._tables.items()}
    return Copy(list(disk._log), rows, disk._chained)


def put_back(disk: MemoryStore, kept: Copy, *, now: datetime, number: int) -> None:
    """As `restore` does it: the log and its rows as they were, and in the same step the quarantine."""
    disk._recorder = POPOApplicationRecorder()
    disk._log[:] = kept.log
    disk._streams.clear()
    disk._streams.update(defaultdict(list))
    for told in kept.log:
        disk._streams[told.stream].append(told)
    disk._chained = kept.chained if kept.log else BEGINNING
    for table in TABLES:
        disk._tables[table.name] = MemoryTable(table)
        for row in kept.rows[table.name]:
            disk._write(Put(table, row))

    def rows(table: Table) -> list[Row]:
        return list(disk._tables[table.name].rows.values())

    restored = carrying_on(Restored(len(kept.log), kept.log[-1].recorded_at if kept.log else now, now), rows)
    life = Put(incarnation.HOUSE, {"name": incarnation.NAME, "body": f'{{"id":"life {number}"}}'})
    for write in quarantine(rows, restored, life):
        disk._write(write)
    assert len(disk._tables[CHAIN.name].rows) <= len(kept.log)


class Forgetful(People):
    """They find in the queue what the house knows of, and nothing else."""

    def _knows(self, story: str) -> bool:
        return story in self._house.book.stories

    def _approve(self, story: str, hashed: str) -> None:
        if self._knows(story):
            super()._approve(story, hashed)

    def _settle(self, story: str) -> None:
        if self._knows(story):
            super()._settle(story)

    def _mend(self, story: str) -> None:
        if self._knows(story):
            super()._mend(story)

    def _decide_missed(self, story: str) -> None:
        if self._knows(story):
            super()._decide_missed(story)

    def forget(self) -> None:
        self.stories = [story for story in self.stories if self._knows(story)]


class RestoredHouse(House):
    """`forgotten` counts posts that were live when the house was restored, of which its log knew nothing.

    `restores` counts how often that was.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.witnesses = []
        self.people = self._forgetful = Forgetful(self)
        self.restores = 0
        self.forgotten = 0
        self.suspected = 0
        self.disguised: set[str] = set()
        """Posts that the restored log cannot recognise where they are live."""

    async def _fortnight(self) -> None:
        random, again = Random(f"{self.plan.seed} the loss"), Random(f"{self.plan.seed} the second loss")
        self.people.move_in()
        self._begin_lives()
        await self._lost(random, days=LATEST_BACKUP_DAYS)
        if again.random() < 0.5:
            await self._lost(again, days=LATEST_BACKUP_AGAIN_DAYS)
        await self._until(max(self.plan.until, self.clock.now() + timedelta(days=1)))
        self._heal()
        last = self.clock.now() + DRAIN
        while self.clock.now() < last and not self._all_ended():
            await self._until(self.clock.now() + LOOK_ROUND)
        self.over = True
        for life in self.lives:
            life.kill()

    async def _lost(self, random: Random, *, days: int) -> None:
        """A backup within so many days; the house goes on for a while, is lost, and put back from it."""
        await self._until(self.clock.now() + timedelta(minutes=random.randrange(60, days * 24 * 60)))
        kept = copied(self.disk)
        await self._until(self.clock.now() + random.choice(FORGOTTEN) * random.uniform(0.5, 1.5))
        self._lose(kept)
        self._begin_lives()
        self.passing.after(ASKED_FOR, self._say_again)

    def _begin_lives(self) -> None:
        for _ in range(2 if self.plan.shared else 1):
            self.begin_life()

    def _lose(self, kept: Copy) -> None:
        for life in self.lives:
            life.kill()
        put_back(self.disk, kept, now=self.clock.now(), number=self.begun)
        self.restores += 1
        self.note(f"the house goes on from a copy with {len(kept.log)} facts")
        self.book, self._seen = Book(), len(kept.log)
        for told in kept.log:
            self.book.hear(told)
        self._forgetful.forget()
        for story in self.book.stories.values():
            # Whatever waits for a person, a person finds in the queue again.
            if story.end is None:
                edited = [told for told in story.told[:-1] if isinstance(told.fact, PostEdited)]
                for told in (story.told[0], *edited[-1:], story.told[-1]):
                    self.people.hear(told)
        redriven = {told.stream for told in kept.log if isinstance(told.fact, FactRedriven)}
        for told in kept.log:
            if isinstance(told.fact, FactParked) and told.stream not in redriven:
                self.people.hear(told)
        known = {story.name for story in self.book.stories.values() if isinstance(story.end, PostPublished)}
        self.forgotten += sum(bool(self.world.live(connection, story)) for connection, story in self._named()
                              if story not in known)  # fmt: skip
        self.suspected += len(self.rows("suspect"))
        self.disguised |= {story for connection, story in self._named() if self._is_disguised(connection, story)}

    def _is_disguised(self, connection: str, story: str) -> bool:
        """Live without a link, by words that neither the log knows nor Production: an edit was forgotten, and nobody
        can find it. PROMISES.md says so in plain words."""
        known = self._texts(story) | self._sent(story)
        return any(text not in known for text in self._bare(connection, story))

    def _was_taken_in_otherwise(self, connection: str, story: str) -> bool:
        """Production had sent other content under the name of a post that was live, which was parked; after the loss
        that was heard first and became the post, and what is live is in no word of it. PROMISES.md says so too."""
        never_heard = self._sent(story) - self._texts(story)
        return bool(self._texts(story)) and any(text in never_heard for text in self._bare(connection, story))

    def _texts(self, story: str) -> set[str]:
        """What the log has of it."""
        known = self.book.stories.get(story)
        return {told.fact.content.text for told in (known.told if known else ()) if isinstance(told.fact, TEXTS)}

    def _sent(self, story: str) -> set[str]:
        return {str(data["text"]) for _, name, data in self._messages() if name == story}

    def _bare(self, connection: str, story: str) -> list[str]:
        """What is live of it and can be found by its words alone."""
        return [each.text for each in self.world.live(connection, story) if not each.marker and not each.link]

    def _say_again(self) -> None:
        """Of whatever was acknowledged and is not in the log."""
        for body, message in list(self.broker.acknowledged.items()):
            if not self.broker._is_post(message) and body == body_of(message):
                self.broker._comes(message)

    def _named(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys((connection, story) for connection, story, _ in self._messages()))

    def _messages(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for message in self.plan.messages:
            if message.fit and isinstance(message.body, dict):
                data = message.body["data"]
                yield f"{data['account']}.{data['channel']}", f"{data['account']}.{data['post']}", data

    def judged(self) -> list[str]:
        """What the channels' books and the log say against the promise."""
        wrong = []
        for connection, story in self._named():
            live = self.world.live(connection, story)
            if self._was_taken_in_otherwise(connection, story):
                self.disguised.add(story)
            if len(live) > 1 and story not in self.disguised:
                wrong.append(f"{story} stands {len(live)} times on {connection}")
        for story in self.book.stories.values():
            if story.end is None:
                wrong.append(f"{story.name} never ended")
            elif isinstance(story.end, PostPublished) and not self.world.live(story.connection, story.name):
                wrong.append(f"{story.name} is said to be published and is not there")
        if left := self.rows("suspect"):
            wrong.append(f"the quarantine never ended: {[row['story'] for row in left]}")
        return wrong
