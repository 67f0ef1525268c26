"""Taking a change back: only the change that is meant, and the post stands as it stood before it (S25)."""

from __future__ import annotations

from typing import Any

from events import (
    AccountChanged,
    AccountDocument,
    ApprovalGiven,
    CancelAsked,
    PostCancelled,
    PostDue,
    PostHeld,
    PostMissed,
    PostScheduled,
    RescheduleAsked,
    RetryAsked,
    Told,
    UndoAsked,
)
from events.subjects import account_stream, approval_stream, name_of, story_of
from services.scheduler.post import hash_of
from tests.scheduler.house import House, message
from tests.scheduler.posts import (
    ACME,
    CONTENT,
    DAY,
    HOUR,
    LINKEDIN,
    MINUTE,
    MONDAY,
    POST,
    TEN,
    attempt_failed,
    failed,
    returned,
    started,
)


async def cancel(house: House, post: str = POST, **more: Any) -> Told:
    return await house.ask(CancelAsked(post=post, body_hash="b", **more))


async def move(house: House, days: int) -> Told:
    return await house.ask(RescheduleAsked(post=POST, body_hash="b", not_before=MONDAY + days * DAY))


async def undo(house: House, change: Told, post: str = POST) -> Told:
    """The ask that takes back whatever was asked together with this change."""
    return await house.ask(UndoAsked(post=post, body_hash="b", bulk=name_of(change.stream)))


async def no_to_undoing(house: House, change: Told) -> str | None:
    no = await house.answer(await undo(house, change))
    return no.code if no else None


class TestToWhereItStood:
    async def test_a_cancelled_post_gets_the_slot_it_had(self, house):
        ask = await undo(house, await cancel(house))
        scheduled = await house.last()
        assert (scheduled.slot.at, scheduled.why.reason) == (TEN, "undone")
        assert await house.caused_by(ask) == ["PostScheduled", "SlotTaken"]
        await house.until(TEN)
        assert isinstance(await house.last(), PostDue)

    async def test_if_somebody_has_that_slot_by_now_it_gets_the_next_one(self, house):
        cancelled = await cancel(house)
        await house.send(message("newcomer"))
        await undo(house, cancelled)
        assert (await house.last()).slot.at == TEN + 30 * MINUTE

    async def test_a_moved_post_goes_back_to_where_it_stood(self, house):
        await undo(house, await move(house, 1))
        assert (await house.last()).slot.at == TEN

    async def test_it_goes_back_to_where_it_stood_before_the_move_whatever_moved_it_since(self, house):
        """Given a post that a person moved, when a change of its account moves it on, then undo is about the person."""
        moved = await move(house, 3)
        await house.account(mode="custom", times={"linkedin": {"thu": ["19:00"], "fri": ["19:00"]}})
        await house.settle()
        await undo(house, moved)
        assert (await house.last()).slot.at == TEN

    async def test_s19_after_a_change_of_zone_it_keeps_its_wall_clock_like_everybody_else(self, house):
        """An account has one zone: what comes back to the queue is read in it too."""
        cancelled = await cancel(house)
        await house.account(zone="America/New_York")
        await house.settle()
        await undo(house, cancelled)
        slot = (await house.last()).slot
        assert (slot.local, slot.zone, slot.at) == ("2026-11-23T10:00", "America/New_York", TEN + 5 * HOUR)

    async def test_s19_where_the_change_of_zone_kept_instants_it_keeps_its_own(self, house):
        cancelled = await cancel(house)
        document = AccountDocument(id=ACME, zone="America/New_York")
        await house.say(account_stream(ACME), AccountChanged(document=document, keep="instant"), account=ACME)
        await house.settle()
        await undo(house, cancelled)
        slot = (await house.last()).slot
        assert (slot.local, slot.zone, slot.at) == ("2026-11-23T05:00", "America/New_York", TEN)

    async def test_changes_are_undone_one_after_the_other_the_last_one_first(self, house):
        first, second, third = await move(house, 1), await move(house, 2), await cancel(house)
        await undo(house, third)
        assert (await house.last()).slot.at == MONDAY + 2 * DAY + HOUR
        await undo(house, second)
        assert (await house.last()).slot.at == MONDAY + DAY + HOUR
        await undo(house, first)
        assert (await house.last()).slot.at == TEN


class TestOnlyTheChangeThatIsMeant:
    async def test_the_undo_of_a_retry_leaves_a_later_cancel_alone(self, house):
        """Given a failed post that was retried and then cancelled for good, when the retry is undone, it stays so."""
        await house.until(TEN)
        await house.deliver(POST, started(), failed())
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.send(message("other"))
        retried = await house.ask(RetryAsked(post=POST, body_hash="b"))
        await cancel(house, reason="legal hold")
        assert await no_to_undoing(house, retried) == "nothing_to_undo"
        await house.until(MONDAY + 30 * DAY)
        assert await house.last() == PostCancelled(reason="legal hold")

    async def test_a_retry_is_never_undone(self, house):
        moved = await move(house, 1)
        await house.until(MONDAY + DAY + HOUR)
        await house.deliver(POST, started(), failed())
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.send(message("other"))
        retried = await house.ask(RetryAsked(post=POST, body_hash="b"))
        assert isinstance(await house.last(), PostScheduled)
        assert [await no_to_undoing(house, each) for each in (retried, moved)] == ["nothing_to_undo"] * 2

    async def test_the_undo_of_a_move_leaves_a_later_cancel_alone(self, house):
        moved = await move(house, 1)
        await cancel(house)
        assert await no_to_undoing(house, moved) == "nothing_to_undo"
        assert isinstance(await house.last(), PostCancelled)

    async def test_the_undo_of_a_move_leaves_a_later_move_alone(self, house):
        first = await move(house, 1)
        await move(house, 2)
        assert await no_to_undoing(house, first) == "nothing_to_undo"
        assert (await house.last()).slot.at == MONDAY + 2 * DAY + HOUR

    async def test_undone_twice_it_stays_where_it_stood(self, house):
        moved = await move(house, 1)
        assert await no_to_undoing(house, moved) is None
        assert await no_to_undoing(house, moved) == "nothing_to_undo"
        assert (await house.last()).slot.at == TEN

    async def test_what_had_no_slot_before_it_was_moved_is_not_moved_back(self, house):
        await house.send(message("missed", exactly_at="2026-11-23T05:00:00Z"))
        moved = await house.ask(RescheduleAsked(post="missed", body_hash="b", not_before=MONDAY + DAY))
        assert (await house.answer(await undo(house, moved, "missed"))).code == "nothing_to_undo"
        assert isinstance(await house.last("missed"), PostScheduled)

    async def test_a_change_that_was_refused_has_nothing_to_undo(self, house):
        moved = await move(house, 1)
        refused = await house.ask(RescheduleAsked(post=POST, body_hash="b", at=MONDAY - DAY))
        assert await no_to_undoing(house, refused) == "nothing_to_undo"
        assert await no_to_undoing(house, moved) is None

    async def test_a_change_that_nobody_asked_for_has_nothing_to_undo(self, house):
        ask = await house.ask(UndoAsked(post=POST, body_hash="b", bulk="0" * 32))
        assert (await house.answer(ask)).code == "nothing_to_undo"

    async def test_what_nobody_but_its_account_has_moved_has_nothing_to_undo(self, house):
        asked = await house.ask(CancelAsked(post=POST, body_hash="b", expected="1.0"))
        await house.account(mode="custom", times={"linkedin": {"mon": ["19:00"]}})
        await house.settle()
        assert await no_to_undoing(house, asked) == "nothing_to_undo"


class TestAsItStoodBeforeACancel:
    """What had no slot to come waits again for what it waited for."""

    async def test_a_missed_post_waits_for_its_person_again(self, house):
        await house.send(message("missed", exactly_at="2026-11-23T05:00:00Z"))
        before = await house.last("missed")
        await undo(house, await cancel(house, "missed"), "missed")
        assert await house.last("missed") == before
        assert [name for name in await house.alarms() if name.startswith("remind")] == ["remind-acme.missed"]

    async def test_a_post_of_a_channel_never_connected_waits_for_it_again(self, house):
        await house.send(message("video", channel="facebook"))
        await undo(house, await cancel(house, "video"), "video")
        assert await house.last("video") == PostHeld(connection="acme.facebook", reason="not_connected")
        await house.connect("acme.facebook")
        await house.settle()
        assert isinstance(await house.last("video"), PostScheduled)

    async def test_a_post_of_a_disconnected_channel_waits_for_it_again(self, house):
        await house.disconnect()
        await house.until(TEN)
        await undo(house, await cancel(house))
        assert await house.last() == PostHeld(connection=LINKEDIN, reason="disconnected")
        await house.connect(LINKEDIN)
        await house.settle()
        assert isinstance(await house.last(), PostScheduled)

    async def test_a_post_whose_channel_came_back_meanwhile_gets_a_slot(self, house):
        await house.disconnect()
        await house.until(TEN)
        cancelled = await cancel(house)
        await house.connect(LINKEDIN)
        await undo(house, cancelled)
        assert (await house.last()).slot.at == TEN + 30 * MINUTE

    async def test_a_post_that_awaited_its_approval_awaits_it_again(self, house):
        await house.account(approval={"required": True})
        await house.send(message("gated"))
        await undo(house, await cancel(house, "gated"), "gated")
        assert await house.last("gated") == PostHeld(connection=LINKEDIN, reason="not_approved")
        assert await house.waiting() == []
        given, story = ApprovalGiven(content_hash=hash_of(CONTENT)), story_of(ACME, "gated")
        await house.say(approval_stream(story), given, story=story)
        await house.settle()
        assert isinstance(await house.last("gated"), PostScheduled)

    async def test_a_post_that_was_approved_meanwhile_gets_a_slot(self, house):
        await house.account(approval={"required": True})
        await house.send(message("gated"))
        cancelled, story = await cancel(house, "gated"), story_of(ACME, "gated")
        await house.say(approval_stream(story), ApprovalGiven(content_hash=hash_of(CONTENT)), story=story)
        await undo(house, cancelled, "gated")
        assert isinstance(await house.last("gated"), PostScheduled)

    async def test_a_post_between_two_attempts_gets_another_slot(self, house):
        await house.until(TEN)
        await house.deliver(POST, started(), attempt_failed())
        cancelled = await cancel(house)
        await house.deliver(POST, returned("withdrawn", tries=1))
        await undo(house, cancelled)
        assert (await house.last()).slot.at == TEN + 30 * MINUTE

    async def test_a_time_that_passed_meanwhile_is_missed_and_a_person_decides(self, house):
        await house.send(message("exact", exactly_at=TEN.isoformat()))
        cancelled = await cancel(house, "exact")
        await house.until(TEN + 3 * HOUR)
        await undo(house, cancelled, "exact")
        missed = await house.last("exact")
        assert isinstance(missed, PostMissed)
        assert missed.wanted_at == TEN
