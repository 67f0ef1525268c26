"""Rows, rounds and the table. A row measures ours and the limit in turn, five rounds, and quotes the medians."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROUNDS = 5
Measure = Callable[[Path], Awaitable[float]]
"""Given an empty folder, one round's rate (or value)."""


@dataclass(frozen=True, slots=True)
class Row:
    """`demand` is what `ratio` is held to; without a limit the value itself stands in `ratio`."""

    name: str
    ours: Measure
    limit: Measure | None
    demand: float
    unit: str
    better: Literal["higher", "lower"] = "higher"
    rounds: int = ROUNDS


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    ours: float
    limit: float | None
    ratio: float
    demand: float
    better: str
    unit: str

    @property
    def met(self) -> bool:
        return self.ratio >= self.demand if self.better == "higher" else self.ratio <= self.demand


async def measure(row: Row, folder: Path) -> Result:
    ours: list[float] = []
    limits: list[float] = []
    for turn in range(row.rounds):
        for kind, measured, into in (("ours", row.ours, ours), ("limit", row.limit, limits)):
            if measured is None:
                continue
            place = folder / f"{turn}-{kind}"
            place.mkdir(parents=True)
            into.append(await measured(place))
        print(f"  {row.name}: round {turn + 1} of {row.rounds}", file=sys.stderr, flush=True)
    middle = statistics.median(ours)
    limit = statistics.median(limits) if limits else None
    ratio = middle / limit if limit else middle
    return Result(row.name, middle, limit, ratio, row.demand, row.better, row.unit)


def show(results: list[Result], started: float) -> None:
    print(f"\n{'row':58} {'ours':>12} {'limit':>12} {'ratio':>8} {'demand':>9}  unit")
    for each in results:
        limit = f"{each.limit:12,.0f}" if each.limit is not None else f"{'-':>12}"
        sign = ">=" if each.better == "higher" else "<="
        mark = "" if each.met else "   NOT MET"
        print(
            f"{each.name:58} {each.ours:12,.4g} {limit} {each.ratio:8.3g} {sign}{each.demand:7.3g}  {each.unit}{mark}"
        )
    print(f"{sum(each.met for each in results)} of {len(results)} met, in {time.monotonic() - started:.0f} s")


def write(results: list[Result], path: Path) -> None:
    """`var/bench.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("name", "ours", "limit", "ratio", "demand", "better", "unit")
    path.write_text(json.dumps([{name: getattr(each, name) for name in names} for each in results], indent=1))
