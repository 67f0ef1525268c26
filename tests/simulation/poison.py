"""A fault of our own in one handler, for one fact: it raises, so many times or until somebody has mended it (I25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from events import Told
from services.chassis.held import key_of
from services.chassis.service import Service

if TYPE_CHECKING:
    from datetime import datetime

    from tests.simulation.house import House

Place = tuple[str, int]
"""A service and the position of a fact."""


class Poisoned(Exception):
    """Nothing a store says, so the inbox holds the fact."""


class Poison:
    def __init__(self, house: House) -> None:
        self._house = house
        self._armed: list[dict[str, Any]] = []
        self._left: dict[Place, int] = {}
        self.first_at: dict[Place, datetime] = {}
        self.keys: dict[Place, str] = {}
        self.parked: set[Place] = set()
        self.last_taken: dict[tuple[str, str], int] = {}
        """By service and key, the last fact its handler took."""
        self.taken_meanwhile = self.taken_behind = 0
        self.too_often: list[str] = []
        self.out_of_order: list[str] = []

    def arm(self, what: Mapping[str, Any]) -> None:
        self._armed.append(dict(what))

    def mend(self, place: Place) -> None:
        self._left[place] = 0
        self.parked.discard(place)

    def clear(self) -> None:
        """Somebody has mended everything."""
        self._armed.clear()
        self._left = dict.fromkeys(self._left, 0)

    def into(self, service: Service) -> None:
        """Between the facts and whoever takes them."""
        inbox = service.inbox
        inbox._reactions = {kind: self._over(service.name, take) for kind, take in inbox._reactions.items()}
        inbox._held._reactions = {kind: self._over(service.name, take) for kind, take in inbox._held._reactions.items()}

    def _over(self, service: str, take: Callable[[Told], Awaitable[Any]]) -> Callable[[Told], Awaitable[Any]]:
        async def taken(told: Told) -> Any:
            self._strike(service, told)
            answer = await take(told)
            self._took(service, told)
            return answer

        return taken

    def _strike(self, service: str, told: Told) -> None:
        place = (service, told.position)
        if place not in self._left:
            self._left[place] = self._drawn(service, told)
        if place in self.parked:
            self.too_often.append(f"the {service} tried #{told.position} again, which is parked")
        if self._left[place] <= 0:
            return
        self._left[place] -= 1
        if place not in self.first_at:
            self._house.faults.fired["poison"] += 1
            self.first_at[place], self.keys[place] = self._house.clock.now(), key_of(told)
        self._house.note(f"the {service} cannot take #{told.position}")
        raise Poisoned(f"this {type(told.fact).__name__} is more than the {service} can take")

    def _drawn(self, service: str, told: Told) -> int:
        for what in self._armed:
            if what["service"] == service and what["fact"] == type(told.fact).__name__:
                if what["passed"] > 0:
                    what["passed"] -= 1
                    return 0
                self._armed.remove(what)
                return int(what["times"])
        return 0

    def _took(self, service: str, told: Told) -> None:
        key = key_of(told)
        for place, held in self.keys.items():
            if place[0] == service and self._left[place] > 0:
                self.taken_meanwhile += held != key
            elif place[0] == service and held == key and told.position > place[1]:
                self.taken_behind += 1
        last = self.last_taken.get((service, key), 0)
        if told.position < last:
            self.out_of_order.append(f"the {service} took #{told.position} of {key} after #{last}")
        self.last_taken[service, key] = told.position
