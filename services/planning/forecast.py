"""What the coming days of a connection hold: how much is planned, how much of it fits, and what room is left (S18).

A post is planned for the first day on which it could have gone out; when that day was full it has *moved* to a later
one, and the planner has written down which day it was (S21).
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from services.planning.plan import LEAD
from services.planning.posting_day import refused
from services.planning.terms import ONE_DAY, Terms
from services.planning.zones import date_at

DAYS = 7
Moves = Mapping[tuple[date, date], int]
"""How many posts that could have gone out on one date go out on a later one. Any other stands where it was wanted."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """One day. `taken` is all that goes out on it, also what has moved here; `room` is how many more it would take."""

    day: date
    planned: int
    fit: int
    taken: int
    room: int
    full: bool
    moved: Mapping[date, int] = field(default_factory=dict)


def ahead(terms: Terms, moves: Moves, taken: Sequence[datetime], *, now: datetime) -> list[Ahead]:
    """`taken` is whatever counts against the cap in these days and a day around them, in order of time.

    Which day it is on goes by its instant and the zone of now: what was written in another zone, as a post wanted
    *exactly at* a time stays, goes out on the day that the account's people see (S19).
    """
    today = date_at(now, terms.zone)
    there = Counter(date_at(at, terms.zone) for at in taken)
    days = [today + number * ONE_DAY for number in range(DAYS)]
    return [_day(day, there[day], terms, moves, taken, now) for day in days]


def _day(day: date, there: int, terms: Terms, moves: Moves, taken: Sequence[datetime], now: datetime) -> Ahead:
    moved = {on: count for (since, on), count in sorted(moves.items()) if since == day < on}
    fit = max(there - sum(count for (since, on), count in moves.items() if since < on == day), 0)
    offers = [each.at for each in terms.offered_on(day).offers if each.at >= now + LEAD]
    room = _room(offers, taken, terms)
    return Ahead(
        day=day,
        planned=fit + sum(moved.values()),
        fit=fit,
        taken=there,
        room=room,
        full=not room and bool(offers or moved),
        moved=moved,
    )


def _room(offers: Sequence[datetime], taken: Sequence[datetime], terms: Terms) -> int:
    """As the planner would fill the day: one time after the other, as long as the cap allows."""
    counted, room = list(taken), 0
    for at in offers:
        if refused(at, counted, terms.cap) is None:
            insort(counted, at)
            room += 1
    return room
