"""What one process has in hand, no other one takes, as long as the first is awake and has not let it go (D8, D11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.chassis.rows import LEASE, Claim, Row
from tests.simulation.promises.book import Book, Witness

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

LEAST = timedelta(seconds=9)
"""A lease lives for ten seconds, and is renewed as long as whoever has it is awake."""


class Hands(Witness):
    reaches = ("I19 rows taken in hand", "I19 rows taken over")

    def __init__(self, house: House, book: Book) -> None:
        super().__init__(house, book)
        self._hands: dict[tuple[object, ...], tuple[Life, datetime]] = {}

    def claimed(self, life: Life, claim: Claim, rows: Sequence[Row]) -> None:
        table, now = claim.pick.table, self.house.clock.now()
        if table is LEASE:
            return
        for row in rows:
            # An alarm that is set anew has another time, a line another epoch: only the very same is in a hand.
            key = (table.name, *(row[column] for column in table.key), row.get("due_at"), row.get("ring"))
            before, at = self._hands.get(key, (life, now))
            self.reached["I19 rows taken in hand"] += 1
            self._hands[key] = life, now
            if before is life:
                continue
            self.reached["I19 rows taken over"] += 1
            if table.name == "alarm" and before.awake and not before.stood_still and now - at < LEAST:
                self.breach("I19", "", f"{life.name} took {row}, which {before.name} had in hand since {at}")
