"""The coming week of a connection, as data and as a sentence: which days are full, and what moves where (S18, S21)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.gateway.views.view import Document
from services.planning.forecast import Ahead

SAID_MAX = 3
"""So many days and moves are said; the others are in the table."""
NOTHING = "Nothing is planned for the coming 7 days."


def forecast_of(days: Sequence[Ahead]) -> Document:
    return {"sentence": sentence(days), "days": [_day(each) for each in days]}


def _day(each: Ahead) -> Document:
    return {
        "day": each.day.isoformat(),
        "planned": each.planned,
        "fit": each.fit,
        "moved": sum(each.moved.values()),
        "moved_to": {on.isoformat(): count for on, count in each.moved.items()},
        "taken": each.taken,
        "room": each.room,
        "full": each.full,
    }


def sentence(days: Sequence[Ahead]) -> str:
    """As a colleague would say it: full on Thursday, 3 posts move to Friday."""
    today = days[0].day
    moving, full = [each for each in days if each.moved], [each for each in days if each.full and not each.moved]
    if not (moving or full):
        anything = any(each.planned for each in days)
        return "Everything planned for the coming 7 days fits." if anything else NOTHING
    said = [_moved(each, today) for each in moving[:SAID_MAX]]
    if full:
        said.append(_full([_named(each.day, today) for each in full], also=bool(moving)))
    return " ".join(said)


def _moved(each: Ahead, today: date) -> str:
    """Slots that were given back since draw nobody forward (S14), so a day may have room again."""
    again = "" if each.full else f" It has room for {each.room} again."
    return f"Full on {_named(each.day, today)}, {_several(_moves(each, today))}.{again}"


def _moves(each: Ahead, today: date) -> list[str]:
    named = list(each.moved.items())
    moves = [f"{count} {_posts(count)} to {_named(on, today)}" for on, count in named[:SAID_MAX]]
    later = sum(count for _, count in named[SAID_MAX:])
    return [*moves, f"{later} {_posts(later)} further on"] if later else moves


def _full(names: Sequence[str], *, also: bool) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{_several(names)} {verb} full{' as well' if also else ', and nothing had to move'}."


def _several(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _posts(count: int) -> str:
    return "post moves" if count == 1 else "posts move"


def _named(day: date, today: date) -> str:
    """A day of the coming week goes by its name; a later one has its date as well."""
    return f"{day:%A}" if (day - today).days < 7 else f"{day:%A %-d %B}"
