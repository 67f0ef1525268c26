"""A trouble begins: over the outside, inside the house, or armed for the moment at which it does most harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from services.channels.sandbox.weather import Asked
from services.chassis.rows import CHECKPOINT, Put
from services.chassis.store import Append
from tests.simulation.faults import Armed
from tests.simulation.life import LIVING
from tests.simulation.troubles import OF_PEOPLE, POINTS, Trouble

if TYPE_CHECKING:
    from tests.simulation.house import House


def befall(house: House, trouble: Trouble) -> None:
    kind, what = trouble.kind, trouble.what
    if kind == "bell_lost":
        house.faults.silence(what["bells"])
    elif kind == "checkpoint_set_back":
        house.faults.fired[kind] += 1
        set_back(house, what["services"], what["by"])
    elif kind == "wall_jump":
        _wall_jumps(house, what["by"], what["lasts"])
    elif kind == "leave":
        hold_ms = what["hold_ms"]
        house.faults.arm(Armed(kind, what["point"], what["passed"], frozenset(what["words"]),
                               do=lambda story: _leaves(house, story, hold_ms)))  # fmt: skip
    elif kind == "poison":
        house.poison.arm(what)
    elif kind == "feed":
        house.feed.befall(what)
    elif kind in POINTS or kind == "pause":
        house.faults.arm(Armed(kind, what["point"], what["passed"], frozenset(what["words"]), what["lasts"]))
    else:
        do = house.people.do if kind in OF_PEOPLE else partial(_turn_weather, house)
        if moment := what.get("moment"):
            house.faults.arm(Armed(kind, moment["point"], moment["passed"], frozenset(moment["words"]),
                                   do=lambda story: do(trouble, story)))  # fmt: skip
        else:
            do(trouble)


def _wall_jumps(house: House, by: timedelta, lasts: timedelta) -> None:
    """Until somebody has set it right (I22)."""
    house.note(f"the wall jumps by {by}")
    house.faults.fired["wall_jump"] += 1
    house.clock.jump(by)
    house.passing.after(lasts, lambda: house.clock.jump(timedelta()))


def _leaves(house: House, story: str, hold_ms: int) -> None:
    """Whoever is just about to do something is asked to leave; mostly a call, that takes its time."""
    if life := LIVING.get():
        house.note(f"{life.name} is asked to leave")
        house.faults.fired["leave"] += 1
        if story in house.book.stories:
            slow = Asked(kind="slow", account=house.connection_of(story).split(".")[0], times=1, hold_ms=hold_ms)
            house.world.begin(house.connection_of(story).split(".")[1], slow)
        life.leave()


def _turn_weather(house: House, trouble: Trouble, story: str = "") -> None:
    """Over a channel drawn beforehand, or over the one that a post is just on its way to."""
    asked = {name: value for name, value in trouble.what.items() if name not in ("channel", "moment")}
    channel = trouble.what["channel"]
    if story in house.book.stories:
        asked["account"], channel = house.connection_of(story).split(".")[:2]
    house.world.begin(channel, Asked.model_validate({"kind": trouble.kind_of_weather, **asked}))


def set_back(house: House, services: Sequence[str], by: int) -> None:
    """Everybody is killed, and whoever comes next has read less than those before (I7, I8)."""
    for life in [life for life in house.lives if not life.dead]:
        life.kill()
        house.passing.after(timedelta(seconds=5), house.begin_life)
    for row in house.rows("checkpoint"):
        if row["service"] in services:
            before = max(int(row["position"]) - by, 0)
            fact = house.disk._log[before - 1].id if before else ""
            house.now(house.disk.append(Append(rows=[Put(CHECKPOINT, {**row, "position": before, "fact": fact})])))
            house.note(f"{row['service']} has read to {before}, not {row['position']}")
