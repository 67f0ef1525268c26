"""How many calls a channel grants, to whom, and until when it counts them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.channels.sandbox.books import Books


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `most` calls in a window; windows begin at whole multiples of their length, days at 00:00 UTC."""

    name: str
    most: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Spent:
    """What is left of an allowance after this call, or that there was nothing left for it."""

    enough: bool
    most: int
    left: int
    reset_at: datetime


class Budgets:
    def __init__(self, books: Books) -> None:
        self._books = books
        self._spent: Counter[str] = Counter(books.shelf("spent"))

    def spend(self, who: str, allowance: Allowance, now: datetime) -> Spent:
        """One call, if there is one left; a call that is turned away costs nothing."""
        seconds = int(allowance.window.total_seconds())
        turn = int(now.timestamp()) // seconds
        key = f"{who}/{allowance.name}/{turn}"
        reset_at = datetime.fromtimestamp((turn + 1) * seconds, UTC)
        enough = self._spent[key] < allowance.most
        if enough:
            self._spent[key] += 1
            self._books.keep("spent", key, self._spent[key])
        return Spent(enough, allowance.most, allowance.most - self._spent[key], reset_at)
