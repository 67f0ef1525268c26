"""Rows, rounds and the table. Ours and the limit are measured in turn, five rounds, and the medians are quoted."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROUNDS = 5
Measure = Callable[[Path], Awaitable[Any]]
"""Given an empty folder, what one round measured: a rate, or whatever the row's `value` reads a number from."""


@dataclass(frozen=True, slots=True)
class Row:
    """`demand` is what `ratio` is held to; without a limit the value itself stands in `ratio`.

    A row that is only `reported` fails nothing. The limit's number is read by `limit_value`, or else as ours is.
    """

    name: str
    ours: Measure
    limit: Measure | None
    demand: float
    unit: str
    better: Literal["higher", "lower"] = "higher"
    value: Callable[[Any], float] = float
    limit_value: Callable[[Any], float] | None = None
    reported: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    ours: float
    limit: float | None
    ratio: float
    demand: float
    better: str
    unit: str
    reported: bool = False

    @property
    def held(self) -> bool:
        return self.met or self.reported

    @property
    def met(self) -> bool:
        return self.ratio >= self.demand if self.better == "higher" else self.ratio <= self.demand


@dataclass(slots=True)
class Series:
    """What each measure gave, round after round. Rows that share a measure share what it gave."""

    found: dict[Measure, list[Any]] = field(default_factory=dict)

    async def add(self, measure: Measure, place: Path) -> None:
        place.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs meanwhile
        self.found.setdefault(measure, []).append(await measure(place))
        shutil.rmtree(place, ignore_errors=True)

    def median(self, measure: Measure, value: Callable[[Any], float]) -> float:
        return statistics.median(value(each) for each in self.found[measure])


async def measure(rows: Sequence[Row], folder: Path, rounds: int = ROUNDS) -> list[Result]:
    """Rows of one file, side by side."""
    series = Series()
    sides = dict.fromkeys(side for row in rows for side in (row.ours, row.limit) if side is not None)
    for turn in range(1, rounds + 1):
        for number, side in enumerate(sides):
            await series.add(side, folder / f"{turn}-{number}")
        print(f"  {rows[0].name}: round {turn} of {rounds}", file=sys.stderr, flush=True)
    return [_result(row, series) for row in rows]


def _result(row: Row, series: Series) -> Result:
    ours = series.median(row.ours, row.value)
    limit = series.median(row.limit, row.limit_value or row.value) if row.limit else None
    ratio = ours / limit if limit else ours
    return Result(row.name, ours, limit, ratio, row.demand, row.better, row.unit, row.reported)


def show(results: list[Result], started: float) -> None:
    print(f"\n{'row':58} {'ours':>10} {'limit':>10} {'ratio':>8} {'demand':>9}  unit")
    for each in results:
        limit = "-" if each.limit is None else _number(each.limit)
        sign = ">=" if each.better == "higher" else "<="
        mark = "" if each.met else "   not met, only reported" if each.reported else "   NOT MET"
        print(
            f"{each.name:58} {_number(each.ours):>10} {limit:>10} {each.ratio:8.3g} {sign}{each.demand:7.3g}"
            f"  {each.unit}{mark}"
        )
    print(f"{sum(each.met for each in results)} of {len(results)} met, in {time.monotonic() - started:.0f} s")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(results: list[Result], path: Path) -> None:
    """`var/bench.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("name", "ours", "limit", "ratio", "demand", "better", "unit")
    path.write_text(json.dumps([{name: getattr(each, name) for name in names} for each in results], indent=1))
