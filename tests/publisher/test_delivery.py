"""One post on its way to one channel: every answer a channel can give, and what it means (S29 to S36)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import (
    AttemptFailed,
    AttemptUnclear,
    CredentialRefused,
    DeliveryReturned,
    LateSendSeen,
    OutcomeUnknown,
    PostFailed,
    PostPublished,
    RateLimited,
)
from services.channels.outcome import Delivered, Limited, Refused, Unavailable, Unclear
from services.publisher import delivery
from services.publisher.sentences import SENTENCES
from tests.publisher.given import given
from tests.publisher.posts import (
    ACTIVE,
    BLOG,
    GONE,
    HOUR,
    LINKEDIN,
    MARKER,
    MINUTE,
    NINE,
    REFRESHED,
    SECOND,
    due,
    failed,
    limited,
    started,
    unclear,
)

HERE = {"connection": ACTIVE, "paused": False, "now": NINE, "epoch": 1, "marker": MARKER}
PUBLISHED = PostPublished(
    round=1, attempt=1, connection=LINKEDIN, channel_post_id="urn:li:share:7", url="https://l.example/7",
    published_at=NINE, content_hash="a1", marker=MARKER, bucket="customer-stories", campaign="spring", tries=1,
    slot_at=NINE,
)  # fmt: skip
REFUSED = CredentialRefused(round=1, attempt=1, connection=LINKEDIN, credential_version=3, code="65601")


def answer(outcome, **more):
    return {"due": due(), "attempt": 1, "outcome": outcome, "now": NINE, **more}


# Starting


def test_a_due_post_starts_its_first_attempt_with_all_it_takes_to_find_it_again():
    """Deadline 20 s on, first look at deadline + settle − 15 s (D9, D10)."""
    given(delivery).when(delivery.start, due=due(), **HERE).then(started())


def test_an_exact_look_up_needs_no_lag_but_an_unanswered_call_is_given_ten_seconds():
    attempt = started(BLOG)
    assert attempt.look_at - attempt.deadline == 10 * SECOND
    given(delivery).when(delivery.start, due=due(BLOG), **HERE).then(attempt)


def test_the_send_deadline_grows_with_the_speed_of_the_clock():
    said = delivery.start(delivery.initial, due=due(), **HERE, life=timedelta(seconds=2000))
    assert said[0].deadline == NINE + timedelta(seconds=2000)


def test_while_an_attempt_is_open_nothing_starts():
    given(delivery, started()).when(delivery.start, due=due(), **HERE).then()
    given(delivery, started(), unclear(look_at=NINE + MINUTE)).when(delivery.start, due=due(), **HERE).then()


def test_not_even_a_later_round_starts_while_an_attempt_is_open():
    given(delivery, started()).when(delivery.start, due=due(round=2), **HERE).then()


def test_a_post_whose_outcome_is_unknown_starts_nothing():
    unknown = OutcomeUnknown(round=1, attempt=1, evidence="seen nowhere")
    given(delivery, started(), unclear(look_at=NINE), unknown).when(delivery.start, due=due(round=2), **HERE).then()


def test_an_old_post_due_starts_nothing():
    given(delivery, started(), PUBLISHED).when(delivery.start, due=due(), **HERE).then()
    given(delivery, started(round=2)).when(delivery.start, due=due(), **HERE).then()


def test_the_kill_switch_keeps_a_post_where_it_is():
    given(delivery).when(delivery.start, due=due(), **{**HERE, "paused": True}).then()


def test_nothing_starts_before_its_retry_time():
    history = started(), failed(attempt=1, tries=1, retry_at=NINE + MINUTE)
    given(delivery, *history).when(delivery.start, due=due(), **{**HERE, "now": NINE + 59 * SECOND}).then()


def test_the_second_attempt_starts_at_its_retry_time_and_brings_its_tries():
    history = started(), failed(attempt=1, tries=1, retry_at=NINE + MINUTE)
    (given(delivery, *history)
        .when(delivery.start, due=due(), **{**HERE, "now": NINE + MINUTE})
        .then(started(attempt=2, tries=1, at=NINE + MINUTE)))  # fmt: skip


def test_a_manual_retry_begins_at_no_tries_and_waits_for_none():
    history = started(), failed(attempt=1, tries=4, retry_at=None), spent_at(4)
    given(delivery, *history).when(delivery.start, due=due(round=2), **HERE).then(started(attempt=2, round=2))


def test_tries_go_on_over_rounds():
    """A post that was returned comes back with the tries it had (facts.md)."""
    returned = DeliveryReturned(round=1, reason="late", tries=2)
    (given(delivery, started(), failed(attempt=1, tries=2, retry_at=NINE), returned)
        .when(delivery.start, due=due(round=2, tries=2), **HERE)
        .then(started(attempt=2, round=2, tries=2)))  # fmt: skip


def test_a_disconnected_channel_gives_the_post_back():
    """S10: it sends nothing; the scheduler holds the post."""
    (given(delivery)
        .when(delivery.start, due=due(), **{**HERE, "connection": GONE})
        .then(DeliveryReturned(round=1, reason="disconnected", tries=0)))  # fmt: skip


def test_a_post_found_later_than_its_tolerance_is_given_back():
    """S20: two hours, counted from the slot, also after a wait."""
    late = {**HERE, "now": NINE + 2 * HOUR + SECOND}
    given(delivery).when(delivery.start, due=due(), **late).then(DeliveryReturned(round=1, reason="late", tries=0))
    (given(delivery, started(), limited(NINE + 2 * HOUR + SECOND))
        .when(delivery.start, due=due(), **late)
        .then(DeliveryReturned(round=1, reason="late", tries=0)))  # fmt: skip


def test_a_post_within_its_tolerance_still_starts():
    at = NINE + 2 * HOUR
    given(delivery).when(delivery.start, due=due(), **{**HERE, "now": at}).then(started(at=at))


# Answers


def test_an_id_means_published():
    """S36."""
    (given(delivery, started())
        .when(delivery.settle, **answer(Delivered("urn:li:share:7", "https://l.example/7")))
        .then(PUBLISHED))  # fmt: skip


@pytest.mark.parametrize(("tries", "minutes"), [(0, 1), (1, 5), (2, 25)])
def test_a_call_that_never_left_is_tried_again_after_1_5_and_25_minutes(tries, minutes):
    """S29: one first try and three retries, each wait counted from the failed answer."""
    (given(delivery, started(tries=tries))
        .when(delivery.settle, **answer(Unavailable("refused", "connection refused")))
        .then(failed(attempt=1, tries=tries + 1, retry_at=NINE + minutes * MINUTE)))  # fmt: skip


def spent_at(tries):
    return PostFailed(round=1, kind="transient", code="refused", action="retry", tries=tries,
                      sentence=SENTENCES["transient"][0].format(channel="LinkedIn"))  # fmt: skip


def test_the_fourth_try_was_the_last():
    (given(delivery, started(attempt=1, tries=3))
        .when(delivery.settle, **answer(Unavailable("refused", "connection refused")))
        .then(failed(attempt=1, tries=4, retry_at=None), spent_at(4)))  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "action"),
    [("content", "edit"), ("permission", "reconnect"), ("quota", "retry"), ("configuration", "ask_operator")],
)
def test_a_refusal_fails_at_once_with_its_code_and_what_helps(kind, action):
    """S30, S26."""
    (given(delivery, started())
        .when(delivery.settle, **answer(Refused(kind, "TEXT_TOO_LONG", 422, "The text is too long.")))
        .then(PostFailed(round=1, kind=kind, code="TEXT_TOO_LONG", http_status=422, action=action, tries=1,
            sentence=SENTENCES[kind][0].format(channel="LinkedIn") + " It said: The text is too long.")))  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "until", "told"),
    [
        (NINE + 90 * SECOND, NINE + 90 * SECOND, True),
        (None, NINE + 15 * MINUTE, False),
        (NINE - HOUR, NINE + 15 * MINUTE, False),
        (NINE + 8760 * HOUR, NINE + 24 * HOUR, True),
    ],
    ids=["as told", "untold: 15 minutes", "a past time is no time", "a year: a day"],
)
def test_a_limit_holds_the_connection_as_long_as_told_within_bounds(asked, until, told):
    """S32, F8."""
    (given(delivery, started())
        .when(delivery.settle, **answer(Limited("429", 429, asked)))
        .then(RateLimited(round=1, attempt=1, connection=LINKEDIN, until=until, code="429", http_status=429,
            told=told)))  # fmt: skip


def test_a_rate_limit_costs_no_try():
    """S32: the backoff is where it was."""
    history = started(tries=1), limited(NINE), started(attempt=2, tries=1)
    (given(delivery, *history)
        .when(delivery.settle, **answer(Unavailable("refused", "connection refused"), attempt=2))
        .then(failed(attempt=2, tries=2, retry_at=NINE + 5 * MINUTE)))  # fmt: skip
    state = given(delivery, started(tries=1), limited(NINE)).state
    assert delivery.start(state, due=due(), **HERE)[0].tries == 1


@pytest.mark.parametrize("outcome", [Unclear("503", "busy", 503), Unclear("200", "an HTML page", 200)])
def test_an_answer_after_the_body_left_proves_nothing_and_is_looked_up(outcome):
    """F6, F7: LinkedIn settles 55 s from the answer and is looked at twice, first at 40 s."""
    (given(delivery, started())
        .when(delivery.settle, **answer(outcome))
        .then(AttemptUnclear(round=1, attempt=1, code=outcome.code, http_status=outcome.http_status,
            detail=outcome.detail, answered_at=NINE, look_at=NINE + 40 * SECOND)))  # fmt: skip


@pytest.mark.parametrize("outcome", [Refused("duplicate", "DUPLICATE", 422), Unclear("DUPLICATE", "", 422)])
def test_a_duplicate_is_looked_up_like_any_other_unclear_answer(outcome):
    """F9."""
    (given(delivery, started())
        .when(delivery.settle, **answer(outcome))
        .then(AttemptUnclear(round=1, attempt=1, code="DUPLICATE", http_status=422, detail="", answered_at=NINE,
            look_at=NINE + 40 * SECOND, duplicate=True)))  # fmt: skip


def test_an_attempt_settled_already_stays_settled():
    given(delivery, started(), PUBLISHED).when(delivery.settle, **answer(Delivered("another"))).then()
    given(delivery, started(), started(attempt=2)).when(delivery.settle, **answer(Delivered("another"))).then()


def test_a_plain_answer_that_comes_after_the_attempt_was_given_up_still_counts():
    gave_up = unclear(at=NINE, look_at=NINE + MINUTE, status=None, code="no_answer")
    (given(delivery, started(), gave_up)
        .when(delivery.settle, **answer(Delivered("urn:li:share:7", "https://l.example/7")))
        .then(PUBLISHED))  # fmt: skip


def test_an_answer_after_the_line_was_taken_over_is_kept_as_evidence():
    """F5."""
    (given(delivery, started())
        .when(delivery.late, started=started(), outcome=Delivered("urn:li:share:7"))
        .then(LateSendSeen(round=1, attempt=1, epoch=1, outcome="delivered",
            channel_post_id="urn:li:share:7")))  # fmt: skip


# A refused grant


def test_a_401_ends_the_attempt_without_a_try():
    """D20."""
    (given(delivery, started())
        .when(delivery.settle, **answer(Refused("auth", "65601", 401)))
        .then(REFUSED))  # fmt: skip


@pytest.mark.parametrize("kind", ["auth", "revoked"])
def test_a_401_of_an_attempt_that_is_being_looked_up_already_leaves_it_to_the_look(kind):
    """Ended by it, the attempt would stay open without an alarm (I14)."""
    given(delivery, started(), unclear(look_at=NINE + MINUTE)).when(
        delivery.settle, **answer(Refused(kind, "65601", 401))
    ).then()


def test_a_refused_post_waits_until_its_grant_is_refreshed():
    refused = given(delivery, started(), REFUSED)
    refused.when(delivery.start, due=due(), **HERE).then()
    assert delivery.next_step(refused.state, NINE) == delivery.Rest("grant")
    refused.when(delivery.start, due=due(), **{**HERE, "connection": REFRESHED}).then(
        started(attempt=2).model_copy(update={"credential_version": 4})
    )


def test_a_refused_post_whose_channel_is_gone_fails_and_only_that_post():
    """S11."""
    gone = {**HERE, "connection": GONE}
    (given(delivery, started(), REFUSED)
        .when(delivery.start, due=due(), **gone)
        .then(PostFailed(round=1, kind="auth", code="65601", action="reconnect", tries=0,
            sentence=SENTENCES["auth"][0].format(channel="LinkedIn"))))  # fmt: skip
    given(delivery).when(delivery.start, due=due(), **gone).then(
        DeliveryReturned(round=1, reason="disconnected", tries=0)
    )


@pytest.mark.parametrize("kind", ["auth", "revoked"])
def test_refused_again_after_one_refresh_the_grant_counts_as_gone(kind):
    """Refresh once, repeat once, else as revoked (channels.md)."""
    history = (started(), REFUSED, started(attempt=2)) if kind == "auth" else (started(attempt=2),)
    (given(delivery, *history)
        .when(delivery.settle, **answer(Refused(kind, "65601", 401), attempt=2))
        .then(REFUSED.model_copy(update={"attempt": 2, "revoked": True})))  # fmt: skip


def test_a_third_call_with_the_same_grant_is_never_made():
    again = REFUSED.model_copy(update={"attempt": 2, "credential_version": 4, "revoked": True})
    twice = given(delivery, started(), REFUSED, started(attempt=2), again)
    renewed = REFRESHED.__class__(connected=True, credential_version=5)
    twice.when(delivery.start, due=due(), **{**HERE, "connection": renewed}).then(
        PostFailed(round=1, kind="revoked", code="65601", action="reconnect", tries=0,
                   sentence=SENTENCES["revoked"][0].format(channel="LinkedIn")))  # fmt: skip


# Taken back


def test_a_post_taken_back_before_anything_was_sent_ends_its_round():
    given(delivery).when(delivery.withdraw, due=due()).then(DeliveryReturned(round=1, reason="withdrawn", tries=0))
    given(delivery, started(), failed(attempt=1, tries=1, retry_at=NINE)).when(delivery.withdraw, due=due()).then(
        DeliveryReturned(round=1, reason="withdrawn", tries=1)
    )


def test_an_open_attempt_cannot_be_taken_back():
    """I16: the outcome will tell."""
    given(delivery, started()).when(delivery.withdraw, due=due()).then()


def test_taken_back_twice_says_nothing_the_second_time():
    withdrawn = DeliveryReturned(round=1, reason="withdrawn", tries=0)
    given(delivery, withdrawn).when(delivery.withdraw, due=due()).then()


# The one next thing


def test_the_next_step_is_named():
    def step(*facts, at=NINE):
        return delivery.next_step(given(delivery, *facts).state, at)

    retry = failed(attempt=1, tries=1, retry_at=NINE + MINUTE)
    assert step() == delivery.Start()
    assert step(started()) == delivery.Wait(NINE + 60 * SECOND)
    assert step(started(), at=NINE + 60 * SECOND) == delivery.Look()
    assert step(started(), unclear(look_at=NINE + 40 * SECOND)) == delivery.Wait(NINE + 40 * SECOND)
    assert step(started(), retry) == delivery.Wait(NINE + MINUTE)
    assert step(started(), retry, at=NINE + MINUTE) == delivery.Start()
    assert step(started(), limited(NINE + MINUTE)) == delivery.Wait(NINE + MINUTE)
    assert step(started(), OutcomeUnknown(round=1, attempt=1, evidence="")) == delivery.Rest("person")
    assert step(started(), PUBLISHED) == delivery.Done()
    assert isinstance(retry, AttemptFailed)
