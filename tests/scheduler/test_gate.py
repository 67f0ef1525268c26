"""The gate: no slot before the very content is approved; what is refused goes back with its thread (S38 to S41)."""

from __future__ import annotations

import pytest

from events import (
    ApprovalAsked,
    ApprovalGiven,
    ApprovalRefused,
    CancelAsked,
    EditAsked,
    PostCommented,
    PostDue,
    PostRejected,
    PostScheduled,
    RescheduleAsked,
    SlotFreed,
    SlotTaken,
    UndoAsked,
)
from events.subjects import approval_stream
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, LINKEDIN, MONDAY, POST, STORY, TEN, returned, started

BODY = {"post": POST, "body_hash": "b1"}


@pytest.fixture
async def house() -> House:
    """One post awaiting approval."""
    house = House()
    await house.account(approval={"required": True})
    await house.connect(LINKEDIN)
    await house.settle()
    await house.send(message())
    return house


async def approval(house: House, *facts) -> None:
    await house.say(approval_stream(STORY), *facts, story=STORY, account=ACME)
    await house.settle()


async def hash_now(house: House) -> str:
    return [fact.content_hash for fact in await house.post() if hasattr(fact, "content_hash")][-1]


async def approve(house: House) -> None:
    await approval(house, ApprovalGiven(content_hash=await hash_now(house)))


async def test_s40_approved_it_takes_the_next_slot(house):
    await house.until(TEN)
    await approve(house)
    scheduled = await house.last()
    assert (scheduled.slot.local, scheduled.why.reason) == ("2026-11-23T10:30", "approved")


async def test_s40_an_approval_of_other_content_gives_no_slot(house):
    await approval(house, ApprovalGiven(content_hash="of-something-else"))
    assert await house.story() == ["PostTakenIn"]


async def test_s40_approved_twice_it_has_one_slot(house):
    await approve(house)
    await approve(house)
    assert await house.story() == ["PostTakenIn", "PostScheduled"]


async def test_s40_an_edit_asks_again_and_gives_the_slot_back(house):
    await approve(house)
    await house.ask(EditAsked(**BODY, text="Mended"))
    assert [freed.why for freed in await house.said(SlotFreed)] == ["edited"]
    assert await house.alarms() == []
    await approval(house, ApprovalAsked(content_hash=await hash_now(house)))
    await house.until(MONDAY + DAY)
    assert await house.story() == ["PostTakenIn", "PostScheduled", "PostEdited"]
    await approve(house)
    await house.until(MONDAY + 2 * DAY)
    due = await house.last()
    assert isinstance(due, PostDue)
    assert due.content.text == "Mended"


async def test_s40_an_edit_between_two_attempts_waits_for_approval_too(house):
    await approve(house)
    await house.until(TEN)
    await house.ask(EditAsked(**BODY, text="Mended"))
    await house.deliver(POST, returned("withdrawn"))
    assert await house.story() == ["PostTakenIn", "PostScheduled", "PostDue", "PostEdited"]
    await approve(house)
    assert isinstance(await house.last(), PostScheduled)


async def test_s41_a_refusal_goes_back_to_production_with_the_whole_thread(house):
    await approval(house, PostCommented(text="Is this true?"), ApprovalRefused(comment="Too loud"))
    rejected = await house.last()
    assert isinstance(rejected, PostRejected)
    assert [(comment.by, comment.text) for comment in rejected.comments] == [
        ("test", "Is this true?"), ("test", "Too loud"),
    ]  # fmt: skip


async def test_s41_a_refusal_of_what_has_a_slot_gives_it_back(house):
    await approve(house)
    await approval(house, ApprovalRefused(comment="No"))
    assert isinstance(await house.last(), PostRejected)
    assert [freed.why for freed in await house.said(SlotFreed)] == ["cancelled"]
    await house.until(MONDAY + DAY)
    assert await house.said(PostDue) == []


async def test_s41_what_is_on_its_way_cannot_be_called_back(house):
    await approve(house)
    await house.until(TEN)
    await house.deliver(POST, started())
    await approval(house, ApprovalRefused(comment="No"))
    assert isinstance(await house.last(), PostDue)


async def test_what_awaits_approval_gets_no_slot_by_any_other_door(house):
    for ask in (RescheduleAsked(**BODY, at=TEN), UndoAsked(**BODY, bulk="b")):
        assert await house.answer(await house.ask(ask)) is not None
    await house.connect(LINKEDIN)
    await house.account(approval={"required": False}, zone="Europe/Berlin")
    await house.settle()
    assert await house.story() == ["PostTakenIn"]
    assert await house.said(SlotTaken) == []


async def test_what_awaits_approval_can_be_cancelled(house):
    await house.ask(CancelAsked(**BODY))
    await approve(house)
    assert await house.story() == ["PostTakenIn", "PostCancelled"]


async def test_a_held_post_that_was_edited_waits_for_its_approval_even_when_the_channel_is_back(house):
    await approve(house)
    await house.disconnect()
    await house.until(TEN)
    await house.ask(EditAsked(**BODY, text="Mended"))
    await house.connect(LINKEDIN)
    await house.settle()
    assert (await house.story())[-2:] == ["PostHeld", "PostEdited"]
    await approve(house)
    assert isinstance(await house.last(), PostScheduled)


async def test_a_gated_post_for_a_channel_that_is_not_connected_is_held_once_approved(house):
    await house.send(message("film", channel="facebook"))
    story = "acme.film"
    hashed = (await house.last("film")).content_hash
    await house.say(approval_stream(story), ApprovalGiven(content_hash=hashed), story=story, account=ACME)
    await house.settle()
    assert await house.story("film") == ["PostTakenIn", "PostHeld"]
    await house.connect("acme.facebook")
    await house.settle()
    assert isinstance(await house.last("film"), PostScheduled)


async def test_approving_an_older_content_as_well_takes_nothing_back():
    """Found by the simulation: the post was held until its channel came, and stayed held when it was there."""
    house = House()
    await house.account(approval={"required": True})
    await house.settle()
    await house.send(message())
    await house.until(TEN)
    await approve(house)
    await approval(house, ApprovalGiven(content_hash="an-older-content"))
    await house.connect(LINKEDIN)
    await house.settle()
    assert isinstance(await house.last(), PostScheduled)
