"""How a slot was chosen, in a sentence: true of every reason that the planner writes (S21)."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from events import (
    AccountChanged,
    AccountDocument,
    ApprovalRefused,
    CancelAsked,
    Content,
    EditAsked,
    PostCancelled,
    PostHeld,
    PostRejected,
    PostTakenIn,
    RescheduleAsked,
    RetryAsked,
    UndoAsked,
)
from events.subjects import account_stream, approval_stream, name_of, post_stream, story_of
from services.gateway.views import queue
from services.gateway.views.words import why
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, LINKEDIN, MINUTE, MONDAY, POST, STORY, TEN, failed, published, started

MIDNIGHT = MONDAY + timedelta(hours=16)
EVENINGS = {"linkedin": {day: ["19:00"] for day in ("mon", "tue", "wed", "thu", "fri")}}


@pytest.fixture
async def house() -> House:
    """One post with its slot on Monday at ten."""
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.send(message())
    return house


async def told(house: House, post: str = POST) -> dict[str, Any]:
    facts = await house.store.read(post_stream(story_of(ACME, post)))
    return dict(why(reduce(queue.evolve, facts, queue.initial)))


async def said(house: House, post: str = POST) -> str:
    return (await told(house, post))["sentence"]


async def moved_by(house: House, days: int) -> str:
    return name_of((await house.ask(RescheduleAsked(post=POST, body_hash="b", not_before=TEN + days * DAY))).stream)


async def zone(house: House, name: str, keep: Any, **choices: Any) -> None:
    document = AccountDocument(id=ACME, zone=name, **choices)
    await house.say(account_stream(ACME), AccountChanged(document=document, keep=keep), account=ACME)
    await house.settle()


async def test_without_a_wish_it_is_the_first_free_slot_in_the_window(house):
    assert await said(house) == (
        "Monday 23 November 2026, 10:00 in UTC: the first free slot in the window 10:00-12:00, which suits LinkedIn by "
        "Best Practice."
    )
    assert (await told(house))["not_before"] is None


async def test_a_wish_not_to_go_out_before_is_named_as_data_and_in_the_zone_of_the_slot(house):
    await zone(house, "Europe/Berlin", "wall_clock")
    await house.send(message("later", not_before="2026-12-09T10:10:00Z"))
    assert await said(house, "later") == (
        "Wednesday 9 December 2026, 11:30 in Europe/Berlin: the first free slot not before Wednesday 9 December 2026, "
        "11:10, as was asked, in the window 09:00-12:00, which suits LinkedIn by Best Practice."
    )
    assert (await told(house, "later"))["not_before"] == "2026-12-09T10:10:00Z"


async def test_a_post_that_a_person_has_moved_stands_there_because_it_was_asked_not_to_go_out_before(house):
    """Earlier slots were free."""
    await moved_by(house, 1)
    assert await said(house) == (
        "Tuesday 24 November 2026, 10:00 in UTC: the first free slot not before Tuesday 24 November 2026, 10:00, as "
        "was asked, in the window 09:00-12:00, which suits LinkedIn by Best Practice. (moved)"
    )


async def test_a_wish_is_named_among_an_account_s_own_times_too(house):
    await house.account(mode="custom", times=EVENINGS)
    await house.settle()
    await moved_by(house, 1)
    assert await said(house) == (
        "Tuesday 24 November 2026, 19:00 in UTC: the first time still free among the account's own times for LinkedIn "
        "not before Tuesday 24 November 2026, 10:00, as was asked. (moved)"
    )


async def test_what_an_undo_puts_back_was_not_chosen_among_the_times_of_now(house):
    change = await moved_by(house, 1)
    await house.account(mode="custom", times=EVENINGS)
    await house.settle()
    await house.ask(UndoAsked(post=POST, body_hash="b", bulk=change))
    assert await said(house) == (
        "Monday 23 November 2026, 10:00 in UTC: the slot it had before the change, which was put back. (undone)"
    )


async def test_where_the_slot_of_before_is_taken_an_undo_chooses_anew(house):
    cancelled = await house.ask(CancelAsked(post=POST, body_hash="b"))
    await house.send(message("newcomer"))
    await house.ask(UndoAsked(post=POST, body_hash="b", bulk=name_of(cancelled.stream)))
    assert "10:30 in UTC: the first free slot in the window 10:00-12:00" in await said(house)


async def test_an_undo_after_a_change_of_zone_says_what_was_kept_of_the_slot(house):
    change = await moved_by(house, 3)
    await zone(house, "America/New_York", "wall_clock")
    await house.ask(UndoAsked(post=POST, body_hash="b", bulk=change))
    assert await said(house) == (
        "Monday 23 November 2026, 10:00 in America/New_York: the slot it had before the change, which was put back. "
        "(undone; the zone is America/New_York now, and the wall clock was kept)"
    )


@pytest.mark.parametrize("choices", [{}, {"mode": "custom", "times": EVENINGS}])
@pytest.mark.parametrize(("keep", "words"), [("instant", "instant"), ("wall_clock", "wall clock")])
async def test_what_a_change_of_zone_kept_was_not_chosen_again(keep, words, choices):
    """It is Saturday, and Monday is still to come in both zones."""
    house = House(MONDAY - 2 * DAY)
    await house.account(**choices)
    await house.connect(LINKEDIN)
    await house.send(message())
    await zone(house, "Asia/Tokyo", keep, **choices)
    sentence = await said(house)
    assert " in Asia/Tokyo: the slot it had, which was kept." in sentence
    assert sentence.endswith(f"(the zone is Asia/Tokyo now, and the {words} was kept)")


async def test_a_post_that_a_late_one_has_moved_on_stands_after_the_slot_it_had(house):
    """One a day, and Monday's last one is out on Tuesday: Tuesday's post has the next slot after its own (S17a)."""
    times = {"linkedin": {"mon": ["23:45"], "tue": ["09:00"], "wed": ["08:00", "09:00"]}}
    await house.account(mode="custom", times=times, caps={"linkedin": {"posts_per_day_max": 1}})
    await house.settle()
    await house.send(message("next"))
    await house.until(MIDNIGHT + 10 * MINUTE)
    late = published(at=MIDNIGHT + 10 * MINUTE, slot_at=MIDNIGHT - 15 * MINUTE)
    await house.deliver(POST, started(at=MIDNIGHT), late)
    assert await said(house, "next") == (
        "Wednesday 25 November 2026, 08:00 in UTC: the first time still free among the account's own times for "
        "LinkedIn after the one it had. One earlier slot was looked at and not taken: 2026-11-24 09:00 was over the "
        "cap of 1 posts a day. (over the cap; no time was left on 2026-11-24)"
    )


async def test_a_retry_that_the_cap_allows_is_said_to_be_at_once(house):
    await house.until(TEN)
    await house.deliver(POST, started(), failed())
    await house.ask(RetryAsked(post=POST, body_hash="b"))
    assert await said(house) == (
        "Monday 23 November 2026, 10:00 in UTC: at once, because somebody asked for it. (retry)"
    )


async def test_a_time_that_was_asked_for_is_exactly_that(house):
    await house.send(message("exact", exactly_at=(TEN + timedelta(minutes=7)).isoformat()))
    assert await said(house, "exact") == ("Monday 23 November 2026, 10:07 in UTC: exactly the time that was asked for.")


# What has no slot, or none any more.

ALREADY = "Monday 23 November 2026, 10:00 in UTC: the first free slot in the window 10:00-12:00, which suits LinkedIn"


@pytest.mark.parametrize(
    ("given", "reason"), [({"reason": "The campaign is over."}, ": The campaign is over."), ({}, ".")]
)
async def test_a_cancelled_post_says_so_and_why_before_it_tells_of_the_slot_it_had(house, given, reason):
    await house.ask(CancelAsked(post=POST, body_hash="b", **given))
    assert await said(house) == (f"It was cancelled{reason} The slot it had was {ALREADY} by Best Practice.")


async def test_a_cancel_that_was_undone_is_no_reason_any_more(house):
    cancelled = await house.ask(CancelAsked(post=POST, body_hash="b", reason="A mistake."))
    await house.ask(UndoAsked(post=POST, body_hash="b", bulk=name_of(cancelled.stream)))
    assert "cancelled" not in await said(house)


async def test_a_rejected_post_says_who_has_rejected_it_and_with_which_words(house):
    await house.account(approval={"required": True})
    await house.send(message("gated"))
    story = story_of(ACME, "gated")
    assert await said(house, "gated") == "No slot is chosen before the post is approved."
    await house.say(approval_stream(story), ApprovalRefused(comment="Not our tone."), story=story, account=ACME)
    await house.settle()
    assert await said(house, "gated") == "It was rejected by test: Not our tone."


async def test_a_rejected_post_says_who_has_rejected_it_before_it_is_returned(house):
    """The gateway has said so, and the scheduler has yet to follow."""
    gated = PostTakenIn(post="gated", connection=LINKEDIN, content=Content(text="How"), content_hash="c",
                        approval_required=True)  # fmt: skip
    story = story_of(ACME, "gated")
    await house.say(post_stream(story), gated, ApprovalRefused(comment="Not our tone."), story=story, account=ACME)
    assert await said(house, "gated") == "It was rejected by test: Not our tone."


async def test_the_reason_of_a_cancel_that_was_undone_is_none_of_a_rejection(house):
    again = PostHeld(connection=LINKEDIN, reason="not_approved")
    await house.say(post_stream(STORY), PostCancelled(reason="A mistake."), again, PostRejected(), account=ACME)
    assert (await said(house)).startswith("It was rejected.")


async def test_what_was_refused_at_the_door_says_its_code_and_its_sentence_until_it_is_edited(house):
    await house.send(message("long", text="a" * 3001))
    refused = await said(house, "long")
    assert refused.startswith("It was refused before it took a slot (text_too_long): ")
    assert "3,000" in refused
    await house.ask(EditAsked(post="long", body_hash="b", text="Short."))
    assert await said(house, "long") == (
        "It was refused before it took a slot (text_too_long): The content was changed since it failed. Try again."
    )


async def test_what_waits_for_a_channel_nobody_can_connect_is_not_told_to_connect_it(house):
    """X can be connected, so there it helps."""
    for channel in ("facebook", "x"):
        await house.send(message(f"for-{channel}", channel=channel))
    assert await said(house, "for-facebook") == (
        "It has no slot now. This house has no way to speak to Facebook yet, so it cannot be connected; the post waits."
    )
    assert (await said(house, "for-x")).endswith("Connect it, and the post is planned.")
