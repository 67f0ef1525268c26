"""G14: ten thousand posts due at one minute, on a thousand connections of a channel that answers in 200 ms."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from events.channels import CHANNELS
from services.scheduler.edge import BATCH
from tests.bench.due import ANSWER_S, Seen, Wanted, body_of, gone_out, quantile
from tests.bench.limits import whole as bare
from tests.bench.stub import a_stub
from tests.bench.table import Row

POSTS, CONNECTIONS, LANES = 10_000, 1_000, 64


def wanted() -> list[Wanted]:
    return [Wanted(f"account-{number % CONNECTIONS}.x", f"spring-{number // CONNECTIONS}") for number in range(POSTS)]


async def ours(place: Path) -> Seen:
    seen = await gone_out(place, wanted())
    budget = CHANNELS["x"].budget
    assert budget is not None
    if seen.limited or max(seen.attempts.values()) > budget.calls_max:
        raise RuntimeError(f"over budget: {seen.limited} limits, {max(seen.attempts.values())} calls of one connection")
    return seen


async def lanes_or_skeleton(place: Path) -> float:
    """Seconds: as fast as 64 lanes can be, or as the bare skeleton of the whole way is."""
    bodies = [body_of(each, datetime.now(UTC)) for each in wanted()]
    async with a_stub() as channel:
        rate = await bare.way(place, bodies, f"{channel}/api.x.com/2/tweets", BATCH, LANES)
    return max(POSTS * ANSWER_S / LANES, POSTS / rate)


def p99(seen: Seen) -> float:
    return quantile(seen.everybody, 0.99)


def page_p95(seen: Seen) -> float:
    return quantile(seen.pages, 0.95) * 1000


ROWS = [
    Row("10,000 posts at one minute, p99 late x lanes or skeleton", ours, lanes_or_skeleton, 1.5, "s", "lower", p99,
        limit_value=float),
    Row("10,000 posts at one minute, p99 late", ours, None, 60, "s", "lower", p99),
    Row("10,000 posts at one minute, login and queue p95", ours, None, 300, "ms", "lower", page_p95),
]  # fmt: skip
