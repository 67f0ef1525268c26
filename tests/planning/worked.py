"""Reads `worked_examples.md`: each row as what happens to one connection, and the slots a person expects of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.planning.zones import zone_called

TABLE = Path(__file__).with_name("worked_examples.md")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DATED = r"(?:[A-Z][a-z]{2} \d{4}-\d\d-\d\d )"
SLOT = re.compile(
    rf"(?:#(?P<post>\d+) ?)?(?P<state>went out|published|held|missed|cancelled|failed)? ?(?P<day>{DATED})?"
    r"(?P<clock>\d\d:\d\d)?(?P<offset>[+-]\d\d:\d\d)?(?: ?\((?P<because>[^)]*)\))?(?:, |$)"
)


@dataclass(frozen=True)
class Step:
    """Something happens at a moment: a wall clock, in whatever zone the account has by then."""

    wall: datetime
    what: str


@dataclass(frozen=True)
class Expected:
    """`at` knows its offset; `because` is one of the decision's own phrases, whole."""

    post: int
    state: str
    at: datetime | None
    because: str | None


@dataclass(frozen=True)
class Example:
    number: str
    words: str
    mode: str
    zone: str
    channel: str
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...]

    @property
    def name(self) -> str:
        return self.number.replace(" · ", "-").replace(" ", "-")

    @property
    def choices(self) -> dict[str, Any]:
        return {"zone": self.zone, **mode_of(self.channel.split(",")[0], self.mode), **limits_of(self.channel)}


def examples() -> list[Example]:
    return [_example(*cells) for cells in rows(TABLE.read_text())]


def rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if re.match(r"\| \d+ · ", line):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _example(number: str, words: str, mode: str, zone: str, channel: str, happens: str, slots: str) -> Example:
    return Example(number, words, mode, zone, channel, tuple(_steps(happens)), tuple(_slots(slots)))


def _steps(happens: str) -> Iterator[Step]:
    wall: datetime | None = None
    for part in happens.split("; "):
        found = re.fullmatch(rf"(?P<day>{DATED})?(?P<clock>\d\d:\d\d(?::\d\d)?)? ?(?P<what>.*)", part)
        assert found, part
        if found["clock"]:
            day = found["day"].strip() if found["day"] else f"{wall:%a %Y-%m-%d}"
            wall = moment(f"{day} {found['clock']}")
        assert wall is not None, f"{part}: the first step needs a date"
        yield Step(wall, found["what"])


def _slots(slots: str) -> Iterator[Expected]:
    """The day and the offset of a slot hold for those after it, until they are said again."""
    position, post, day, offset = 0, 0, "", ""
    while position < len(slots):
        found = SLOT.match(slots, position)
        assert found is not None, slots[position:]
        assert found.end() > position, slots[position:]
        position = found.end()
        post = int(found["post"] or post + 1)
        day, offset = found["day"] or day, found["offset"] or offset
        at = moment(f"{day}{found['clock']}{offset}") if found["clock"] else None
        yield Expected(post, found["state"] or "scheduled", at, found["because"])


def moment(text: str) -> datetime:
    """`Mon 2026-11-23 10:00+01:00`; the weekday must be that date's own."""
    weekday, written = text.split(" ", 1)
    at = datetime.fromisoformat(written)
    assert f"{at:%a}" == weekday, f"{text} is a {at:%A}"
    return at


def instant_of(wall: datetime, zone: str) -> datetime:
    """The moment of a step. Steps keep clear of the hours in which a wall clock means two instants, or none."""
    local = wall.replace(tzinfo=zone_called(zone))
    assert local.utcoffset() == local.replace(fold=1).utcoffset(), f"{wall} in {zone} is no single moment"
    return local


def mode_of(channel: str, mode: str) -> dict[str, Any]:
    """`best practice every 45 min`, `custom mon 09:00 17:30, tue 08:00` or `adaptive`."""
    if mode.startswith("custom"):
        times: dict[str, tuple[str, ...]] = {}
        for weekday in filter(None, mode.removeprefix("custom").split(",")):
            name, *clocks = weekday.split()
            assert name in WEEKDAYS, mode
            times[name] = tuple(clocks)
        return {"mode": "custom", "times": {channel: times}}
    every = re.fullmatch(r"(best practice|adaptive)(?: every (\d+) min)?", mode)
    assert every, mode
    spacing = {channel: timedelta(minutes=int(every[2]))} if every[2] else {}
    return {"mode": every[1].replace(" ", "_"), "spacing": spacing}


def limits_of(channel: str) -> dict[str, Any]:
    """`linkedin, 2 a day, late after 10 min`."""
    name, *limits = channel.split(", ")
    choices: dict[str, Any] = {}
    for limit in limits:
        if cap := re.fullmatch(r"(\d+) a day", limit):
            choices["caps"] = {name: {"posts_per_day_max": int(cap[1])}}
        elif late := re.fullmatch(r"late after (\d+) min", limit):
            choices["tolerance"] = timedelta(minutes=int(late[1]))
        else:
            raise AssertionError(limit)
    return choices


def windows_of(learned: str) -> tuple[dict[str, Any], ...]:
    """`mon tue 20:00-21:00`."""
    *days, hours = learned.split()
    begins, ends = hours.split("-")
    return ({"days": [WEEKDAYS.index(day) + 1 for day in days], "from": begins, "to": ends, "weight": 1},)
