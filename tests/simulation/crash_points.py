"""A death at every place on a post's way (G3).

The places are found, not listed: one telling is watched turn by turn, and wherever a task of the process then stands
still, in the middle of whatever it does, is a place where it can be killed. An `await` that somebody adds tomorrow is
there by itself. The same telling is then played once for each place, and the process killed just there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from events import PostPublished
from tests.simulation.house import House
from tests.simulation.loop import Turn
from tests.simulation.report import calm, played
from tests.simulation.stories import SENT_AT, STORIES, plan_of

ROOT = f"{Path(__file__).resolve().parents[2]}/"
GONE = (timedelta(seconds=1), timedelta(seconds=30), timedelta(minutes=7))
"""Until somebody starts another: at once, after its lease has run out, after the first retry should have been."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task stands still: the lines that lead there in the product, `at` which point of saying or sending, and
    `after` which last word of the post."""

    lines: tuple[str, ...]
    at: str
    after: str

    def __str__(self) -> str:
        return f"{' > '.join(self.lines)} {self.at} after {self.after}"


@dataclass(frozen=True, slots=True)
class Point:
    """The `turn`-th turn of this telling, after which a task stands in this place."""

    story: str
    channel: str
    turn: int
    place: Place
    shared: bool = False

    def __str__(self) -> str:
        return f"{self.story} on {self.channel}, {'of two ' * self.shared}killed at turn {self.turn}, {self.place}"


def points_of(story: str, channel: str, *, shared: bool = False) -> list[Point]:
    """Every turn of a task of the house from the message's arrival to the post's end."""
    found: list[Point] = []
    house = House(plan_of(story, channel, shared=shared))

    def watch(turn: int, task: asyncio.Task[Any]) -> None:
        if _under_way(house) and not task.done():
            found.append(Point(story, channel, turn, place_of(task, house), shared))

    broken = _play(house, watch)
    assert not broken, f"{story} breaks a promise with nobody killed: {broken}"
    return found


def first_of_each(points: Sequence[Point]) -> list[Point]:
    """One for each place."""
    return list({point.place: point for point in reversed(points)}.values())[::-1]


def killed_at(point: Point, gone: timedelta) -> list[str]:
    """What the witnesses say when the process dies there, and another is started after a while."""
    house = House(plan_of(point.story, point.channel, shared=point.shared))
    killed: list[Place] = []

    def watch(turn: int, task: asyncio.Task[Any]) -> None:
        if turn == point.turn:
            killed.append(place_of(task, house))
            life = next(life for life in house.lives if task in life.tasks)
            life.kill()
            house.passing.after(gone, house.begin_life)

    broken = _play(house, watch)
    assert killed == [point.place], f"the same telling was another one: {point}, and now {killed}"
    return [*broken, *_ends_right(house, point)]


def deaths(points: Sequence[Point]) -> Iterator[tuple[Point, list[str]]]:
    """Each point with what was broken there."""
    for number, point in enumerate(points):
        yield point, killed_at(point, GONE[number % len(GONE)])


def place_of(task: asyncio.Task[Any], house: House) -> Place:
    lines: list[str] = []
    at = ""
    coroutine: Any = task.get_coro()
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        code = frame.f_code
        if code.co_filename.startswith(f"{ROOT}services/"):
            name = code.co_filename.removeprefix(f"{ROOT}services/")
            lines.append(f"{name}:{frame.f_lineno} {code.co_name}")
        elif code.co_name == "at" and "point" in frame.f_locals:
            at = " ".join((frame.f_locals["point"], *frame.f_locals["words"]))
        coroutine = getattr(coroutine, "cr_await", None)
    last = [type(told.fact).__name__ for story in house.book.stories.values() for told in story.told[-1:]]
    return Place(tuple(lines), at, last[0] if last else "the message came")


def _play(house: House, watch: Any) -> list[str]:
    turns = 0

    def watched(turn: Turn) -> None:
        nonlocal turns
        task = getattr(turn.callback, "__self__", None)
        if isinstance(task, asyncio.Task) and any(task in life.tasks for life in house.lives if not life.dead):
            turns += 1
            watch(turns, task)

    house.loop.watched = watched
    with calm():
        return played(house)


def _under_way(house: House) -> bool:
    """From the arrival of the message until the end of the post is said, and heard by whoever hears it at once."""
    if house.clock.now() < SENT_AT:
        return False
    [story] = house.book.stories.values() or [None]
    return story is None or story.end is None or house.clock.now() == story.told[-1].recorded_at


def _ends_right(house: House, point: Point) -> list[str]:
    """As the story may end, and with one live object, or none."""
    [story] = house.book.stories.values()
    live = house.world.live(story.connection, story.name)
    wrong = []
    if not isinstance(story.end, STORIES[point.story].ends):
        wrong.append(f"it ended with {story.end}")
    if len(live) != isinstance(story.end, PostPublished):
        wrong.append(f"it ended with {type(story.end).__name__}, and {len(live)} objects are live")
    return wrong


def all_points(channels: Sequence[str], *, shared: bool = False) -> list[Point]:
    return [point for channel in channels for story in STORIES for point in points_of(story, channel, shared=shared)]
