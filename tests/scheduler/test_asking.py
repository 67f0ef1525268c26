"""What people ask of the queue, from the ask to its answer (S25, S28, S30)."""

from __future__ import annotations

from events import (
    CancelAsked,
    EditAsked,
    PostCancelled,
    PostDue,
    PostHeld,
    PostScheduled,
    RescheduleAsked,
    RetryAsked,
    SlotFreed,
    SlotTaken,
)
from events.subjects import story_of
from tests.scheduler.house import House, message
from tests.scheduler.posts import (
    ACME,
    DAY,
    HOUR,
    LINKEDIN,
    MINUTE,
    MONDAY,
    POST,
    TEN,
    attempt_failed,
    failed,
    published,
    returned,
    started,
)

BODY = {"post": POST, "body_hash": "b1"}


async def due(house: House) -> None:
    await house.until(TEN)


async def refused(house: House, ask) -> str | None:
    no = await house.answer(await house.ask(ask))
    return no.code if no else None


class TestCancel:
    async def test_a_cancelled_post_gives_its_slot_back(self, house):
        ask = await house.ask(CancelAsked(**BODY, reason="wrong campaign"))
        assert await house.last() == PostCancelled(reason="wrong campaign")
        assert await house.caused_by(ask) == ["PostCancelled", "SlotFreed"]
        assert (await house.said(SlotFreed))[0].why == "cancelled"
        assert await house.alarms() == []
        await house.send(message("newcomer"))
        assert (await house.last("newcomer")).slot.at == TEN

    async def test_while_an_attempt_is_open_the_answer_is_no(self, house):
        await due(house)
        await house.deliver(POST, started())
        assert await refused(house, CancelAsked(**BODY)) == "already_started"
        assert isinstance(await house.last(), PostDue)

    async def test_between_two_attempts_it_is_cancelled_and_never_due_again(self, house):
        await due(house)
        await house.deliver(POST, started(), attempt_failed())
        await house.ask(CancelAsked(**BODY))
        await house.deliver(POST, returned("withdrawn", tries=1))
        assert isinstance(await house.last(), PostCancelled)

    async def test_a_held_post_is_cancelled_and_waits_for_nothing(self, house):
        await house.disconnect()
        await due(house)
        await house.ask(CancelAsked(**BODY))
        await house.connect(LINKEDIN)
        await house.settle()
        assert isinstance(await house.last(), PostCancelled)
        assert await house.waiting() == []

    async def test_an_ask_that_relied_on_an_older_version_is_stale(self, house):
        assert await refused(house, CancelAsked(**BODY, expected="1.0")) == "stale"
        assert await refused(house, CancelAsked(**BODY, expected="2.0")) is None

    async def test_a_post_that_is_not_there_cannot_be_cancelled(self, house):
        assert await refused(house, CancelAsked(post="nobody", body_hash="b")) == "not_found"

    async def test_an_attempt_that_starts_while_deciding_is_seen(self, house):
        """I16: after a cancel is granted no call starts; the guard on the delivery sees to it."""
        await due(house)
        story = story_of(ACME, POST)
        house.interrupt(PostCancelled, lambda: house.say(f"delivery-{story}", started(), story=story))
        assert await refused(house, CancelAsked(**BODY)) == "already_started"


class TestReschedule:
    async def test_moved_to_exactly_a_time(self, house):
        wanted = MONDAY + 13 * HOUR + 13 * MINUTE
        ask = await house.ask(RescheduleAsked(**BODY, at=wanted))
        assert await house.caused_by(ask) == ["PostScheduled", "SlotFreed", "SlotTaken"]
        scheduled = await house.last()
        assert (scheduled.slot.at, scheduled.why.mode, scheduled.why.reason) == (wanted, "exactly", "moved")
        await house.until(wanted)
        assert (await house.last()).exactly

    async def test_moved_to_no_earlier_than_a_time(self, house):
        await house.ask(RescheduleAsked(**BODY, not_before=MONDAY + DAY))
        assert (await house.last()).slot.local == "2026-11-24T09:00"
        await house.until(MONDAY + DAY)
        assert isinstance(await house.last(), PostScheduled)

    async def test_a_time_that_cannot_be_had_leaves_it_where_it_is(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await house.send(message("tomorrow"))
        before = await house.last()
        assert await refused(house, RescheduleAsked(**BODY, at=MONDAY + DAY)) == "no_slot"
        assert await refused(house, RescheduleAsked(**BODY, at=MONDAY - 3 * HOUR)) == "no_slot"
        assert await house.last() == before
        await house.send(message("newcomer"))
        assert (await house.last("newcomer")).slot.local == "2026-11-25T09:00"
        await due(house)
        assert isinstance(await house.last(), PostDue)

    async def test_within_its_own_day_it_does_not_stand_in_its_own_way(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        assert await refused(house, RescheduleAsked(**BODY, at=MONDAY + 10 * HOUR)) is None

    async def test_a_due_post_is_withdrawn_by_its_new_slot(self, house):
        await due(house)
        await house.ask(RescheduleAsked(**BODY, not_before=MONDAY + DAY))
        await house.deliver(POST, returned("withdrawn"))
        assert isinstance(await house.last(), PostScheduled)
        await house.until(MONDAY + 2 * DAY)
        assert (await house.last()).round == 2

    async def test_a_missed_post_gets_its_person_and_its_slot(self, house):
        await house.send(message("missed", exactly_at="2026-11-23T05:00:00Z"))
        await house.ask(RescheduleAsked(post="missed", body_hash="b"))
        assert isinstance(await house.last("missed"), PostScheduled)
        assert [name for name in await house.alarms() if name.startswith("remind")] == []

    async def test_a_post_whose_channel_was_never_connected_gets_no_slot(self, house):
        await house.send(message("video", channel="facebook"))
        no = await house.answer(await house.ask(RescheduleAsked(post="video", body_hash="b")))
        assert (no.code, "another" in no.reason) == ("no_slot", False)
        assert no.reason.endswith(
            "planned as soon as there is one; if this house can speak to the channel, connect it."
        )
        await house.connect("acme.facebook")
        await house.settle()
        assert isinstance(await house.last("video"), PostScheduled)


class TestRetry:
    async def test_a_failed_post_goes_out_at_once_with_no_tries_and_after_a_look(self, house):
        await due(house)
        await house.deliver(POST, started(), failed(tries=4))
        await house.until(TEN + 3 * HOUR)
        ask = await house.ask(RetryAsked(**BODY))
        scheduled, again = (await house.post())[-2:]
        assert (scheduled.why.mode, scheduled.why.reason) == ("at once", "retry")
        assert (again.round, again.tries, again.looked_first, again.slot_at) == (2, 0, True, TEN + 3 * HOUR)
        assert await house.caused_by(ask) == ["PostScheduled", "PostDue", "SlotTaken"]
        assert (await house.said(SlotTaken))[-1].exactly

    async def test_a_failure_gives_its_slot_back_before_any_retry(self, house):
        await due(house)
        await house.deliver(POST, started(), failed())
        assert [freed.why for freed in await house.said(SlotFreed)] == ["failed"]

    async def test_where_the_cap_allows_none_now_it_takes_the_next_slot(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
        await due(house)
        await house.deliver(POST, started(), failed())
        await house.send(message("other"))
        await house.ask(RetryAsked(**BODY))
        scheduled = await house.last()
        assert (scheduled.slot.local, scheduled.why.reason) == ("2026-11-24T09:00", "retry")
        await house.until(MONDAY + 2 * DAY)
        again = await house.last()
        assert (again.round, again.tries, again.looked_first) == (2, 0, True)

    async def test_on_a_disconnected_channel_it_is_held_and_goes_with_the_next_connect(self, house):
        await due(house)
        await house.deliver(POST, started(), failed(tries=4))
        await house.disconnect()
        await house.ask(RetryAsked(**BODY))
        assert await house.last() == PostHeld(connection=LINKEDIN, reason="disconnected")
        await house.connect(LINKEDIN)
        await house.until(MONDAY + 2 * DAY)
        again = await house.last()
        assert (again.round, again.tries, again.looked_first) == (2, 0, True)

    async def test_what_has_not_failed_is_not_retried(self, house):
        assert await refused(house, RetryAsked(**BODY)) == "not_failed"
        await due(house)
        await house.deliver(POST, started(), published())
        assert await refused(house, RetryAsked(**BODY)) == "already_published"

    async def test_a_content_refused_at_the_door_is_edited_and_retried(self, house):
        """S4, S26: Failed, Edit, Retry."""
        await house.send(message("long", text="x" * 4000))
        body = {"post": "long", "body_hash": "b"}
        await house.ask(EditAsked(**body, text="Short"))
        await house.ask(RetryAsked(**body))
        again = await house.last("long")
        assert isinstance(again, PostDue)
        assert (again.content.text, again.round, again.looked_first) == ("Short", 1, False)

    async def test_a_content_refused_at_the_door_stays_failed_while_it_is_too_long(self, house):
        await house.send(message("long", text="x" * 4000))
        assert await refused(house, RetryAsked(post="long", body_hash="b")) == "too_long"

    async def test_fifty_failed_posts_retried_together_stay_within_the_cap(self, house):
        await house.account(caps={"linkedin": {"posts_per_day_max": 10}})
        names = [f"post-{number:02}" for number in range(50)]
        await house.send(*(message(name) for name in names))
        await house.until(MONDAY + 60 * DAY)
        for name in names:
            await house.deliver(name, started(at=house.clock.now()), failed())
        for name in names:
            await house.say(f"asking-{name}", RetryAsked(post=name, body_hash="b"), story=story_of(ACME, name))
        await house.settle()
        at_once = [name for name in names if isinstance(await house.last(name), PostDue)]
        assert at_once == names[:10]
        assert {type(await house.last(name)) for name in names[10:]} == {PostScheduled}


class TestEdit:
    async def test_a_queued_post_is_edited_and_keeps_its_slot(self, house):
        ask = await house.ask(EditAsked(**BODY, text="Mended"))
        assert await house.caused_by(ask) == ["PostEdited"]
        await due(house)
        assert (await house.last()).content.text == "Mended"

    async def test_an_edit_over_the_limit_is_refused_and_names_it(self, house):
        no = await house.answer(await house.ask(EditAsked(**BODY, text="x" * 3001)))
        assert (no.code, "linkedin takes 3,000" in no.reason) == ("too_long", True)
        assert await house.story() == ["PostTakenIn", "PostScheduled"]

    async def test_an_edit_that_leaves_nothing_is_refused(self, house):
        assert await refused(house, EditAsked(**BODY, text=" ")) == "invalid"

    async def test_an_edit_that_changes_nothing_is_told_so(self, house):
        assert await refused(house, EditAsked(**BODY, text="How Acme halved its returns")) == "unchanged"

    async def test_a_due_post_is_due_again_in_the_same_append(self, house):
        await due(house)
        await house.deliver(POST, started(), attempt_failed(tries=1))
        ask = await house.ask(EditAsked(**BODY, text="Mended"))
        assert await house.caused_by(ask) == ["PostEdited", "PostDue"]
        again = await house.last()
        assert (again.round, again.tries, again.content.text) == (2, 1, "Mended")

    async def test_while_an_attempt_is_open_the_answer_is_no(self, house):
        await due(house)
        await house.deliver(POST, started())
        assert await refused(house, EditAsked(**BODY, text="Mended")) == "already_started"


async def test_s25_fifty_cancels_at_once_are_each_answered(house):
    names = [f"post-{number:02}" for number in range(50)]
    await house.send(*(message(name) for name in names))
    asks = [
        await house.say(f"asking-{name}", CancelAsked(post=name, body_hash="b"), story=story_of(ACME, name))
        for name in names
    ]
    await house.settle()
    assert {type(await house.last(name)) for name in names} == {PostCancelled}
    assert len(await house.said(SlotFreed)) == 50
    assert [await house.answer(ask) for ask in asks] == [None] * 50
