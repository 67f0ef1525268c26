"""Wall clock and instant: what nine o'clock in Berlin means, on every day of the year (S19). Pure.

Zone data is the pinned `tzdata` wheel, so every machine agrees on when a slot is.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata


class UnknownZone(Exception):
    """No such IANA zone."""


def edition() -> str:
    """Which release of the zone database this is, such as 2026a: rules change with it, sometimes for times to come."""
    return tzdata.IANA_VERSION


@cache
def zone_names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())


@cache
def zone_called(name: str) -> ZoneInfo:
    if name not in zone_names():
        raise UnknownZone(f"{name} is not an IANA zone; write it as in Europe/Berlin")
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@lru_cache(maxsize=65536)
def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """When this wall clock shows on this date: in an overlap the first time, in a gap the first instant after it."""
    wanted = datetime.combine(day, wall, zone)
    at = wanted.astimezone(UTC)
    return at if shown(at, zone) == wanted.replace(tzinfo=None) else _end_of_gap(wanted, zone)


def shown(at: datetime, zone: ZoneInfo) -> datetime:
    """What the wall clock of the zone shows at an instant."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def shows_again(at: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks go back over this wall clock, so that it shows a second time later on."""
    local = at.astimezone(zone)
    return local.fold == 0 and local.utcoffset() != local.replace(fold=1).utcoffset()


@lru_cache(maxsize=4096)
def date_at(at: datetime, zone: ZoneInfo) -> date:
    return shown(at, zone).date()


def _end_of_gap(wanted: datetime, zone: ZoneInfo) -> datetime:
    """With the offset that follows the gap the instant lies before it, with the one that precedes it, behind."""
    low, high = wanted.replace(fold=1).astimezone(UTC), wanted.astimezone(UTC)
    after = high.astimezone(zone).utcoffset()
    seconds = int((high - low).total_seconds())
    before_end, at_end = 0, seconds
    while at_end - before_end > 1:
        middle = (before_end + at_end) // 2
        if (low + timedelta(seconds=middle)).astimezone(zone).utcoffset() == after:
            at_end = middle
        else:
            before_end = middle
    return low + timedelta(seconds=at_end)
