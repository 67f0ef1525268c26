"""A published post is measured at 1 hour, 24 hours and 7 days, and then closed (S42)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events import MeasurementClosed, MeasurementFailed, MeasurementPlanned, Metrics, MetricsCollected, PostPublished
from services.channels.outcome import Measured, MeasureFailed
from services.collector import measurement

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PUBLISHED = PostPublished(
    round=1, attempt=1, connection="acme.linkedin", channel_post_id="urn:li:share:1", published_at=NINE,
    content_hash="c0ffee", marker="m1", bucket="stories", campaign="spring", tries=1,
)  # fmt: skip
PLANNED = MeasurementPlanned(
    connection="acme.linkedin", channel_post_id="urn:li:share:1", bucket="stories", campaign="spring", published_at=NINE
)
SOME = Metrics(impressions=100, likes=3)
MORE = Metrics(impressions=200, likes=7)


def after(*facts):
    state = measurement.initial
    for fact in facts:
        state = measurement.evolve(state, fact)
    return state


def collected(window, metrics=SOME):
    return MetricsCollected(window=window, metrics=metrics)


def test_a_published_post_is_registered_with_its_bucket_and_campaign():
    assert measurement.plan(measurement.initial, published=PUBLISHED) == (PLANNED,)


def test_hearing_of_the_publishing_again_registers_nothing():
    assert measurement.plan(after(PLANNED), published=PUBLISHED) == ()


def test_the_polls_follow_at_one_hour_one_day_and_seven_days():
    seen, state = [], after(PLANNED)
    while (step := measurement.next_step(state)) is not None:
        seen.append((step.window, step.at - NINE))
        state = measurement.evolve(state, collected(step.window))
    assert seen == [("1h", timedelta(hours=1)), ("24h", timedelta(hours=24)), ("7d", timedelta(days=7))]


def test_not_offered_stays_null_and_is_never_zero():
    facts = measurement.heard(after(PLANNED), window="1h", answer=Measured(SOME), version=1, now=NINE)
    assert facts == [collected("1h")]
    assert facts[0].metrics.reach is None


def test_a_failed_poll_is_a_fact_and_is_asked_again_after_a_growing_wait():
    ten = NINE + timedelta(hours=1)
    lost = MeasureFailed("no_answer", "the connection was reset")
    first = measurement.heard(after(PLANNED), window="1h", answer=lost, version=1, now=ten)[0]
    assert first == MeasurementFailed(
        window="1h", reason="no_answer: the connection was reset", retry_at=ten + timedelta(minutes=15)
    )
    second = measurement.heard(after(PLANNED, first), window="1h", answer=lost, version=1, now=ten)[0]
    assert second.retry_at == ten + timedelta(minutes=30)


def test_a_limited_poll_waits_as_long_as_the_channel_says():
    ten = NINE + timedelta(hours=1)
    limited = MeasureFailed("rate", until=ten + timedelta(hours=3))
    [fact] = measurement.heard(after(PLANNED), window="1h", answer=limited, version=1, now=ten)
    assert fact.retry_at == ten + timedelta(hours=3)


def test_a_refused_credential_is_named_by_its_version():
    [fact] = measurement.heard(
        after(PLANNED), window="1h", answer=MeasureFailed("65602", auth=True), version=4, now=NINE
    )
    assert (fact.credential_refused, fact.credential_version) == (True, 4)


def test_forty_eight_hours_after_its_time_a_window_is_given_up_and_the_next_one_follows():
    late = NINE + timedelta(hours=49)
    [fact] = measurement.heard(after(PLANNED), window="1h", answer=MeasureFailed("down"), version=1, now=late)
    assert fact.retry_at is None
    step = measurement.next_step(after(PLANNED, fact))
    assert step is not None
    assert step.window == "24h"


def test_the_third_window_closes_the_measurement_with_the_last_metrics():
    state = after(PLANNED, collected("1h"), collected("24h"))
    facts = measurement.heard(state, window="7d", answer=Measured(MORE), version=1, now=NINE + timedelta(days=7))
    assert facts == [
        collected("7d", MORE),
        MeasurementClosed(connection="acme.linkedin", bucket="stories", campaign="spring", metrics=MORE),
    ]


def test_a_third_window_given_up_closes_with_what_there_was():
    state = after(PLANNED, collected("1h"), collected("24h", MORE))
    facts = measurement.heard(
        state, window="7d", answer=MeasureFailed("gone"), version=1, now=NINE + timedelta(days=10)
    )
    assert facts[-1] == MeasurementClosed(connection="acme.linkedin", bucket="stories", campaign="spring", metrics=MORE)


def test_an_answer_for_a_window_already_measured_says_nothing():
    state = after(PLANNED, collected("1h"))
    assert measurement.heard(state, window="1h", answer=Measured(MORE), version=1, now=NINE) == []
