"""One ear for all who wait for an answer: nothing said before, during or after they came is missed (D18)."""

from __future__ import annotations

import asyncio

import pytest

from events import AskRefused, CancelAsked, PostCancelled, PostScheduled
from events.envelope import About, Draft
from events.subjects import answer_stream, post_stream
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.stepping import breathe
from services.chassis.store import Append, Say, StoreError
from services.gateway.answers import Answers
from tests.gateway.house import NINE, Breathing
from tests.gateway.test_asks import SCHEDULED


class Room:
    """An ear at work, and somebody who asks and answers."""

    def __init__(self) -> None:
        self.clock = SteppingClock(NINE)
        self.store = BelledStore(Breathing(self.clock.now))
        self.answers = Answers(self.store, clock=self.clock)
        self.said = 0

    async def say(self, stream, fact, cause=None):
        self.said += 1
        about = About(story="acme.a", actor="test", happened_at=NINE, cause=cause)
        after = len(await self.store.read(stream))
        return (await self.store.append(Append([Say(stream, after, [Draft(f"id-{self.said}", fact, about)])])))[0]

    async def ask(self, name):
        return await self.say(f"asking-{name}", CancelAsked(post=name, body_hash="h"))

    async def answer(self, ask, fact=None):
        return await self.say(post_stream("acme.a"), fact or PostCancelled(), cause=ask.id)

    def wait(self, *asks, streams=("post-acme.a",)):
        return asyncio.ensure_future(self.answers.to({ask.id: ask for ask in asks}, lambda ask: streams))

    async def waits(self, count):
        """Until so many asks are waited for by the ear."""
        while sum(len(waiters) for waiters in self.answers._waiting.values()) < count:
            await breathe()


@pytest.fixture
async def room():
    it = Room()
    ear = asyncio.create_task(it.answers.run())
    yield it
    assert not it.answers._waiting
    ear.cancel()
    await asyncio.gather(ear, return_exceptions=True)


async def heard(waiting):
    return {ask: told.fact for ask, told in (await asyncio.wait_for(waiting, 5)).items()}


async def test_what_was_said_before_anybody_waited_is_found(room):
    ask = await room.ask("a")
    await room.answer(ask)
    assert await heard(room.wait(ask)) == {ask.id: PostCancelled()}


async def test_what_is_said_while_somebody_waits_is_heard(room):
    ask = await room.ask("a")
    waiting = room.wait(ask, streams=())
    await room.waits(1)
    await room.answer(ask)
    assert await heard(waiting) == {ask.id: PostCancelled()}


async def test_a_refusal_is_an_answer(room):
    ask = await room.ask("a")
    no = AskRefused(code="stale", reason="No.")
    await room.say(answer_stream(ask.id), no, cause=ask.id)
    assert await heard(room.wait(ask)) == {ask.id: no}


async def test_of_several_facts_the_last_is_the_answer(room):
    ask = await room.ask("a")
    await room.answer(ask)
    last = await room.answer(ask, SCHEDULED)
    found = await asyncio.wait_for(room.wait(ask), 5)
    assert (found[ask.id].position, type(found[ask.id].fact)) == (last.position, PostScheduled)


async def test_everybody_who_waits_for_the_same_ask_hears_it(room):
    ask = await room.ask("a")
    waiting = [room.wait(ask, streams=()) for _ in range(3)]
    await room.waits(3)
    await room.answer(ask)
    assert [await heard(each) for each in waiting] == [{ask.id: PostCancelled()}] * 3


@pytest.mark.parametrize("pause", range(12))
async def test_at_whatever_moment_an_answer_comes_it_is_not_missed(room, pause):
    """Before the ear is turned, between that and the look into the streams, and after."""
    other, ask = await room.ask("b"), await room.ask("a")
    before = room.wait(other, streams=())
    await room.waits(1)
    waiting = room.wait(ask)
    for _ in range(pause):
        await breathe()
    await room.answer(ask)
    assert await heard(waiting) == {ask.id: PostCancelled()}
    await room.answer(other)
    assert await heard(before) == {other.id: PostCancelled()}


async def test_many_asks_wait_together_and_are_answered_one_by_one(room):
    asks = [await room.ask(str(number)) for number in range(50)]
    waiting = room.wait(*asks, streams=())
    await room.waits(50)
    for ask in reversed(asks):
        await room.answer(ask)
    assert len(await heard(waiting)) == 50


async def test_after_five_seconds_nobody_waits_any_more(room):
    ask = await room.ask("a")
    waiting = room.wait(ask, streams=())
    await room.waits(1)
    for _ in range(5):
        assert not waiting.done()
        room.clock.step_to(room.clock.now().replace(second=room.clock.now().second + 1))
        await breathe()
    assert await heard(waiting) == {}


async def test_a_log_that_does_not_answer_for_a_while_is_asked_again(room, monkeypatch):
    tail, down = room.store.tail, [2]

    async def broken(after, limit=500):
        if down[0]:
            down[0] -= 1
            raise StoreError("the database is gone")
        return await tail(after, limit)

    monkeypatch.setattr(room.store, "tail", broken)
    ask = await room.ask("a")
    waiting = room.wait(ask, streams=())
    await room.waits(1)
    await room.answer(ask)
    while not waiting.done():
        room.clock.step_to(room.clock.now().replace(microsecond=room.clock.now().microsecond + 1000))
        await breathe()
    assert (await heard(waiting), down) == ({ask.id: PostCancelled()}, [0])


async def test_nobody_to_wait_for_is_no_wait(room):
    assert await heard(room.wait()) == {}
