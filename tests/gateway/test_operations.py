"""What operators do: the kill switch, the clock, and what was parked (S2, I22, I25, G29)."""

from __future__ import annotations

import pytest

from events import (
    AskRefused,
    FactParked,
    FactRedriven,
    MessageParked,
    MessageRedriven,
    PublishingPaused,
    PublishingResumed,
    RedriveAsked,
)
from events.envelope import About, Draft
from events.subjects import answer_stream, house_stream, parked_stream, stuck_stream
from services.chassis.rows import PARKED_BODY, Pick
from services.chassis.store import Append, Say
from services.gateway.desk import Hooks
from tests.gateway.house import NINE, running

BODY = b'{"data": {"account": "acme"'
PARKED = parked_stream(BODY)
STUCK = stuck_stream("publisher", 7)

# The kill switch.


@pytest.mark.parametrize("scope", ["all", "linkedin", "acme"])
async def test_publishing_is_paused_and_resumed_and_each_is_said_once(house, owner, scope):
    for path in ("pause", "pause", "resume", "resume"):
        answer = await owner.ask("POST", f"/v1/house/{path}", {"scope": scope, "reason": "a wrong campaign"})
        assert (answer.status_code, answer.json()) == (200, {"scope": scope, "paused": path == "pause"})
    assert await house.facts(house_stream(scope)) == [
        PublishingPaused(scope=scope, reason="a wrong campaign"),
        PublishingResumed(scope=scope),
    ]


async def test_without_a_word_everything_is_meant(house, owner):
    assert (await owner.ask("POST", "/v1/house/pause")).json() == {"scope": "all", "paused": True}


async def test_the_switch_names_who_threw_it_and_what_it_reaches(house, owner):
    for scope in ("all", "linkedin", "acme"):
        await owner.ask("POST", "/v1/house/pause", {"scope": scope})
    told = [(await house.store.read(house_stream(scope)))[0].about for scope in ("all", "linkedin", "acme")]
    assert {about.actor for about in told} == {f"key:{owner.key[3:11]}"}
    assert [(about.account, about.channel) for about in told] == [(None, None), (None, "linkedin"), ("acme", None)]


async def test_an_account_that_is_not_there_cannot_be_paused(house, owner):
    answer = await owner.ask("POST", "/v1/house/pause", {"scope": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# The clock.


async def test_an_operator_accepts_what_the_wall_says():
    accepted = []
    async with running(hooks=Hooks(accept_clock=lambda: accepted.append(True))) as house:
        by = await house.caller("operator")
        answer = await by.ask("POST", "/v1/house/clock/accept")
        assert (answer.status_code, answer.json()) == (200, {"now": NINE.isoformat()})
        assert accepted == [True]


async def test_a_clock_that_no_wall_leads_has_nothing_to_accept(house, owner):
    answer = await owner.ask("POST", "/v1/house/clock/accept")
    assert (answer.status_code, answer.json()["code"]) == (409, "clock_not_ours")


# What was parked.


@pytest.fixture
async def parked(house, owner):
    """A broken message of acme's, and a fact the publisher could not take; both are redriven when asked for."""
    message = MessageParked(code="malformed", reason="it is cut off", head=BODY.decode(), bytes=len(BODY), sha256="",
                            subject="production.post_approved")  # fmt: skip
    fact = FactParked(service="publisher", position=7, key="acme.spring", fact="scheduler.post_due", reason="", tries=5)
    for stream, said in ((PARKED, message), (STUCK, fact)):
        about = About(story="", actor="scheduler", happened_at=NINE, account="acme")
        await house.store.append(Append([Say(stream, 0, [Draft(house.new_id(), said, about)])]))

    async def redriving():
        asked = [told for told in await house.store.tail(0, 1000) if isinstance(told.fact, RedriveAsked)]
        for told in asked:
            outcome = "discarded" if told.fact.discard else "taken_in"
            fact = MessageRedriven(outcome=outcome, story="acme.spring")
            if told.fact.parked == STUCK:
                fact = FactRedriven(service="publisher", position=7)
            await house.say(told.fact.parked, fact, cause=told)

    house.redriving = redriving
    return house


async def redriven(house, by, id, body=None, once=None):
    """The ask, and its owner's answer as soon as it is heard."""
    append = house.store.append

    async def and_answer(asked):
        told = await append(asked)
        if any(isinstance(each.fact, RedriveAsked) for each in told):
            house.store.append = append
            await house.redriving()
        return told

    house.store.append = and_answer
    return await by.ask("POST", f"/v1/parked/{id}/redrive", body, once=once)


@pytest.mark.parametrize(("body", "outcome"), [(None, "taken_in"), ({}, "taken_in"), ({"discard": True}, "discarded")])
async def test_a_parked_message_is_offered_again_or_given_up(parked, owner, body, outcome):
    answer = await redriven(parked, owner, PARKED, body)
    assert (answer.status_code, answer.json()) == (200, {"id": PARKED, "outcome": outcome, "post": "acme.spring"})


@pytest.mark.parametrize("body", ['{"mended": true}', {"mended": True}], ids=["text", "json"])
async def test_a_mended_body_is_kept_beside_the_ask_and_not_in_it(parked, owner, body):
    await redriven(parked, owner, PARKED, {"body": body})
    (row,) = await parked.store.pick(Pick(PARKED_BODY))
    assert (row["id"], row["subject"]) == (f"{PARKED}:mended", "production.post_approved")
    assert bytes(row["body"]).replace(b" ", b"") == b'{"mended":true}'
    (ask,) = [told.fact for told in await parked.store.tail(0, 1000) if isinstance(told.fact, RedriveAsked)]
    assert (ask.parked, ask.mended, ask.discard) == (PARKED, True, False)


async def test_a_parked_fact_is_tried_again(parked, owner):
    answer = await redriven(parked, owner, STUCK)
    assert (answer.status_code, answer.json()) == (200, {"id": STUCK, "outcome": "redriven"})


async def test_a_message_that_is_still_wrong_says_why(parked, owner):
    async def refused():
        (ask,) = [told for told in await parked.store.tail(0, 1000) if isinstance(told.fact, RedriveAsked)]
        await parked.say(answer_stream(ask.id), AskRefused(code="malformed", reason="it is cut off"), cause=ask)

    parked.redriving = refused
    answer = await redriven(parked, owner, PARKED)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (409, "malformed", "it is cut off")


@pytest.mark.parametrize(
    ("id", "body", "status", "code"),
    [
        (PARKED, {"body": "x" * 256_001}, 413, "too_large"),
        (PARKED, {"body": "{}", "discard": True}, 422, "invalid"),
        (STUCK, {"body": "{}"}, 422, "invalid"),
        (PARKED, {"force": True}, 422, "invalid"),
        ("parked-" + "0" * 32, None, 404, "not_found"),
        ("post-acme.spring", None, 404, "not_found"),
        ("stuck-publisher.8", None, 404, "not_found"),
    ],
)  # fmt: skip
async def test_what_cannot_be_redriven_says_why_and_asks_nobody(parked, owner, id, body, status, code):
    answer = await owner.ask("POST", f"/v1/parked/{id}/redrive", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not [told for told in await parked.store.tail(0, 1000) if isinstance(told.fact, RedriveAsked)]


async def test_a_message_of_another_account_is_nothing_here(parked, owner):
    stranger = await parked.caller("operator", ["globex"])
    foreign = await stranger.ask("POST", f"/v1/parked/{PARKED}/redrive")
    unknown = await stranger.ask("POST", f"/v1/parked/parked-{'0' * 32}/redrive")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content) == (404, unknown.content)


async def test_what_an_earlier_life_was_let_in_with_opens_nothing_any_more(house):
    first = (await house.gateway.keys.issue("owner", name="up")).key.reveal()
    other = (await house.gateway.keys.issue("viewer", name="dashboards")).key.reveal()
    await house.gateway.keys.revoke_all("up")
    assert await house.gateway.keys.authenticated(first) is None
    assert await house.gateway.keys.authenticated(other) is not None
