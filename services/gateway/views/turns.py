"""The order of the page: first what needs a person, then what waits, then what comes next, and last what is over.

One whole number per post, so that the order is an index and a page of it a keyset query.
"""

from __future__ import annotations

from typing import Final

SECTIONS: Final = ("needs_you", "awaiting_approval", "waiting", "coming_up", "over")
WIDTH: Final = 10**16
"""Microseconds since 1970 stay below this until the year 2286."""


def section(status: str, reason: str | None) -> str:
    match status, reason:
        case ("failed", _) | ("pending", "missed") | ("scheduled", "outcome_unknown"):
            return "needs_you"
        case ("awaiting_approval", _):
            return "awaiting_approval"
        case ("pending", _):
            return "waiting"
        case ("scheduled", _):
            return "coming_up"
        case _:
            return "over"


def turn(status: str, reason: str | None, at: int | None, taken_in: int) -> int:
    """What comes up, soonest first; what is over or needs a person, newest first; what waits, as it was taken in."""
    where = section(status, reason)
    match where:
        case "coming_up":
            within = at or 0
        case "over":
            within = WIDTH - 1 - (at or 0)
        case "needs_you":
            within = WIDTH - 1 - taken_in
        case _:
            within = taken_in
    return SECTIONS.index(where) * WIDTH + within


def section_of(turn: int) -> str:
    return SECTIONS[turn // WIDTH]
