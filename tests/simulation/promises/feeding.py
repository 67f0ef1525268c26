"""What the world outside can read: every fact, once and in order, as it stands in the log (I7, F12 to F16)."""

from __future__ import annotations

from events import PostRejected
from events.wire import on_the_wire
from tests.simulation.promises.book import Witness


class Feeding(Witness):
    reaches = ("I7 facts on the feed", "I7 feeds that were wiped", "I7 messages that somebody forged",
               "I7 messages that had aged away", "I7 lags shown while the broker was away")  # fmt: skip

    def ended(self) -> None:
        house = self.house
        if not house.plan.relays:
            return
        feed, log = house.feed, house.disk._log
        told = [kept.data for kept in feed.messages if kept.ours]
        self.reached["I7 facts on the feed"] += len(told)
        self.reached["I7 lags shown while the broker was away"] += feed.lags_shown
        for life in (each for each in house.lives if each.awake):
            if lag := [each.lag for each in life.relays if each.lag and each.offered == len(log)]:
                self.breach("I7", "", f"the relay of {life.name} has caught up, and shows a lag of {lag}")
            if trouble := [each.trouble for each in life.relays if each.trouble and each.offered == len(log)]:
                self.breach("I7", "", f"the relay of {life.name} has caught up, and is still in trouble: {trouble}")
        for what in feed.wrong:
            self.breach("I7", "", what)
        self.reached["I7 feeds that were wiped"] += feed.wiped
        self.reached["I7 messages that somebody forged"] += len(feed.messages) - len(told)
        self.reached["I7 messages that had aged away"] += feed.aged
        wanted = [on_the_wire(each) for each in log]
        if told != wanted:
            at = next((at for at, (one, other) in enumerate(zip(told, wanted, strict=False), 1) if one != other), 0)
            self.breach("I7", "", f"the feed tells {len(told)} of {len(wanted)} facts; the first other one is #{at}")
        for each in log:
            if isinstance(each.fact, PostRejected) and each.id not in feed.returned:
                self.breach("I7", each.story, "it was rejected, and Production was not told")
