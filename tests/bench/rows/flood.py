"""G15: one account floods a channel with ten thousand posts; the posts of 99 others, due meanwhile, hardly wait."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.bench.due import Seen, Wanted, gone_out, quantile
from tests.bench.table import Row

FLOOD, FLOODED = 10_000, 100
OTHERS, POSTS_EACH = 99, 6
FROM_S, OVER_S = 2, 24
"""The others' posts are spread over most of the half minute that the flood takes at 64 lanes."""
QUIET_LEAST_S = 0.5
"""Twice that is the second within which nobody is said to be late."""


def others() -> list[Wanted]:
    count = OTHERS * POSTS_EACH
    return [
        Wanted(f"account-{number % OTHERS + 1}.x", f"post-{number // OTHERS}",
               timedelta(seconds=FROM_S + OVER_S * number / count))
        for number in range(count)
    ]  # fmt: skip


def flood() -> list[Wanted]:
    """On many connections of the one account, so that no line of its own holds it back."""
    return [Wanted(f"account-0.x.site-{number % FLOODED}", f"flood-{number}") for number in range(FLOOD)]


async def flooded(place: Path) -> Seen:
    return await gone_out(place, [*flood(), *others()])


async def quiet(place: Path) -> Seen:
    return await gone_out(place, others())


def p99_of_others(seen: Seen) -> float:
    return quantile([late for account, some in seen.late.items() if account != "account-0" for late in some], 0.99)


def at_least(seen: Seen) -> float:
    return max(p99_of_others(seen), QUIET_LEAST_S)


ROWS = [
    Row("a flood of one account, p99 late of 99 others x quiet", flooded, quiet, 2.0, "s", "lower",
        p99_of_others, limit_value=at_least),
]  # fmt: skip
