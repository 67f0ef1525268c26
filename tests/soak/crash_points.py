"""The house killed at every step on a post's way, in every kind of weather: a line for each story (G3)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.progress import counted
from tests.simulation.crash_points import Point, all_points, deaths, first_of_each
from tests.simulation.stories import STORIES
from tests.soak.row import Row, Tried

CHANNELS = ("linkedin", "x", "blog")
PLACES_MIN = 100
ONE_CHANNEL_MAX = 500
"""So few are tried on the first channel alone."""
AT_ONCE = 50


async def crash_points(folder: Path, size: int) -> Sequence[Tried]:
    """`reached` is how many distinct places those were. They are found by watching, so a new `await` is among them."""
    points = all_points(CHANNELS[:1])
    if size > ONE_CHANNEL_MAX:
        points += [*all_points(CHANNELS[1:]), *all_points(CHANNELS[:1], shared=True)]
    points = chosen(points, size)
    workers = min(os.cpu_count() or 1, 1 + len(points) // 1000)
    broken: list[tuple[Point, list[str]]] = []
    parts = [points[at : at + AT_ONCE] for at in range(0, len(points), AT_ONCE)]
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            broken = [each for part in counted(pool.map(_broken, parts), len(parts)) for each in part]
    else:
        broken = [each for part in parts for each in _broken(part)]
    places = {point.place for point in points}
    found = [_tried(story, points, broken) for story in STORIES]
    few = [] if len(places) >= PLACES_MIN else [f"only {len(places)} places were found"]
    return [*found, Tried("G3 every place on a post's way", len(points), len(places), few)]


def chosen(points: Sequence[Point], size: int) -> list[Point]:
    """One of each place first, then as many others as are wanted."""
    first = first_of_each(points)
    others = sorted(set(points) - set(first), key=str)
    Random("which others").shuffle(others)
    return [*first, *others][:size]


def _broken(points: Sequence[Point]) -> list[tuple[Point, list[str]]]:
    return [(point, wrong) for point, wrong in deaths(points) if wrong]


def _tried(story: str, points: Sequence[Point], broken: Sequence[tuple[Point, list[str]]]) -> Tried:
    mine = [point for point in points if point.story == story]
    violations = [f"{point}: {what}" for point, wrong in broken if point.story == story for what in wrong]
    return Tried(f"G3 killed anywhere, {story}", len(mine), len({point.place for point in mine}), violations)


ROWS = [Row("crash_points", crash_points, 10_000)]
