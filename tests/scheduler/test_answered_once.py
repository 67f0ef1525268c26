"""An ask is answered, and answered once: while its post is held, and while others ask in the same breath."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import AskRefused, CancelAsked, RescheduleAsked, RetryAsked
from events.subjects import answer_stream
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
