"""The Discovery scoring weights: which content buckets did well, for the next content cycle (S43).

A post's *rate* is its interactions per impression, with 1 and 100 added so that a post nobody saw is ordinary, not
extreme. It is compared with the mean rate of its own channel, so a busy channel does not decide. A bucket's score is
the mean of its posts' comparisons, drawn towards 1 by five ordinary posts; the weights are the scores over their sum.
The order in which posts are closed does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from events import DiscoveryWeightsRecalculated, Fact, Metrics
from services.collector.figures import interactions, seen

ORDINARY_POSTS: Final = 5
"""How many ordinary posts each bucket starts with: our setting, so that one lucky post moves little."""
INTERACTIONS_ADDED: Final = 1
IMPRESSIONS_ADDED: Final = 100
DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class ClosedPost:
    """One post whose seven days are over."""

    story: str
    channel: str
    bucket: str
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Weights:
    latest: Mapping[str, float] | None = None
    inputs: Mapping[str, object] | None = None


initial = Weights()


def evolve(state: Weights, fact: Fact) -> Weights:
    match fact:
        case DiscoveryWeightsRecalculated():
            return Weights(dict(fact.weights), dict(fact.inputs))
        case _:
            raise TypeError(f"weights never hear {type(fact).__name__}")


def recalculate(state: Weights, *, account: str, posts: Iterable[ClosedPost]) -> Sequence[Fact]:
    """New weights when anything they rest on has changed; silence otherwise."""
    known = sorted((post for post in posts if seen(post.metrics) is not None), key=lambda post: post.story)
    if not known:
        return ()
    weights, inputs = _weigh(known)
    if state.inputs == inputs:
        return ()
    previous = dict(state.latest) if state.latest is not None else None
    return (DiscoveryWeightsRecalculated(account=account, weights=weights, inputs=inputs, previous=previous),)


def _weigh(posts: Sequence[ClosedPost]) -> tuple[dict[str, float], dict[str, object]]:
    by_channel: dict[str, list[float]] = defaultdict(list)
    for post in posts:
        by_channel[post.channel].append(rate(post.metrics))
    ordinary = {channel: sum(rates) / len(rates) for channel, rates in by_channel.items()}
    compared: dict[str, list[float]] = defaultdict(list)
    for post in posts:
        compared[post.bucket].append(rate(post.metrics) / ordinary[post.channel])
    scores = {
        bucket: (sum(ratios) + ORDINARY_POSTS) / (len(ratios) + ORDINARY_POSTS) for bucket, ratios in compared.items()
    }
    total = sum(scores.values())
    weights = {bucket: round(scores[bucket] / total, DIGITS) for bucket in sorted(scores)}
    # Rounding may leave a millionth over; the largest takes it, so that the sum is 1.
    largest = max(weights, key=lambda bucket: weights[bucket])
    weights[largest] = round(weights[largest] + 1 - sum(weights.values()), DIGITS)
    inputs: dict[str, object] = {
        "posts": len(posts),
        "buckets": {
            bucket: {"posts": len(compared[bucket]), "score": round(scores[bucket], DIGITS)}
            for bucket in sorted(compared)
        },
        "channels": {channel: round(mean, 9) for channel, mean in sorted(ordinary.items())},
    }
    return weights, inputs


def rate(metrics: Metrics) -> float:
    """Interactions per impression."""
    return (interactions(metrics) + INTERACTIONS_ADDED) / ((seen(metrics) or 0) + IMPRESSIONS_ADDED)
