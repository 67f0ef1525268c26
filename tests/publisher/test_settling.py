"""An outcome nobody knows: it settles, is looked up, and only then may anything be sent again (S35)."""

from __future__ import annotations

import pytest

from events import CredentialRefused, DeliveryReturned, OutcomeUnknown, PostFailed, PostPublished
from services.channels.outcome import Absent, Found, LookFailed
from services.publisher import delivery, settling
from services.publisher.sentences import SENTENCES
from tests.publisher.given import given
from tests.publisher.posts import (
    BLOG,
    FACEBOOK,
    LINKEDIN,
    MARKER,
    MINUTE,
    NINE,
    SECOND,
    due,
    failed,
    looked,
    started,
    unclear,
)

AT_40, AT_55 = NINE + 40 * SECOND, NINE + 55 * SECOND
BUSY = unclear(look_at=AT_40)
ID, URL = "urn:li:share:7", "https://l.example/7"


def found_by(how, **more):
    return PostPublished(
        round=1, attempt=1, connection=LINKEDIN, channel_post_id=ID, url=URL, published_at=NINE, content_hash="a1",
        marker=MARKER, bucket="customer-stories", campaign="spring", tries=1, found_by=how, slot_at=NINE,
    )  # fmt: skip


def seeing(look, at, connection=LINKEDIN):
    return {"due": due(connection), "look": look, "credential_version": 3, "now": at}


def test_a_post_that_is_found_is_published_with_its_real_id():
    (given(delivery, started(), BUSY)
        .when(settling.look, **seeing(Found(ID, URL), AT_40))
        .then(looked(1, True).model_copy(update={"channel_post_id": ID, "url": URL}), found_by("look_up")))  # fmt: skip


def test_a_weak_list_is_looked_at_twice_before_absence_counts():
    given(delivery, started(), BUSY).when(settling.look, **seeing(Absent(), AT_40)).then(looked(1, False, AT_55))


def test_absent_twice_the_next_try_is_at_one_minute_on_a_channel_with_a_short_lag():
    """S29: LinkedIn settles within 55 s, so the first retry is at 1:00 from the answer."""
    (given(delivery, started(), BUSY, looked(1, False, AT_55))
        .when(settling.look, **seeing(Absent(), AT_55))
        .then(looked(2, False), failed(attempt=1, tries=1, retry_at=NINE + MINUTE)
            .model_copy(update={"code": "503", "http_status": 503, "detail": ""})))  # fmt: skip


def test_on_a_slower_channel_the_first_retry_waits_until_its_settling_ends():
    """S29: Facebook settles 100 s."""
    settled = NINE + 100 * SECOND
    busy = unclear(look_at=NINE + 85 * SECOND)
    said = settling.look(
        given(delivery, started(FACEBOOK), busy, looked(1, False, settled)).state,
        **seeing(Absent(), settled, FACEBOOK),
    )
    assert said[1].retry_at == settled


def test_an_exact_channel_is_looked_at_once_and_the_wait_stays_one_minute():
    said = settling.look(given(delivery, started(BLOG), unclear(look_at=NINE)).state, **seeing(Absent(), NINE, BLOG))
    assert [each.type for each in said] == ["publisher.looked_up", "publisher.attempt_failed"]
    assert said[1].retry_at == NINE + MINUTE


def test_two_looks_are_apart_even_when_the_first_came_late():
    late = NINE + 10 * MINUTE
    given(delivery, started(), BUSY).when(settling.look, **seeing(Absent(), late)).then(
        looked(1, False, late + 15 * SECOND)
    )


def test_absent_after_the_last_try_the_post_has_failed():
    said = settling.look(
        given(delivery, started(tries=3), BUSY, looked(1, False, AT_55)).state, **seeing(Absent(), AT_55)
    )
    assert isinstance(said[-1], PostFailed)
    assert (said[-1].kind, said[-1].tries, said[1].retry_at) == ("transient", 4, None)


def test_a_duplicate_that_is_nowhere_fails_with_its_code():
    """F9: the channel would refuse it again, and shows it nowhere."""
    twin = unclear(look_at=AT_40, status=422, code="DUPLICATE", duplicate=True)
    (given(delivery, started(), twin, looked(1, False, AT_55))
        .when(settling.look, **seeing(Absent(), AT_55))
        .then(looked(2, False), PostFailed(round=1, kind="duplicate", code="DUPLICATE", http_status=422, tries=1,
            action="edit", sentence=SENTENCES["duplicate"][0].format(channel="LinkedIn"))))  # fmt: skip


@pytest.mark.parametrize("tier", ["C", "R"])
def test_where_absence_is_no_proof_a_person_decides_with_the_evidence(tier):
    fair = started().model_copy(update={"tier": tier})
    said = settling.look(
        given(delivery, fair, BUSY, looked(1, False, AT_55)).state, **seeing(Absent(), AT_55)
    )  # fmt: skip
    assert isinstance(said[-1], OutcomeUnknown)
    assert "2026-11-23 09:00:00" in said[-1].evidence
    assert MARKER in said[-1].evidence
    assert delivery.next_step(given(delivery, fair, BUSY, *said).state, AT_55) == delivery.Rest("person")


def test_a_look_that_fails_proves_nothing_and_is_repeated_after_1_5_and_25_minutes():
    facts, at = [started(), BUSY], AT_40
    for number, minutes in enumerate((1, 5, 25), start=1):
        said = settling.look(given(delivery, *facts).state, **seeing(LookFailed("500", "busy"), at))
        assert said == [looked(number, None, at + minutes * MINUTE, detail="500: busy")]
        facts, at = [*facts, *said], at + minutes * MINUTE
    said = settling.look(given(delivery, *facts).state, **seeing(LookFailed("500", "busy"), at))
    assert isinstance(said[-1], OutcomeUnknown)


def test_a_limited_look_waits_as_long_as_told():
    until = AT_40 + 20 * MINUTE
    given(delivery, started(), BUSY).when(settling.look, **seeing(LookFailed("429", until=until), AT_40)).then(
        looked(1, None, until, detail="429")
    )


def test_a_look_with_a_refused_grant_asks_for_a_refresh_and_leaves_the_attempt_open():
    said = settling.look(
        given(delivery, started(), BUSY).state,
        **{**seeing(LookFailed("401", auth=True), AT_40), "credential_version": 5},
    )
    assert said == [
        CredentialRefused(round=1, attempt=1, connection=LINKEDIN, credential_version=5, code="401"),
        looked(1, None, AT_40 + MINUTE, detail="401"),
    ]
    state = given(delivery, started(), BUSY, *said).state
    assert delivery.next_step(state, AT_40) == delivery.Wait(AT_40 + MINUTE)


def test_an_attempt_left_open_by_a_crash_settles_from_its_send_deadline():
    """F2, F3: nobody recorded an answer, so 20 s of possible sending come first."""
    deadline = NINE + 20 * SECOND
    (given(delivery, started())
        .when(settling.abandoned, now=NINE + MINUTE)
        .then(unclear(at=deadline, look_at=deadline + 40 * SECOND, status=None, code="no_answer")
            .model_copy(update={"detail": "The answer was never recorded."})))  # fmt: skip


def test_an_attempt_in_flight_is_not_abandoned():
    given(delivery, started()).when(settling.abandoned, now=NINE + 59 * SECOND).then()
    given(delivery, started(), BUSY).when(settling.abandoned, now=NINE + MINUTE).then()
    given(delivery).when(settling.abandoned, now=NINE + MINUTE).then()


# A person's verdict

UNKNOWN = OutcomeUnknown(round=1, attempt=1, evidence="seen nowhere")
VERDICT = {"due": due(), "channel_post_id": ID, "url": URL, "now": AT_55}


def test_a_person_may_say_that_it_is_live():
    (given(delivery, started(), BUSY, UNKNOWN)
        .when(settling.settle_asked, verdict="published", **VERDICT)
        .then(found_by("person")))  # fmt: skip


@pytest.mark.parametrize(
    ("connection", "ids", "others"),
    [
        (
            LINKEDIN,
            [ID, "urn:li:ugcPost:7"],
            ["has space", "7", "urn:li:share:", "urn:li:share:7 ", "urn:li:share:\u0667"],
        ),
        ("acme.x", ["1861000000000000001"], ["has space", ID, "-1"]),
        (BLOG, ["417"], ["has space", "https://blog.example/?p=417"]),
        (FACEBOOK, ["1_2", "has space"], []),
    ],
)
def test_an_id_that_the_channel_never_gives_is_named_with_one_that_it_does(connection, ids, others):
    """Of a channel whose ids are not known to us every one is believed, and so is an address alone."""
    assert [settling.no_id(connection, each) for each in (*ids, None)] == [None] * (len(ids) + 1)
    for each in others:
        no = settling.no_id(connection, each)
        assert no, each
        example = no.partition("looks like ")[2].partition(". ")[0]
        assert settling.no_id(connection, example) is None


def test_a_person_may_have_it_sent_again():
    (given(delivery, started(), BUSY, UNKNOWN)
        .when(settling.settle_asked, verdict="send_again", **VERDICT)
        .then(DeliveryReturned(round=1, reason="send_again", tries=0)))  # fmt: skip


def test_without_an_unknown_outcome_there_is_nothing_to_judge():
    given(delivery, started(), BUSY).when(settling.settle_asked, verdict="published", **VERDICT).then()
    given(delivery, started(), BUSY, UNKNOWN, found_by("person")).when(
        settling.settle_asked, verdict="send_again", **VERDICT
    ).then()
