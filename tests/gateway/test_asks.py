"""What people ask of one post: said as a fact, decided by its owner, answered here (I16, S28, S30, S35)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from events import (
    AskRefused,
    CancelAsked,
    Content,
    EditAsked,
    Media,
    PostCancelled,
    PostEdited,
    PostPublished,
    PostScheduled,
    RescheduleAsked,
    RetryAsked,
    SettleAsked,
    Slot,
    Why,
)
from events.subjects import answer_stream, delivery_stream, post_stream
from tests.gateway.house import NINE, while_nobody_answers

STORY = "acme.spring"
SLOT = Slot(at=NINE, local="2026-11-24T10:00", zone="Europe/Berlin")
SCHEDULED = PostScheduled(connection="acme.linkedin", slot=SLOT, why=Why(mode="best_practice"))


def answering(fact, stream=post_stream):
    return lambda told: [(stream(told.story), fact)]


def refusing(code, reason="No."):
    return lambda told: [(answer_stream(told.id), AskRefused(code=code, reason=reason))]


async def asked(house, ask=0):
    """The n-th ask in the log."""
    return [told for told in await house.store.tail(0, 1000) if told.stream.startswith("asking-")][ask]


async def test_a_cancel_is_answered_once_the_scheduler_has_said_so(house, owner):
    await house.post()
    house.answers = answering(PostCancelled())
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/cancel", {"reason": "not now"})
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["status"]) == (STORY, "cancelled")
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"' == '"2.0"'


async def test_the_ask_carries_who_asked_for_what_and_nothing_as_its_cause(house, owner):
    await house.post()
    house.answers = answering(PostCancelled())
    await owner.ask("POST", f"/v1/posts/{STORY}/cancel", {"reason": "not now"}, version="1.0")
    told = await asked(house)
    assert told.fact == CancelAsked(post=STORY, body_hash=told.fact.body_hash, expected="1.0", reason="not now")
    assert (told.about.story, told.about.account, told.about.channel) == (STORY, "acme", "linkedin")
    assert (told.about.actor, told.about.cause) == (f"key:{owner.key[3:11]}", None)


@pytest.mark.parametrize(
    ("code", "status"),
    [("already_started", 409), ("not_failed", 409), ("stale", 412), ("too_long", 422), ("a_new_code", 409)],
)
async def test_a_no_is_the_deciders_own_with_its_reason(house, owner, code, status):
    await house.post()
    house.answers = refusing(code, "text has 3,100 characters; linkedin takes 3,000.")
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/retry")
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["detail"] == "text has 3,100 characters; linkedin takes 3,000."


async def test_an_ask_nobody_decides_in_five_seconds_is_only_asked(house, owner):
    """202 promises nothing (D18); the clock stands still meanwhile (D7)."""
    await house.post()
    answer = await while_nobody_answers(house, owner.ask("POST", f"/v1/posts/{STORY}/cancel", once="k1"))
    assert answer.status_code == 202
    assert answer.json() == {"asked": (await asked(house)).id}
    assert await house.in_flight() is None


async def test_the_same_request_later_hears_what_became_of_it(house, owner):
    await house.post()
    await while_nobody_answers(house, owner.ask("POST", f"/v1/posts/{STORY}/cancel", once="k1"))
    told = await asked(house)
    await house.say(post_stream(STORY), PostCancelled(), cause=told)
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/cancel", once="k1")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_what_somebody_else_brought_about_is_no_answer(house, owner):
    await house.post()
    other = await house.say(post_stream(STORY), SCHEDULED, story=STORY)
    house.answers = lambda told: []
    await house.say(delivery_stream(STORY), PostCancelled(), cause=other)
    answer = await while_nobody_answers(house, owner.ask("POST", f"/v1/posts/{STORY}/cancel"))
    assert answer.status_code == 202


async def test_a_move_is_either_exact_or_not_before(house, owner):
    await house.post()
    house.answers = answering(SCHEDULED)
    for body in ({"at": "2026-11-25T09:00:00+01:00"}, {"not_before": "2026-11-25T08:00:00Z"}):
        assert (await owner.ask("POST", f"/v1/posts/{STORY}/reschedule", body)).status_code == 200
    eight = datetime(2026, 11, 25, 8, tzinfo=UTC)
    first, second = (await asked(house)).fact, (await asked(house, 1)).fact
    assert isinstance(first, RescheduleAsked)
    assert isinstance(second, RescheduleAsked)
    assert (first.at, first.not_before, second.at, second.not_before) == (eight, None, None, eight)


@pytest.mark.parametrize(
    "body", [{}, {"at": "2026-11-25T09:00:00Z", "not_before": "2026-11-25T09:00:00Z"}, {"at": "2026-11-25T09:00:00"},
             {"at": "tomorrow"}, {"when": "2026-11-25T09:00:00Z"}],
)  # fmt: skip
async def test_a_move_to_nowhere_clear_is_refused(house, owner, body):
    await house.post()
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/reschedule", body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("field", ["at", "not_before"])
@pytest.mark.parametrize(
    ("value", "mend"),
    [
        (1795600800, "as in 2026-11-25T09:00:00Z"),
        (True, "as in 2026-11-25T09:00:00Z"),
        ("1795600800", "as in 2026-11-25T09:00:00Z"),
        ("2026-11-25T09:00:00", "write a time with its offset, as in 2026-11-25T09:00:00Z"),
        ("2026-11-25T09", "as in 2026-11-25T09:00:00Z"),
        ("2026-13-25T09:00:00Z", "as in 2026-11-25T09:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "1970"),
        ("0001-01-01T00:00:00Z", "1970"),
        ("9999-12-31T23:59:59-12:00", "1970"),
    ],
)
async def test_a_time_that_nobody_can_mean_is_refused_by_name(house, owner, field, value, mend):
    await house.post()
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/reschedule", {field: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    (wrong,) = answer.json()["errors"]
    assert wrong["field"] == field
    assert mend in wrong["detail"]


async def test_an_edit_names_only_what_changes(house, owner):
    await house.post()
    house.answers = answering(PostEdited(content=Content(text="New"), content_hash="b2"))
    media = {"kind": "image", "url": "https://acme.example/a.png", "alt": "A"}
    await owner.ask("PATCH", f"/v1/posts/{STORY}", {"text": "New", "media": [media]})
    fact = (await asked(house)).fact
    assert isinstance(fact, EditAsked)
    assert (fact.text, fact.title, fact.link, fact.content) == ("New", None, None, None)
    assert fact.media == (Media(**media),)


async def test_null_takes_a_link_away_and_carries_the_whole_content(house, owner):
    await house.post()
    house.answers = answering(PostEdited(content=Content(text="Spring!"), content_hash="b2"))
    await owner.ask("PATCH", f"/v1/posts/{STORY}", {"link": None, "title": "T"})
    fact = (await asked(house)).fact
    assert isinstance(fact, EditAsked)
    assert fact.content == Content(text="Spring!", title="T", link=None)
    assert fact.expected == "1.0"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"text": None}, "text"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"status": "published"}, "status"),
        ({"account": "globex"}, "account"),
        ({"media": [{"kind": "image", "url": "file:///etc/passwd"}]}, "media.0.url"),
    ],
)
async def test_an_edit_of_anything_else_is_refused_by_name(house, owner, body, field):
    await house.post()
    answer = await owner.ask("PATCH", f"/v1/posts/{STORY}", body)
    assert answer.status_code == 422
    assert field is None or field in [each["field"] for each in answer.json()["errors"]]


async def test_an_edit_to_what_it_says_already_needs_nobodys_decision(house, owner):
    await house.post()
    answer = await owner.ask("PATCH", f"/v1/posts/{STORY}", {"text": "Spring!"})
    assert (answer.status_code, answer.json()["id"]) == (200, STORY)


async def test_an_unknown_outcome_is_settled_by_the_publisher(house, owner):
    await house.post()
    published = PostPublished(
        round=1, attempt=1, connection="acme.linkedin", channel_post_id="urn:1", published_at=NINE, content_hash="a1",
        marker="d1", tries=1, found_by="person",
    )  # fmt: skip
    house.answers = answering(published, delivery_stream)
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/settle", {"as": "published", "channel_post_id": "urn:1"})
    assert (answer.status_code, answer.json()["status"]) == (200, "published")
    assert answer.headers["etag"] == '"1.1"'
    fact = (await asked(house)).fact
    assert isinstance(fact, SettleAsked)
    assert (fact.verdict, fact.channel_post_id) == ("published", "urn:1")


async def test_published_without_saying_where_is_refused_at_the_door(house, owner):
    await house.post()
    answer = await owner.ask("POST", f"/v1/posts/{STORY}/settle", {"as": "published"})
    assert (answer.status_code, answer.json()["code"]) == (422, "where_is_it")


async def test_a_post_that_is_not_there_cannot_be_asked_for(house, owner):
    tomorrow = {"not_before": "2026-11-25T09:00:00Z"}
    for path, body in (("cancel", None), ("retry", None), ("reschedule", tomorrow), ("settle", {"as": "send_again"})):
        answer = await owner.ask("POST", f"/v1/posts/acme.nothing/{path}", body)
        assert answer.status_code == 404
    assert (await owner.ask("PATCH", "/v1/posts/acme.nothing", {"text": "T"})).status_code == 404
    assert await house.store.position() == 2


async def test_a_retry_is_asked_as_one(house, owner):
    await house.post()
    house.answers = answering(SCHEDULED)
    assert (await owner.ask("POST", f"/v1/posts/{STORY}/retry", version="1.0")).status_code == 200
    told = await asked(house)
    assert told.fact == RetryAsked(post=STORY, body_hash=told.fact.body_hash, expected="1.0")


@pytest.mark.parametrize(("tags", "held_to"), [('"0.9", "1.0"', "1.0"), ('"1.0", "2.0"', "1.0"), ('"8", "9"', "8")])
async def test_of_several_versions_the_one_that_is_there_is_relied_on(house, owner, tags, held_to):
    await house.post()
    house.answers = answering(PostCancelled())
    assert (await owner.ask("POST", f"/v1/posts/{STORY}/cancel", **{"if-match": tags})).status_code == 200
    assert (await asked(house)).fact.expected == held_to
