"""What one process has in hand, no other one takes, while the first is awake and has not let it go (D8, D11).

And whoever leaves in good order leaves nothing in hand (I29); whoever goes on says what became of what it began (F5).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from events import AttemptStarted, LateSendSeen, LookedUp, Told
from events.subjects import kind_of
from services.chassis.rows import BUDGET, LEASE, Claim, Row
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

LEAVING_MAX = timedelta(seconds=25)
LEAST = timedelta(seconds=9)
"""A lease lives for ten seconds, and is renewed as long as whoever has it is awake."""


class Hands(Witness):
    reaches = ("F5 late sends", "I19 rows taken in hand", "I19 rows taken over", "I29 leavings with a call open",
               "I29 leavings watched")  # fmt: skip

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._whose: dict[str, Life | None] = {}
        self._since: dict[tuple[object, ...], datetime] = {}
        self._unsaid: dict[tuple[str, int], Life] = {}

    def heard(self, told: Told, story: Story | None) -> None:
        life = self.house.writing
        if story is None or life is None or kind_of(told.stream) != "delivery":
            return
        match told.fact:
            case AttemptStarted(attempt=attempt):
                self._whose[story.name] = self._unsaid[story.name, attempt] = life
            case LookedUp():
                pass
            case fact:
                self.reached["F5 late sends"] += isinstance(fact, LateSendSeen)
                attempts = [getattr(fact, "attempt", None) or each.attempt for each in story.attempts]
                for key in {(story.name, attempt) for attempt in attempts}:
                    if self._unsaid.get(key) is life:
                        del self._unsaid[key]

    def left(self, life: Life, since: datetime, under_way: Sequence[str]) -> None:
        """In time, and every attempt of it has an outcome, be it that nobody knows."""
        self.reached["I29 leavings with a call open"] += any(self._whose.get(name) is life for name in under_way)
        if life.stood_still or self.house.faults.was_full(since):
            return
        self.reached["I29 leavings watched"] += 1
        if (took := self.house.clock.now() - since) > LEAVING_MAX:
            self.breach("I29", "", f"{life.name} took {took} to leave")
        for story in self.book.stories.values():
            if story.open is not None and not story.unclear and self._whose.get(story.name) is life:
                self.breach("I29", story.name, f"{life.name} has left, and its attempt has no outcome")

    def ended(self) -> None:
        """Also of what was sent too late: it may stand twice, and somebody has to be told."""
        for (name, attempt), life in self._unsaid.items():
            if not life.dead:
                self.breach("F5", name, f"{life.name} never said what became of attempt {attempt}")

    def claimed(self, life: Life, claim: Claim, before: Sequence[Row], rows: Sequence[Row]) -> None:
        table, now = claim.pick.table, self.house.clock.now()
        if table in (LEASE, BUDGET):  # nobody holds a row of these
            return
        awake = {each.name for each in self.house.lives if each.awake and not each.stood_still and each is not life}
        for row in before:
            key = (table.name, *(row[column] for column in table.key))
            since, self._since[key] = self._since.get(key, now), now
            holder = row["holder"]
            self.reached["I19 rows taken over"] += holder is not None
            if holder in awake and table.name == "alarm" and now - since < LEAST:
                self.breach("I19", "", f"{life.name} took {row}, which is in its holder's hand since {since}")
        self.reached["I19 rows taken in hand"] += len(rows)
