"""What the net has caught, planted bugs and drawn mutants, in one table: which, where, and after how long (G2)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.bugs import BUGS
from tests.simulation.report import play
from tests.simulation.seeds import FOUND_BY

ROOT = Path(__file__).resolve().parents[2]
HOW_CHARS = 70


@dataclass(frozen=True, slots=True)
class Caught:
    """`fortnights` were played until `seed` showed it; `how` says what was seen. Without a seed it got away, unless
    `equivalent` says why nobody could see it."""

    name: str
    file: str
    seed: int | None
    fortnights: int
    how: str
    equivalent: str = ""

    @property
    def fine(self) -> bool:
        return self.seed is not None or bool(self.equivalent)

    def __str__(self) -> str:
        if self.fine:
            return f"{self.name} in {self.file}: {self.how or self.equivalent}"
        return f"{self.name} in {self.file} got away, in {self.fortnights:,} fortnights"


def bug_caught(name: str, seeds_max: int) -> Caught:
    """First by the seed that once found it; where the product has moved on, another one may."""
    seeds = [*([FOUND_BY[name]] if name in FOUND_BY else []), *range(seeds_max)]
    for played, seed in enumerate(seeds, 1):
        if breaches := play(seed, bug=name).breaches:
            return Caught(name.replace("_", " "), _planted_in(name), seed, played, breaches[0])
    return Caught(name.replace("_", " "), _planted_in(name), None, len(seeds), "")


def _planted_in(name: str) -> str:
    """The first place that is changed."""
    for change in BUGS[name]():
        module = getattr(change.place, "__module__", None) or change.place.__name__
        file = sys.modules[module].__file__ or ""
        return str(Path(file).relative_to(ROOT))
    raise AssertionError(f"{name} changes nothing")


def table(net: Iterable[Caught]) -> str:
    caught = list(net)
    rows = [("seed", "fortnights", "file", "mistake", "seen by")]
    rows += [(str(each.seed if each.seed is not None else "-"), f"{each.fortnights:,}", each.file, each.name,
              _short(each.how or (each.equivalent and f"equivalent: {each.equivalent}") or "NOBODY"))
             for each in caught]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([*lines, f"{sum(each.fine for each in caught)} of {len(caught)} mistakes were caught"])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = [cell.rjust(width) for cell, width in zip(row[:2], widths, strict=False)]
    words = [cell.ljust(width) for cell, width in zip(row[2:4], widths[2:], strict=True)]
    return "  ".join([*numbers, *words, row[4]])


def _short(words: str) -> str:
    return words if len(words) <= HOW_CHARS else f"{words[:HOW_CHARS]}..."
