"""An ask is answered, and answered once: while its post is held, and while others ask in the same breath."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import AskRefused, CancelAsked, RescheduleAsked, RetryAsked, SlotFreed
from events.subjects import answer_stream
from services.chassis.rows import ALARM, CHECKPOINT, Drop
from services.chassis.store import Append
from tests.scheduler.house import House, message
from tests.scheduler.posts import DAY, HOUR, LINKEDIN, POST, STORY, failed, started


@pytest.fixture
async def house() -> House:
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    return house


async def test_a_retry_that_was_held_is_not_refused_when_the_channel_is_back(house):
    """It was granted, as far as it could be: the post is held (S10). A second answer would contradict the first."""
    await house.send(message(POST))
    await house.after(DAY * 2)
    await house.deliver(POST, started(), failed())
    await house.disconnect()
    ask = await house.ask(RetryAsked(post=POST, body_hash="h"))
    assert await house.caused_by(ask) == ["PostHeld"]
    await house.connect(LINKEDIN)
    await house.after(HOUR)
    assert await house.answer(ask) is None
    assert (await house.story(POST))[-2:] == ["PostScheduled", "PostDue"]


async def test_a_move_refused_while_held_is_refused_once_and_the_desk_goes_on(house):
    """A second no could never be written, and the desk would try to for ever."""
    await house.send(message(POST))
    await house.disconnect()
    await house.after(DAY * 2)
    long_ago = house.clock.now() - timedelta(days=3)
    ask = await house.ask(RescheduleAsked(post=POST, body_hash="h", at=long_ago))
    assert isinstance(await house.answer(ask), AskRefused)
    await house.connect(LINKEDIN)
    await house.after(HOUR)
    assert len(await house.store.read(answer_stream(ask.id))) == 1
    assert (await house.story(POST))[-2:] == ["PostScheduled", "PostDue"]


async def test_two_asks_in_one_breath_are_both_answered(house):
    """The second must not push the first from the desk, or whoever asked it would never hear (D18)."""
    await house.send(message(POST))
    later = house.clock.now() + DAY * 3
    move = await house.say("asking-one", RescheduleAsked(post=POST, body_hash="h", not_before=later), story=STORY)
    retry = await house.say("asking-two", RetryAsked(post=POST, body_hash="h"), story=STORY)
    again = await house.say("asking-three", RescheduleAsked(post=POST, body_hash="h", not_before=later + DAY),
                            story=STORY)  # fmt: skip
    await house.settle()
    assert "PostScheduled" in await house.caused_by(move)
    assert await house.caused_by(retry) == ["AskRefused"]
    assert "PostScheduled" in await house.caused_by(again)
    assert (await house.last(POST)).slot.at >= later + DAY


async def test_a_move_and_a_cancel_in_one_breath_are_both_answered(house):
    await house.send(message(POST))
    later = house.clock.now() + DAY * 3
    move = await house.say("asking-one", RescheduleAsked(post=POST, body_hash="h", not_before=later), story=STORY)
    cancel = await house.say("asking-two", CancelAsked(post=POST, body_hash="h"), story=STORY)
    await house.settle()
    assert "PostCancelled" in await house.caused_by(cancel)
    assert {"AskRefused", "PostScheduled"} & set(await house.caused_by(move))
    assert await house.waiting() == []


@pytest.mark.parametrize("ask", [CancelAsked, RescheduleAsked, RetryAsked])
async def test_an_ask_that_is_heard_again_is_not_answered_again(house, ask):
    """A checkpoint set back to an earlier day reads it once more; what was said to it stands."""
    await house.send(message(POST))
    told = await house.ask(ask(post=POST, body_hash="h"))
    answers = await house.caused_by(told)
    position = await house.store.position()
    await house.store.append(Append(rows=[Drop(CHECKPOINT, {"service": "scheduler"})]))
    house = House(before=house)
    await house.settle()
    assert answers
    assert await house.caused_by(told) == answers
    assert await house.store.position() == position


async def test_an_ask_that_comes_while_the_desk_puts_its_alarm_away_is_not_lost_with_it(house):
    """Time stands still on a stepping clock: the alarm that is rung and the one set anew are due at one instant."""
    await house.send(message(POST), message("other"))
    append, late = house.store.append, []

    async def interrupted(asked):
        rung = [row.where.get("name") for row in asked.rows if isinstance(row, Drop) and row.table is ALARM]
        if rung == [f"plan-{LINKEDIN}"] and not late:
            late.append(True)
            await house.say("asking-two", CancelAsked(post="other", body_hash="h"), story="acme.other")
            await house.service.inbox.catch_up()
        return await append(asked)

    house.store.append = interrupted
    await house.ask(CancelAsked(post=POST, body_hash="h"))
    assert len(await house.said(SlotFreed)) == 2
    assert await house.waiting() == []
