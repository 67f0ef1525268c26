"""A connection's days: never over a cap, also after a reconnect or a move (I20, S17a)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from events import AccountChanged, AccountDocument, PostPublished, SlotFreed, SlotTaken, Told
from events.channels import CHANNELS, account_of, channel_of
from services.planning.zones import date_at, zone_called
from tests.simulation.promises.book import Book, Story, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House


class Slots(Witness):
    reaches = ("I20 slots taken", "I20 days filled to their cap", "I20 posts out after their channel's midnight")

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._taken: dict[str, dict[str, SlotTaken]] = defaultdict(dict)
        self._documents: dict[str, AccountDocument] = {}
        self._news: list[SlotTaken] = []
        self._out: dict[tuple[str, str], PostPublished] = {}

    def heard(self, told: Told, story: Story | None) -> None:
        match told.fact:
            case AccountChanged(document=document):
                self._documents[document.id] = document
            case PostPublished() as fact if story and fact.slot_at:
                self._out[fact.connection, story.name.partition(".")[2]] = fact
                apart = self._day(fact.connection, fact.slot_at) != self._day(fact.connection, fact.published_at)
                self.reached["I20 posts out after their channel's midnight"] += apart
            case SlotTaken():
                self._news.append(told.fact)
            case SlotFreed():
                taken = self._taken[told.fact.connection].get(told.fact.post)
                if taken is None:
                    self.breach("I14", told.fact.post, "a slot was freed that it did not have")
                elif taken.day == told.fact.day:
                    del self._taken[told.fact.connection][told.fact.post]

    def written(self) -> None:
        """A move gives one slot back and takes another in one append, in whatever order."""
        news, self._news = self._news, []
        for fact in news:
            self._take(fact)

    def _take(self, fact: SlotTaken) -> None:
        self.reached["I20 slots taken"] += 1
        name = fact.connection
        if fact.post in self._taken[name]:
            self.breach("I14", f"{account_of(name)}.{fact.post}", "it has two slots at once")
        self._taken[name][fact.post] = fact
        cap, day = self._cap(name), self._day(name, fact.at)
        if cap is None or (name, fact.post) in self._out:
            return  # what is out is out, and whoever was planned there and may move has to leave
        same = [each for each in self._taken[name].values() if self._day(name, each.at) == day]
        self.reached["I20 days filled to their cap"] += len(same) == cap
        if len(same) > cap:
            self.breach("I20", f"{account_of(name)}.{fact.post}", f"{len(same)} slots on {day}, and the cap is {cap}")

    def ended(self) -> None:
        """What went out late counts on the day it went out (S17a)."""
        for (name, post), fact in self._out.items():
            taken, day = self._taken[name].get(post), self._day(name, fact.published_at)
            if taken is None or self._day(name, taken.at) != day:
                self.breach(
                    "I20", f"{account_of(name)}.{post}", f"it went out on {day}, and counts {taken and taken.at}"
                )

    def _cap(self, name: str) -> int | None:
        document, channel = self._documents[account_of(name)], channel_of(name)
        own = document.caps.get(channel)  # type: ignore[call-overload]
        return own.posts_per_day_max if own else CHANNELS[channel].posts_per_day_max

    def _day(self, name: str, at: datetime) -> object:
        return date_at(at, zone_called(CHANNELS[channel_of(name)].day_zone))
