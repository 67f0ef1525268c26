"""What Adaptive learns: every 7 days, from one connection's own posts, which hours of its week do well (S16). Pure.

A post's *success* is the logarithm of its interactions per view, compared with posts of its own bucket. The week has
168 hours. Before anything is seen, an hour is as good as Best Practice says; what an hour has shown moves it, the hours
around it, and the same hour of the other weekdays, each the less the farther: a Gaussian process over the week, solved
exactly. Few posts move little. Windows are what is good *for certain*, and they are exchanged only when that is a gain.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from events import EngagementProfiled, Fact, Metrics
from events.channels import channel_of
from services.collector.figures import interactions
from services.collector.figures import seen as seen_of
from services.planning.windows import BEST_PRACTICE, Window, learned

EVERY: Final = timedelta(days=7)
"""S16: how often windows are recalculated."""
SINCE_FIRST: Final = timedelta(days=14)
DAYS_WITH_DATA: Final = 7
"""S16: what must be there before anything is learned."""
REMEMBERED: Final = timedelta(weeks=26)
HALF_LIFE: Final = timedelta(weeks=8)
"""A post counts half after eight weeks and no more after half a year: audiences move (our setting)."""
BEST_HOUR: Final = 0.157
"""The benchmark's best hours over its others: 17 %, the most that is published (Spasojevic et al., KDD 2015)."""
SHARED, OWN = 0.25, 0.20
"""Standard deviations, in log units, of what all weekdays share at an hour and of what one weekday has for itself. Our
setting: deviations of 0.2 to 0.4 in all are what the planted worlds of the tests hold, and what is reported."""
REACHES: Final = 2.0
"""How many hours around what was seen an observation speaks for (our setting)."""
LUCK: Final = 0.9
"""Standard deviation of a single post's success when its hour is known: content decides most of it."""
VIEWS_ADDED: Final = 100
EXTREME: Final = 2.5
"""What lies farther from the median than so many deviations is brought in to it: one viral post is no schedule."""
BUCKET_POSTS: Final = 5
"""A bucket counts as ordinary until it has shown something: so many ordinary posts stand beside its own."""
CAUTION: Final = 0.5
"""Hours are ranked by what they are at least: the mean less half a standard deviation."""
SURE: Final = 0.8
"""Windows are exchanged only when a gain is at least so likely."""
HOURS: Final = 168


@dataclass(frozen=True, slots=True)
class Seen:
    """One published post with what came back at least a day later."""

    published_at: datetime
    bucket: str | None
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Profile:
    latest: EngagementProfiled | None = None


initial = Profile()


def evolve(state: Profile, fact: Fact) -> Profile:
    match fact:
        case EngagementProfiled():
            return Profile(fact)
        case _:
            raise TypeError(f"a profile never hears {type(fact).__name__}")


def recalculate(
    state: Profile, *, connection: str, zone: ZoneInfo, seen: Sequence[Seen], now: datetime
) -> Sequence[Fact]:
    """The windows of the next 7 days; silence as long as too little is known (S16)."""
    known = sorted((each for each in seen if _views(each.metrics) is not None), key=lambda each: each.published_at)
    days = {each.published_at.astimezone(zone).date() for each in known}
    if len(days) < DAYS_WITH_DATA or now - known[0].published_at < SINCE_FIRST:
        return ()
    recent = [each for each in known if now - each.published_at <= REMEMBERED]
    if not recent:
        return ()
    belief = believe(recent, channel=channel_of(connection), zone=zone, now=now)
    preset = BEST_PRACTICE[channel_of(connection)]
    windows = learned(state.latest.windows) if state.latest else preset
    current, wanted = hours_of(windows), best_hours(belief, hours_of(preset))
    gain, chance = belief.gain(wanted, current)
    moved = chance > SURE
    inputs: dict[str, object] = {
        "posts": len(recent), "days": len(days), "zone": str(zone), "benchmark": "best_practice",
        "moved": moved, "gain": round(gain, 3), "chance_of_gain": round(chance, 3),
    }  # fmt: skip
    return (
        EngagementProfiled(
            connection=connection, windows=tuple(_explained(belief, wanted if moved else current)), inputs=inputs
        ),
    )


@dataclass(frozen=True, slots=True)
class Belief:
    """For each of the 168 hours, Monday 00 first: what is expected, how surely, and what it rests on."""

    mean: Any
    covariance: Any
    prior: Any
    prior_deviation: float
    posts: Any

    def gain(self, wanted: Sequence[int], current: Sequence[int]) -> tuple[float, float]:
        """How much better the wanted hours are on average, and how likely it is that they are better at all."""
        contrast = _average(wanted) - _average(current)
        gain = float(contrast @ self.mean)
        deviation = math.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0))
        if deviation < 1e-9:
            return gain, float(gain > 0)
        return gain, 0.5 * (1 + math.erf(gain / deviation / math.sqrt(2)))

    @property
    def deviation(self) -> Any:
        return np.sqrt(np.clip(np.diagonal(self.covariance), 0, None))

    @property
    def own(self) -> Any:
        """How far each hour is decided by the connection's own posts: 0 by the benchmark alone, 1 by them alone."""
        return np.clip(1 - (self.deviation / self.prior_deviation) ** 2, 0, 1)


def believe(seen: Sequence[Seen], *, channel: str, zone: ZoneInfo, now: datetime) -> Belief:
    """Prior and posts to posterior. All posts of an hour are one observation, as precise as they are together."""
    prior, spread = benchmark(channel), _alike()
    hours = np.array([_hour(each.published_at, zone) for each in seen], dtype=int)
    success, precision = _successes(seen), _precisions(seen, now)
    weight = np.bincount(hours, precision, minlength=HOURS)
    there = np.flatnonzero(weight)
    # How good this connection's posts are on the whole is nobody's hour: it is taken out before hours are compared.
    compared = success - prior[hours]
    compared = compared - np.average(compared, weights=precision)
    observed = np.bincount(hours, precision * compared, minlength=HOURS)[there] / weight[there]
    among = spread[np.ix_(there, there)] + np.diag(1 / weight[there])
    reaching = spread[:, there]
    solved = np.linalg.solve(among, np.column_stack([observed, reaching.T]))
    mean = prior + reaching @ solved[:, 0]
    covariance = spread - reaching @ solved[:, 1:]
    return Belief(mean, covariance, prior, math.hypot(SHARED, OWN), np.bincount(hours, minlength=HOURS))


def best_hours(belief: Belief, preset: Sequence[int]) -> tuple[int, ...]:
    """As many hours as Best Practice has and on as many weekdays, so that no post waits longer than it would there."""
    least = belief.mean - CAUTION * belief.deviation
    ranked = sorted(range(HOURS), key=lambda hour: (-least[hour], hour))
    chosen: dict[int, int] = {}
    for hour in ranked:
        if len(chosen) < len({each // 24 for each in preset}):
            chosen.setdefault(hour // 24, hour)
    picked = set(chosen.values())
    picked.update(hour for hour in ranked if hour not in picked and len(picked) < len(preset))
    return tuple(sorted(picked))


def hours_of(windows: Sequence[Window]) -> tuple[int, ...]:
    return tuple(sorted({
        (day - 1) * 24 + minute // 60
        for each in windows for day in each.days for minute in range(each.begins, each.ends, 60)
    }))  # fmt: skip


@cache
def benchmark(channel: str) -> Any:
    """Best Practice in log units: its best windows are 17 % better than hours outside all of them."""
    prior = np.zeros(HOURS)
    best = max(each.weight for each in BEST_PRACTICE[channel])
    for each in sorted(BEST_PRACTICE[channel], key=lambda each: each.weight):
        prior[list(hours_of([each]))] = BEST_HOUR * each.weight / best
    return prior


@cache
def _alike() -> Any:
    """How far two hours of the week speak for each other, on a clock that goes round."""
    clock, day = np.arange(HOURS) % 24, np.arange(HOURS) // 24
    apart = np.abs(clock[:, None] - clock[None, :])
    near = np.exp(-0.5 * (np.minimum(apart, 24 - apart) / REACHES) ** 2)
    return near * (SHARED**2 + OWN**2 * (day[:, None] == day[None, :]))


def _hour(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def _successes(seen: Sequence[Seen]) -> Any:
    """Each post's success over its bucket's, with what is extreme brought in."""
    raw = np.array([math.log((interactions(each.metrics) + 1) / ((_views(each.metrics) or 0) + VIEWS_ADDED))
                    for each in seen])  # fmt: skip
    of_bucket: dict[str | None, list[int]] = defaultdict(list)
    for number, each in enumerate(seen):
        of_bucket[each.bucket].append(number)
    middle = float(np.median(raw))
    for numbers in of_bucket.values():
        above = raw[numbers] - middle
        raw[numbers] -= above.sum() / (len(numbers) + BUCKET_POSTS)
    middle = float(np.median(raw))
    usual = 1.4826 * float(np.median(np.abs(raw - middle))) or LUCK
    return np.clip(raw, middle - EXTREME * usual, middle + EXTREME * usual)


def _precisions(seen: Sequence[Seen], now: datetime) -> Any:
    """A post that few answered says little, and less the older it is."""
    chance = np.array([1 / (interactions(each.metrics) + 1) for each in seen])
    age = np.array([max((now - each.published_at) / HALF_LIFE, 0) for each in seen])
    return 0.5**age / (LUCK**2 + chance)


def _explained(belief: Belief, hours: Sequence[int]) -> list[dict[str, object]]:
    """Hours that follow each other are one window, which says what it rests on."""
    runs: list[list[int]] = []
    for hour in hours:
        if runs and hour == runs[-1][-1] + 1 and hour // 24 == runs[-1][0] // 24:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    usual = float(np.mean(belief.mean))
    return [
        {
            "days": [run[0] // 24 + 1],
            "from": f"{run[0] % 24:02}:00",
            "to": f"{run[-1] % 24 + 1:02}:00",
            "weight": round(math.exp(float(np.mean(belief.mean[run])) - usual), 2),
            "posts": int(np.sum(belief.posts[run])),
            "own": round(float(np.mean(belief.own[run])), 2),
            "benchmark": round(math.exp(float(np.mean(belief.prior[run]))), 2),
        }
        for run in runs
    ]


def _average(hours: Sequence[int]) -> Any:
    share = np.zeros(HOURS)
    share[list(hours)] = 1 / len(hours)
    return share


def _views(metrics: Metrics) -> int | None:
    """None also where the channel says that nobody can have seen it."""
    return seen_of(metrics) or None
