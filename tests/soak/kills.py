"""kill -9 of real houses, over and over, under weather (G3). The story is that of `tests/journeys/test_killed.py`: a
house lives ten lives, and then the channels' own books are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.journeys.test_killed import FIRST_ACTION_S, MOMENTS, SEED, Kills, killed
from tests.progress import counted
from tests.soak.row import Row, Tried


async def kills(folder: Path, size: int) -> Sequence[Tried]:
    houses = max(1, size // len(MOMENTS))
    found: list[Kills] = []
    broken: list[str] = []
    for number in counted(range(houses), houses):
        seed = SEED + number
        try:
            found.append(await killed(folder / f"house-{seed}", seed, MOMENTS))
        except AssertionError as wrong:
            broken.append(f"the house of seed {seed}: {wrong}")
    acted = [seconds for each in found for seconds in each.first_action_s]
    late = [f"after {seconds:.1f} s" for seconds in acted if seconds > FIRST_ACTION_S]
    open_calls = sum(bool(each) for one in found for each in one.open)
    created = sum(each.created for each in found)
    longest = max(acted, default=0.0)
    return [
        Tried(f"G3 nothing twice, lost or stuck ({open_calls} lives ended in a call)", houses * len(MOMENTS),
              open_calls, broken),
        Tried("F3 killed after the channel took it", houses * len(MOMENTS), created, broken),
        Tried(f"G3 acts again within {FIRST_ACTION_S:.0f} s (the longest took {longest:.1f} s)", len(acted), len(acted),
              late),
    ]  # fmt: skip


ROWS = [Row("kills", kills, 300)]
