"""Parked messages once more: mended, discarded, or when their account has appeared (S2, S2a)."""

from __future__ import annotations

import json

import pytest

from events import ConnectionDropped, MessageParked, MessageRedriven, PostScheduled, PostTakenIn, RedriveAsked
from events.subjects import parked_stream
from services.chassis.rows import PARKED_BODY, Pick, Put
from services.chassis.store import Append
from services.scheduler.intake import Arrived
from tests.scheduler.house import House, message
from tests.scheduler.posts import DAY, LINKEDIN, MINUTE, SECOND


@pytest.fixture
async def house() -> House:
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    return house


async def park(house: House, found) -> str:
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    await house.intake.take([Arrived(body)])
    await house.settle()
    return parked_stream(body)


async def redrive(house: House, parked: str, *, mended=None, discard: bool = False):
    """What the gateway does: the corrected body beside the ask, in one append."""
    if mended is not None:
        row = {"id": f"{parked}:mended", "body": json.dumps(mended).encode(), "subject": "production.post_approved"}
        await house.store.append(Append(rows=[Put(PARKED_BODY, row)]))
    fact = RedriveAsked(parked=parked, body_hash="b", mended=mended is not None, discard=discard)
    told = await house.say(f"asking-{house.new_id()}", fact, story=parked)
    await house.settle()
    return told


async def bodies(house: House) -> list[str]:
    return [str(row["id"]) for row in await house.store.pick(Pick(PARKED_BODY))]


async def test_a_mended_message_becomes_its_post_and_nothing_is_kept_of_it(house):
    parked = await park(house, message(post="Spring 042"))
    ask = await redrive(house, parked, mended=message())
    assert await house.caused_by(ask) == ["PostTakenIn", "PostScheduled", "SlotTaken", "MessageRedriven"]
    assert await house.said(MessageRedriven) == [MessageRedriven(outcome="taken_in", story="acme.spring-042")]
    assert await bodies(house) == []


async def test_as_it_came_it_is_taken_in_once_the_cause_is_mended(house):
    await house.connect("acme.linkedin.team")
    parked = await park(house, message())
    await redrive(house, parked)
    assert await house.said(MessageRedriven) == []
    await house.say("account-acme", ConnectionDropped(connection="acme.linkedin.team"))
    ask = await redrive(house, parked)
    assert await house.answer(ask) is None
    assert await house.story() == ["PostTakenIn", "PostScheduled"]


async def test_a_mended_message_that_is_still_wrong_is_told_why_and_stays_parked_as_it_was(house):
    parked = await park(house, message(post="Spring 042"))
    ask = await redrive(house, parked, mended=message(post="Spring 43"))
    no = await house.answer(ask)
    assert (no.code, "data.post" in no.reason) == ("invalid", True)
    assert await bodies(house) == [parked]
    assert await house.answer(await redrive(house, parked, mended=message())) is None


async def test_a_message_that_is_a_post_by_now_is_told_so(house):
    await house.send(message())
    parked = await park(house, message(post="Spring 042"))
    await redrive(house, parked, mended=message())
    assert await house.said(MessageRedriven) == [MessageRedriven(outcome="already_taken_in", story="acme.spring-042")]
    assert len(await house.said(PostTakenIn)) == 1


async def test_a_message_that_would_change_a_post_stays_parked(house):
    await house.send(message())
    parked = await park(house, message(text="Other"))
    assert (await house.answer(await redrive(house, parked))).code == "changed"
    assert await bodies(house) == [parked]


async def test_a_discarded_message_is_gone_and_its_repeat_is_silence(house):
    parked = await park(house, b"{")
    await redrive(house, parked, discard=True)
    assert await house.said(MessageRedriven) == [MessageRedriven(outcome="discarded")]
    assert await bodies(house) == []
    before = await house.store.position()
    await park(house, b"{")
    assert await house.store.position() == before


async def test_what_was_redriven_cannot_be_redriven_again(house):
    parked = await park(house, message(post="Spring 042"))
    await redrive(house, parked, mended=message())
    assert (await house.answer(await redrive(house, parked))).code == "already_redriven"
    assert (await house.answer(await redrive(house, "parked-0123456789"))).code == "not_found"


async def test_s2a_an_unknown_account_is_tried_again_after_a_minute(house):
    parked = await park(house, message("theirs", account="rival"))
    assert [fact.code for fact in await house.said(MessageParked)] == ["unknown_account"]
    assert await house.alarms() == [f"redrive-{parked}"]
    await house.after(MINUTE + SECOND)
    assert await house.story("theirs", "rival") == []
    assert await house.alarms() == []


async def test_s2a_an_account_that_appears_within_the_minute_gets_its_messages_at_once(house):
    await park(house, message("theirs", account="rival"))
    await house.account("rival")
    await house.settle()
    assert await house.story("theirs", "rival") == ["PostTakenIn", "PostHeld"]
    assert await bodies(house) == []
    assert await house.alarms() == []


async def test_s2a_an_account_that_appears_a_day_later_gets_all_its_messages_in_order(house):
    for number in range(5):
        await park(house, message(f"post-{number}", account="rival"))
    await house.after(DAY)
    await house.account("rival")
    await house.connect("rival.linkedin")
    await house.settle()
    scheduled = [await house.last(f"post-{number}", "rival") for number in range(5)]
    assert {type(fact) for fact in scheduled} == {PostScheduled}
    assert [fact.slot.at for fact in scheduled] == sorted(fact.slot.at for fact in scheduled)
    assert await house.waiting() == []
    assert await house.said(MessageRedriven) == [
        MessageRedriven(outcome="taken_in", story=f"rival.post-{number}") for number in range(5)
    ]


async def test_s2a_one_that_cannot_be_taken_in_holds_none_of_the_others_up(house):
    await park(house, message("same", account="rival"))
    await park(house, message("same", account="rival", text="Other"))
    await park(house, message("third", account="rival"))
    await house.account("rival")
    await house.settle()
    assert await house.story("third", "rival") == ["PostTakenIn", "PostHeld"]
    assert len(await bodies(house)) == 1
    assert await house.waiting() != []


async def test_s2a_an_account_that_appears_while_its_message_is_being_parked_is_seen(house):
    house.interrupt(MessageParked, lambda: house.account("rival"))
    await house.send(message("theirs", account="rival"))
    assert await house.said(MessageParked) == []
    assert await house.story("theirs", "rival") == ["PostTakenIn", "PostHeld"]
