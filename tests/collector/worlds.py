"""Worlds with a planted truth: how much better or worse each hour of the week really is, and what Adaptive makes of it.

The truth is the benchmark, or the benchmark and a smooth deviation that the weekdays half share. Posts are approved at
random hours and take the earliest free time of the windows of their day, as the planner has them do. The gain is what
Adaptive's times are better than Best Practice's for the very same posts, by the truth, in log units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from events import Metrics
from services.collector import engagement
from services.collector.engagement import HOURS, LUCK, Profile, Seen, benchmark, hours_of
from services.planning.windows import BEST_PRACTICE, learned

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
VIEWS, RATE = 2000, 0.05
"""A post of a middling account: so many views, and one in twenty of them does something."""
CHANNEL = "linkedin"


@dataclass(frozen=True, slots=True)
class Life:
    """One world lived through; `gain` is over the weeks after the first four."""

    gain: float
    moved: int


def truth(luck: np.random.Generator, deviation: float) -> np.ndarray:
    """The benchmark, and `deviation` (a standard deviation in log units) of something of this account's own."""
    clock = np.arange(24)
    apart = np.minimum(np.abs(clock[:, None] - clock), 24 - np.abs(clock[:, None] - clock))
    smooth = np.linalg.cholesky(np.exp(-0.5 * (apart / 2.0) ** 2) + 1e-6 * np.eye(24))
    shared = smooth @ luck.standard_normal(24)
    own = [smooth @ luck.standard_normal(24) for _ in range(7)]
    return benchmark(CHANNEL) + deviation * np.concatenate([(shared + each) / math.sqrt(2) for each in own])


def live(seed: int, *, deviation: float, weeks: int = 18, posts: int = 10) -> Life:
    luck = np.random.default_rng(seed)
    planted, profile, seen, gains, moved = truth(luck, deviation), Profile(), list[Seen](), list[float](), 0
    preset = hours_of(BEST_PRACTICE[CHANNEL])
    for week in range(weeks):
        begins = MONDAY + timedelta(weeks=week)
        hours = hours_of(learned(profile.latest.windows)) if profile.latest else preset
        wanted = np.sort(luck.integers(0, HOURS, posts))
        taken, usual = slots(wanted, hours), slots(wanted, preset)
        if week >= 4:
            gains.append(float(np.mean(planted[taken % HOURS]) - np.mean(planted[usual % HOURS])))
        seen += [post(luck, begins, int(hour), planted) for hour in taken]
        now = begins + timedelta(weeks=1)
        # What was published within the last day has not come back yet.
        known = [each for each in seen if now - each.published_at >= timedelta(days=1)]
        for fact in engagement.recalculate(profile, connection=f"acme.{CHANNEL}", zone=UTC_ZONE, seen=known, now=now):
            profile = engagement.evolve(profile, fact)
            moved += bool(profile.latest and profile.latest.inputs["moved"])
    return Life(float(np.mean(gains)), moved)


def slots(wanted: np.ndarray, hours: tuple[int, ...]) -> np.ndarray:
    """The earliest free half hour at or after each wish, this week or next."""
    halves = np.array([2 * (hour + shift) + half for shift in (0, HOURS) for hour in hours for half in (0, 1)])
    free, found = np.ones(len(halves), dtype=bool), []
    for wish in wanted:
        first = int(np.flatnonzero(free & (halves >= 2 * wish))[0])
        free[first] = False
        found.append(int(halves[first]) // 2)
    return np.array(found)


def post(luck: np.random.Generator, begins: datetime, hour: int, planted: np.ndarray) -> Seen:
    expected = VIEWS * RATE * math.exp(planted[hour % HOURS] + LUCK * luck.standard_normal())
    metrics = Metrics(impressions=VIEWS, likes=int(luck.poisson(expected)))
    return Seen(begins + timedelta(hours=hour), None, metrics)
