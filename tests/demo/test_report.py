"""The demo's verdict fails when the outside world and the file disagree, whatever the house says of itself."""

from __future__ import annotations

import pytest

from services.demo.report import judge
from services.demo.week import Approved


def approved(number: int, channel: str = "linkedin", ends: str = "published", code: str | None = None) -> Approved:
    data = {"account": "acme", "post": f"p{number}", "channel": channel, "text": f"Story number {number}."}
    return Approved.model_validate({"at": "2026-11-23T08:00:00Z", "post": {"data": data}, "ends": ends, "code": code})


def item(number: int, status: str = "published", code: str | None = None, channel: str = "linkedin") -> dict:
    return {"status": status, "reason": None, "channel": channel, "error": {"code": code} if code else None}


def on_channel(number: int) -> dict:
    return {"id": str(number), "text": f"Story number {number}.\nhttps://acme.example/?utm_content=m{number}"}


def told(*types: str) -> list[dict]:
    return [{"type": f"publisher.{each}"} for each in types]


@pytest.fixture
def week():
    return {
        "posts": [approved(1), approved(2), approved(3, ends="failed", code="ACCESS_DENIED")],
        "books": {"linkedin": [on_channel(1), on_channel(2)]},
        "items": {"acme.p1": item(1), "acme.p2": item(2), "acme.p3": item(3, "failed", "ACCESS_DENIED")},
        "timelines": {"acme.p2": told("attempt_started", "rate_limited", "attempt_started", "attempt_failed")},
        "parked": [],
        "weights": {},
    }


def test_a_week_that_went_as_the_file_says_is_good(week):
    verdict = judge(**week)
    assert verdict.good
    [line] = verdict.channels
    assert (line.published, line.retried, line.limited, line.held, line.objects) == (2, 1, 1, 0, 2)
    assert line.failed == {"ACCESS_DENIED": 1}


def test_an_unclear_outcome_is_no_retry_and_a_second_attempt_is_one(week):
    """What was looked up and found was sent once, and a failure that was the end was not tried again."""
    week["timelines"] = {
        "acme.p1": told("attempt_started", "attempt_unclear", "looked_up", "post_published"),
        "acme.p2": told("attempt_started", "attempt_unclear", "looked_up", "attempt_started", "post_published"),
        "acme.p3": told("attempt_started", "attempt_failed", "post_failed"),
    }
    assert judge(**week).channels[0].retried == 1


def test_a_post_that_stands_twice_is_named(week):
    week["books"]["linkedin"].append(on_channel(2))
    assert judge(**week).twice == ["acme.p2 stands 2 times on linkedin"]


def test_a_dropped_object_is_lost(week):
    week["books"]["linkedin"].pop()
    assert judge(**week).lost == ["acme.p2 is not on linkedin"]


def test_a_deleted_object_is_lost_too(week):
    week["books"]["linkedin"][0]["deleted"] = True
    assert judge(**week).lost == ["acme.p1 is not on linkedin"]


def test_a_planted_extra_object_is_stray(week):
    week["books"]["linkedin"].append({"id": "9", "text": "Buy gold."})
    [stray] = judge(**week).stray
    assert "nobody approved" in stray


def test_a_post_that_should_have_failed_and_is_live_is_stray(week):
    week["books"]["linkedin"].append(on_channel(3))
    assert judge(**week).stray == ["acme.p3 is on linkedin and should end failed"]


def test_a_changed_end_and_a_changed_code_are_named(week):
    week["posts"][0] = approved(1, ends="cancelled")
    week["posts"][2] = approved(3, ends="failed", code="OTHER")
    assert judge(**week).wrong == [
        "acme.p1 ended published (None), and the file says cancelled",
        "acme.p3 failed with ACCESS_DENIED, and the file says OTHER",
    ]


def test_a_message_parked_for_another_reason_is_named(week):
    week["posts"].append(approved(4, channel="fax", ends="parked", code="unknown_channel"))
    week["parked"] = [{"code": "oversize"}]
    [wrong] = judge(**week).wrong
    assert "oversize" in wrong
    assert "unknown_channel" in wrong


def test_a_post_the_file_never_named_is_wrong(week):
    week["items"]["acme.p9"] = item(9)
    assert judge(**week).wrong == ["acme.p9 is in the queue and not in the file"]
