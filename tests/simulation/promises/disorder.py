"""When our own house is out of order: the wall's clock has parted from ours (I22), a handler is at fault (I25)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from events import AttemptStarted, FactParked, FactRedriven, PostDue, Told
from services.chassis.held import TRIES_MAX, TRY_AFTER
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House


class Disorder(Witness):
    reaches = ("I22 posts due while the clocks had parted", "I22 attempts after the clocks were one again",
               "I25 facts held", "I25 facts parked", "I25 facts redriven", "I25 facts of others taken meanwhile",
               "I25 facts taken behind a held one")  # fmt: skip

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._due_meanwhile: set[str] = set()

    def heard(self, told: Told, story: Story | None) -> None:
        clock = self.house.clock
        match told.fact:
            case PostDue() if story and clock.parted:
                self.reached["I22 posts due while the clocks had parted"] += 1
                self._due_meanwhile.add(story.name)
            case AttemptStarted(attempt=number) if story:
                if clock.had_parted(told.about.happened_at):
                    self.breach("I22", story.name, f"attempt {number} began while wall and house had parted")
                self.reached["I22 attempts after the clocks were one again"] += story.name in self._due_meanwhile
                self._due_meanwhile.discard(story.name)
            case FactParked():
                self._parked(told, told.fact)
            case FactRedriven(service=service, position=position):
                self.reached["I25 facts redriven"] += 1
                self.house.poison.parked.discard((service, position))

    def _parked(self, told: Told, fact: FactParked) -> None:
        self.reached["I25 facts parked"] += 1
        poison, place = self.house.poison, (fact.service, fact.position)
        began = poison.first_at.get(place)
        if began is None:
            return self.breach("I25", told.story, f"#{fact.position} was parked, and its handler is well")
        if fact.tries != TRIES_MAX:
            self.breach("I25", told.story, f"#{fact.position} was parked after {fact.tries} tries")
        if told.about.happened_at - began < sum(TRY_AFTER, timedelta()):
            self.breach("I25", told.story, f"#{fact.position} was parked at {told.about.happened_at}, tried at {began}")
        if not self.house.plan.forgets:
            poison.parked.add(place)

    def ended(self) -> None:
        poison = self.house.poison
        self.reached["I25 facts held"] += len(poison.first_at)
        self.reached["I25 facts of others taken meanwhile"] += poison.taken_meanwhile
        self.reached["I25 facts taken behind a held one"] += poison.taken_behind
        alone = not (self.house.plan.shared or self.house.plan.forgets)
        for what in [*poison.too_often, *(poison.out_of_order if alone else ())]:
            self.breach("I25", "", what)
        for row in self.house.rows("held"):
            self.breach("I25", str(row["key"]), f"#{row['position']} is held for ever: {row['reason']}")
