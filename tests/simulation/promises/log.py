"""The log itself: I1 to I4, I7 at the door, I9, I24; and that a store which cannot be asked ends nobody (I28)."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any

from events import Draft, PostTakenIn, Told
from services.chassis import codec
from services.chassis.store import StoreError
from tests.simulation.promises.book import Book, Story, Witness
from tests.simulation.twin import Twin

if TYPE_CHECKING:
    from tests.simulation.house import House


READ_BACK_EVERY = 10
"""Reading facts back from their bytes takes longer than telling them: one fortnight of so many is read."""


class Log(Witness):
    reaches = ("I1 appends acknowledged", "I1 messages acknowledged", "I2 pages read", "I3 appends refused",
               "I3 answers of a real store", "I4 answers lost", "I7 messages delivered again", "I9 facts read back",
               "I24 facts recorded", "I28 times without room on the disk")  # fmt: skip

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._versions: Counter[str] = Counter()
        self._ids: dict[str, int] = {}
        self._recorded_at: datetime | None = None
        self._seen: list[str] = []
        self._taken_in: defaultdict[str, int] = defaultdict(int)

    def heard(self, told: Told, story: Story | None) -> None:
        if told.position != len(self._seen) + 1:
            self.breach("I2", told.story, f"position {told.position} came after {len(self._seen)}")
        self._seen.append(told.id)
        self._versions[told.stream] += 1
        if told.version != self._versions[told.stream]:
            self.breach(
                "I3", told.story, f"{told.stream} has version {told.version} after {self._versions[told.stream] - 1}"
            )
        if told.id in self._ids:
            self.breach("I1", told.story, f"{told.id} stands twice, at {self._ids[told.id]} and {told.position}")
        self._ids[told.id] = told.position
        if self._recorded_at and told.recorded_at < self._recorded_at:
            self.breach("I24", told.story, f"recorded at {told.recorded_at}, after {self._recorded_at}")
        self._recorded_at = told.recorded_at
        self.reached["I24 facts recorded"] += 1
        if isinstance(told.fact, PostTakenIn):
            self._taken_in[told.story] += 1
            if self._taken_in[told.story] > 1:
                self.breach("I7", told.story, "it was taken in twice")

    def read(self, after: int, page: Sequence[Told]) -> None:
        """The next ones after it, whole and in order, and never another one there later."""
        self.reached["I2 pages read"] += 1
        if [told.id for told in page] != self._seen[after : after + len(page)]:
            self.breach("I2", "", f"whoever had read to {after} read {[told.position for told in page]}")

    def _read_back(self) -> None:
        """What was written, from the bytes alone, is what was told."""
        log, written = self.house.disk._log, self.house.disk._recorder
        for told, kept in zip(log, written.select_notifications(start=1, limit=len(log)), strict=True):
            self.reached["I9 facts read back"] += 1
            read = codec.decode(kept.originator_id, kept.originator_version, kept.id, kept.topic, kept.state)
            if read != told:
                self.breach("I9", told.story, f"{kept.topic} at {told.position} was told as {told}, and reads {read}")

    def ended(self) -> None:
        house = self.house
        if isinstance(house.disk, Twin):
            house.disk.verify()
            house.disk.ask_in_groups(Random(f"{house.plan.seed} who asks together"))
            self.reached["I3 answers of a real store"] += house.disk.compared
            for what in house.disk.differences:
                self.breach("I3", "", what)
        if house.plan.seed % READ_BACK_EVERY == 0:
            self._read_back()
        for id in house.acknowledged:
            if id not in self._ids:
                self.breach("I1", "", f"{id} was acknowledged and is not in the log")
        for what in (*house.broken, *self._surprises()):
            self.breach("I28", "", what)
        for name in house.broker.lost():
            self.breach("I1", name, "its message was acknowledged and is neither a post nor parked")
        if [told.id for told in house.disk._log] != self._seen:
            self.breach("I2", "", "the log is not what its readers saw")
        fired = house.faults.fired
        self.reached.update({
            "I1 appends acknowledged": len(house.acknowledged),
            "I1 messages acknowledged": len(house.broker.acknowledged),
            "I3 appends refused": house.refusals,
            "I4 answers lost": fired["answer_of_store_lost"],
            "I7 messages delivered again": fired["message_again"],
            "I28 times without room on the disk": fired["disk_full"],
        })  # fmt: skip

    def _surprises(self) -> list[str]:
        """Tasks that broke for another reason than a store that could not be asked just then."""
        broken = [(each["message"], each.get("exception")) for each in self.house.loop.broken]
        return [f"{what}: {why!r}" for what, why in broken if not isinstance(why, OSError | StoreError)]


def hash_of(log: list[Told], *more: Any) -> str:
    """The whole log, byte for byte."""
    digest = hashlib.sha256()
    for told in log:
        digest.update(codec.encode(Draft(told.id, told.fact, told.about)))
        digest.update(f"{told.stream} {told.version} {told.position} {told.recorded_at.isoformat()}".encode())
    for each in more:
        digest.update(repr(each).encode())
    return digest.hexdigest()
