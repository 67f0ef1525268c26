"""Buckets that did well weigh more in the next content cycle (S43)."""

from __future__ import annotations

import random

import pytest

from events import Metrics
from services.collector import weights
from services.collector.weights import ClosedPost


def post(number: int, bucket: str, likes: int, channel: str = "linkedin", impressions: int | None = 1000) -> ClosedPost:
    return ClosedPost(f"acme.{bucket}-{number}", channel, bucket, Metrics(impressions=impressions, likes=likes))


def month(stories_likes: int = 30) -> list[ClosedPost]:
    stories = [post(n, "stories", stories_likes) for n in range(6)]
    return stories + [post(n, "offers", 30) for n in range(6)] + [post(n, "tips", 30) for n in range(6)]


def weigh(posts, state=weights.initial):
    [fact] = weights.recalculate(state, account="acme", posts=posts)
    return fact


def test_equal_buckets_weigh_the_same_and_sum_to_one():
    found = weigh(month()).weights
    assert found == pytest.approx({"offers": 1 / 3, "stories": 1 / 3, "tips": 1 / 3}, abs=1e-5)
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)


def test_doubling_one_buckets_engagement_raises_its_weight_and_lowers_the_others():
    before, after = weigh(month()).weights, weigh(month(stories_likes=60)).weights
    assert after["stories"] > before["stories"]
    assert after["offers"] < before["offers"]


@pytest.mark.parametrize("impressions", [-1, -100, -5000])
def test_a_negative_figure_is_no_figure(impressions):
    assert weigh([*month(), post(99, "stories", 30, impressions=impressions)]).weights == weigh(month()).weights
    assert weights.rate(Metrics(impressions=1000, likes=-40, comments=30)) == weights.rate(
        Metrics(impressions=1000, comments=30)
    )


def test_shuffled_arrival_changes_nothing():
    posts = month(stories_likes=45)
    straight = weigh(posts)
    random.Random(7).shuffle(posts)
    assert weigh(posts) == straight


def test_a_busy_channel_does_not_decide():
    """Every bucket does ordinarily on its own channel, so none is preferred for living on the livelier one."""
    posts = [post(n, "stories", 10) for n in range(4)] + [post(n, "reels", 400, channel="tiktok") for n in range(4)]
    assert weigh(posts).weights == pytest.approx({"stories": 0.5, "reels": 0.5})


def test_posts_whose_channel_offers_no_reach_are_left_out_and_not_read_as_zero():
    blog = [post(n, "essays", 0, channel="blog", impressions=None) for n in range(3)]
    assert "essays" not in weigh(month() + blog).weights
    assert weights.recalculate(weights.initial, account="acme", posts=blog) == ()


def test_the_same_inputs_again_say_nothing():
    first = weigh(month())
    assert weights.recalculate(weights.evolve(weights.initial, first), account="acme", posts=month()) == ()


def test_a_change_names_the_weights_before_it():
    first = weigh(month())
    second = weigh(month(stories_likes=60), weights.evolve(weights.initial, first))
    assert second.previous == first.weights
