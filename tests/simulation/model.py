"""The faults of the model that the publish step was designed by (promises.md): how often, not when.

At each step on a post's way to its channel 3 % kills and 3 % pauses of 5 to 4,000 seconds; of the calls 5 % lost
answers, 3 % 5xx before and 3 % after it was done; a list may hide a post as long as the channel is known to. Messages
come several times and out of order in every fortnight.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from events.channels import CHANNELS
from services.channels.sandbox.weather import Asked
from tests.simulation.plan import Plan, plan_of

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

KILLS, PAUSES = 0.03, 0.03
LOST, BEFORE, AFTER = 0.05, 0.03, 0.03
PAUSE_S = (5, 4_000)
GONE_S = (1, 5, 20, 120)
STEPS = frozenset({"PostDue", "AttemptStarted", "PostPublished", "AttemptFailed", "AttemptUnclear", "LookedUp",
                   "RateLimited", "PostFailed", "DeliveryReturned", "publishes"})  # fmt: skip


def faultless(seed: int) -> Plan:
    """Nothing goes wrong and nobody changes their mind; messages are what they are."""
    return replace(plan_of(seed), troubles=(), real_store=False, relays=False, reads=False, reads_again=False)


def modelled(seed: int) -> Plan:
    return replace(faultless(seed), modelled=True)


class Model:
    def __init__(self, house: House) -> None:
        self._house, self._random = house, Random(f"{house.plan.seed} the model")

    def begins(self) -> None:
        for channel in ("linkedin", "x", "blog"):
            if most := CHANNELS[channel].lag.total_seconds():
                lag = timedelta(seconds=self._random.uniform(0, most))
                self._house.world.begin(channel, Asked(kind="look_up_lag", lag=lag))

    def step(self, life: Life, words: tuple[str, ...]) -> None:
        if STEPS.isdisjoint(words):
            return
        drawn, house = self._random.random(), self._house
        if drawn < KILLS:
            house.faults.fired["killed"] += 1
            house.note(f"{life.name} is killed at {' '.join(words)}")
            life.kill()
            house.passing.after(timedelta(seconds=self._random.choice(GONE_S)), house.begin_life)
        elif drawn < KILLS + PAUSES:
            house.faults.fired["paused for a while"] += 1
            life.pause(timedelta(seconds=self._random.uniform(*PAUSE_S)))

    def call(self, connection: str) -> None:
        drawn, kind = self._random.random(), ""
        account, channel = connection.split(".")[:2]
        for kind, chance in (("lost_answer", LOST), ("outage_before", BEFORE), ("outage_after", AFTER)):
            if drawn < chance:
                self._house.world.begin(channel, Asked(kind=kind, account=account, times=1, status=503))
                return
            drawn -= chance
