"""Ready posts onto free lanes: one in flight per connection, fair to every account, safe against crashes (D11)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from events import (
    AttemptStarted,
    ChannelDisconnected,
    CredentialRefused,
    DeliveryReturned,
    GrantRefreshed,
    LookedUp,
    PostCancelled,
    PostDue,
    PostFailed,
    PostPublished,
    PostScheduled,
    PublishingPaused,
    PublishingResumed,
    SettleAsked,
    Slot,
    Why,
)
from events.subjects import answer_stream, asking_stream, connection_stream, house_stream, post_stream
from services.channels.outcome import Absent, Found, Limited, LookFailed, Refused, Unavailable, Unclear
from services.chassis.rows import ALARM, LINE, READY, Pick, Put
from tests.publisher.house import House
from tests.publisher.posts import BLOG, HOUR, LINKEDIN, MARKER, MINUTE, NINE, SECOND, STORY

OTHER = "acme.spring-043-linkedin"
RIVAL = "rival.linkedin"


@pytest.fixture
async def house() -> House:
    return await House(LINKEDIN, BLOG, RIVAL).connected()


async def alarms(house: House) -> list[str]:
    return [row["name"] for row in await house.store.pick(Pick(ALARM))]


async def test_a_due_post_is_published_and_nothing_is_left_behind(house):
    await house.due()
    await house.settle()
    assert await house.story() == ["AttemptStarted", "PostPublished"]
    assert (await house.last()).channel_post_id == "linkedin-1"
    assert await house.store.pick(Pick(READY)) == []
    assert await alarms(house) == []
    (line,) = await house.store.pick(Pick(LINE))
    assert (line["holder"], line["lease_until"], line["head_turn"]) == (None, None, None)


async def test_the_attempt_is_durable_before_the_call(house):
    """D9, I11."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    assert await house.story() == ["AttemptStarted"]
    assert await alarms(house) == [f"look-{STORY}"]
    assert house.lanes.busy == 1
    channel.gate.set()
    await house.settle()


async def test_failures_are_tried_again_after_1_5_and_25_minutes_and_then_no_more(house):
    """S29, I18."""
    channel = house.channels["linkedin"]
    channel.answers.extend([Unavailable("refused")] * 4)
    await house.due()
    await house.until(NINE + HOUR)
    assert [(at - NINE) / MINUTE for _, _, at in channel.sent] == [0, 1, 6, 31]
    assert isinstance(await house.last(), PostFailed)
    assert await alarms(house) == []


async def test_a_503_is_looked_up_within_the_wait_and_tried_again_at_one_minute(house):
    """F7 before the effect: two looks at 40 s and 55 s, the retry at 1:00."""
    channel = house.channels["linkedin"]
    channel.answers.append(Unclear("503", "", 503))
    await house.due()
    await house.until(NINE + HOUR)
    assert [(marker, (at - NINE).seconds) for marker, at in channel.found] == [(MARKER, 40), (MARKER, 55)]
    assert [(at - NINE) / MINUTE for _, _, at in channel.sent] == [0, 1]
    assert isinstance(await house.last(), PostPublished)


async def test_a_503_after_the_effect_is_found_and_never_sent_again(house):
    """F7 after the effect, S35."""
    channel = house.channels["linkedin"]
    channel.answers.append(Unclear("503", "", 503))
    channel.looks.append(Found("urn:7"))
    await house.due()
    await house.until(NINE + HOUR)
    assert len(channel.sent) == 1
    last = await house.last()
    assert (last.channel_post_id, last.found_by) == ("urn:7", "look_up")


async def test_a_limit_holds_the_whole_line_and_uses_no_try(house):
    """S32, I17; another connection is not delayed (S17)."""
    channel = house.channels["linkedin"]
    channel.answers.append(Limited("429", 429, NINE + 10 * MINUTE))
    await house.due()
    await house.due(OTHER)
    await house.until(NINE + MINUTE)
    await house.due("acme.blog-1", BLOG)
    await house.until(NINE + 9 * MINUTE)
    assert len(channel.sent) == 1
    assert await house.story("acme.blog-1") == ["AttemptStarted", "PostPublished"]
    await house.until(NINE + HOUR)
    assert [(at - NINE) / MINUTE for _, _, at in channel.sent] == [0, 10, 10]
    assert [type(fact).__name__ for fact in (await house.last(), await house.last(OTHER))] == ["PostPublished"] * 2
    assert (await house.last()).tries == 1
    first, *_ = await house.store.read(f"delivery-{OTHER}")
    assert first.position > (await house.store.read(f"delivery-{STORY}"))[-1].position  # due order is kept (I19)


async def test_a_post_waiting_for_its_retry_does_not_hold_the_line(house):
    house.channels["linkedin"].answers.append(Unavailable("refused"))
    await house.due()
    await house.due(OTHER)
    await house.settle()
    assert await house.story() == ["AttemptStarted", "AttemptFailed"]
    assert await house.story(OTHER) == ["AttemptStarted", "PostPublished"]


async def test_one_attempt_is_in_flight_per_connection_however_many_lanes_and_processes():
    """I19."""
    house = await House(LINKEDIN).connected()
    channel, second = house.channels["linkedin"], house.more_lanes(holder="there")
    channel.gate.clear()
    for number in range(5):
        await house.due(f"acme.p{number}")
    await house.hear()
    await house.lanes.step()
    await second.step()
    await channel.called.wait()
    await second.step()
    channel.gate.set()
    await asyncio.gather(house.lanes.quiet(), second.quiet())
    await house.settle()
    assert (len(channel.sent), channel.in_flight_max) == (5, 1)


async def test_a_flood_of_one_account_waits_behind_itself():
    """G15: with one lane, the rival's only post is second, not eleventh."""
    house = await House(LINKEDIN, RIVAL, lanes_max=1).connected()
    for number in range(10):
        await house.due(f"acme.p{number}")
    await house.due("rival.only", RIVAL)
    await house.settle()
    order = [http for http, _, _ in house.channels["linkedin"].sent]
    assert order.index(RIVAL) <= 1
    assert len(order) == 11


async def waiting_at_the_door() -> House:
    """Two lanes, two calls that hang, and the half as many again that are in hand: a third post, at the door."""
    house = await House("a.linkedin", "b.linkedin", "c.linkedin", "d.linkedin", lanes_max=2).connected()
    channel = house.channels["linkedin"]
    channel.gate.clear()
    for name in "abcd":
        await house.due(f"{name}.p", f"{name}.linkedin")
    await house.hear()
    await house.lanes.step()
    while channel.in_flight < 2:
        channel.called.clear()
        await channel.called.wait()
    return house


async def test_no_more_calls_are_made_at_once_than_there_are_lanes():
    """Half as many lines again are in hand, so that a lane which falls free need not wait for its next post."""
    house = await waiting_at_the_door()
    channel = house.channels["linkedin"]
    assert (house.lanes.busy, channel.in_flight) == (3, 2)
    channel.gate.set()
    await house.settle()
    assert (len(channel.sent), channel.in_flight_max) == (4, 2)


async def test_who_waits_for_a_lane_is_not_sent_once_it_was_taken_back():
    """I16: nothing is decided before a lane is free."""
    house = await waiting_at_the_door()
    await house.say(post_stream("c.p"), PostCancelled(), story="c.p")
    house.channels["linkedin"].gate.set()
    await house.settle()
    assert [line for line, _, _ in house.channels["linkedin"].sent] == ["a.linkedin", "b.linkedin", "d.linkedin"]


async def test_an_account_that_flooded_yesterday_is_not_behind_today():
    house = await House(LINKEDIN, RIVAL, lanes_max=1).connected()
    for number in range(10):
        await house.due(f"acme.p{number}")
    await house.settle()
    for number in range(10):
        await house.due(f"rival.p{number}", RIVAL)
    await house.due("acme.today")
    await house.settle()
    order = [http for http, _, _ in house.channels["linkedin"].sent][10:]
    assert order.index(LINKEDIN) <= 1


async def test_a_lane_that_crashed_leaves_its_attempt_to_the_look(house):
    """F3: kill after the channel accepted; the look finds it, one object."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    await house.lanes.close()
    channel.gate.set()
    house.lanes = house.more_lanes(holder="next life")
    channel.looks.append(Found("urn:7"))
    await house.until(NINE + HOUR)
    assert len(channel.sent) == 1
    assert await house.story() == ["AttemptStarted", "AttemptUnclear", "LookedUp", "PostPublished"]
    assert channel.found[0][1] == NINE + timedelta(seconds=20 + 40)


async def test_a_crash_before_the_call_is_tried_again_once_absence_is_proven(house):
    """F2."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    await house.lanes.close()
    channel.gate.set()
    house.lanes = house.more_lanes(holder="next life")
    await house.until(NINE + HOUR)
    assert [at - NINE for _, _, at in channel.sent] == [timedelta(), 80 * SECOND]
    assert isinstance(await house.last(), PostPublished)


async def test_the_line_of_a_crashed_lane_is_free_again_when_its_lease_has_run_out(house):
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.due(OTHER)
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    await house.lanes.close()
    channel.gate.set()
    house.lanes = house.more_lanes(holder="next life")
    house.clock.at = NINE + 9 * SECOND
    await house.lanes.quiet()
    assert await house.story(OTHER) == []
    house.clock.at = NINE + 10 * SECOND
    await house.lanes.quiet()
    assert await house.story(OTHER) == ["AttemptStarted", "PostPublished"]


async def test_an_answer_after_the_line_was_taken_over_is_evidence_only(house):
    """F5."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.due(OTHER)
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    house.clock.at = NINE + 11 * SECOND
    second = house.more_lanes(holder="there")
    await second.step()
    channel.gate.set()
    await asyncio.gather(house.lanes.quiet(), second.quiet())
    assert await house.story() == ["AttemptStarted", "LateSendSeen"]
    channel.looks.append(Found("linkedin-1"))
    await house.until(NINE + HOUR)
    assert (await house.last()).found_by == "look_up"


async def test_a_renewed_lease_keeps_the_line(house):
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.due(OTHER)
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    house.clock.at = NINE + 9 * SECOND
    await house.lanes.renew()
    house.clock.at = NINE + 18 * SECOND
    assert await house.more_lanes(holder="there").step() == 0
    channel.gate.set()
    await house.settle()


async def test_a_renewal_that_comes_after_the_line_was_let_go_leaves_it_free(house):
    """Else nobody could take the line until that lease had run out."""
    channel, append = house.channels["linkedin"], house.store.append
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()

    async def slow(renewal):
        house.store.append = append
        channel.gate.set()
        await house.lanes.quiet()
        return await append(renewal)

    house.store.append = slow
    await house.lanes.renew()
    [line] = await house.store.pick(Pick(LINE))
    assert (line["holder"], line["lease_until"]) == (None, None)


async def test_a_lane_that_lost_its_line_is_cut(house):
    """I19: inside one process the task is cancelled, and its socket with it."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.due(OTHER)
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    house.clock.at = NINE + 11 * SECOND
    second = house.more_lanes(holder="there")
    await second.step()
    await house.lanes.renew()
    await house.lanes.quiet()
    assert house.lanes.busy == 0
    channel.gate.set()
    await second.quiet()
    assert await house.story() == ["AttemptStarted", "LateSendSeen"], "what had gone out is evidence"


LATER = PostScheduled(connection=LINKEDIN, slot=Slot(at=NINE + HOUR, local="2026-11-24T10:00", zone="UTC"),
                      why=Why(mode="best_practice", reason="rescheduled"))  # fmt: skip


@pytest.mark.parametrize("taken_back", [PostCancelled(), LATER], ids=["cancelled", "moved"])
async def test_what_is_taken_back_before_the_attempt_leaves_nothing_to_send(house, taken_back):
    """I16."""
    await house.due()
    await house.hear()
    await house.say(post_stream(STORY), taken_back, story=STORY)
    await house.settle()
    assert house.channels["linkedin"].sent == []
    assert await house.last() == DeliveryReturned(round=1, reason="withdrawn", tries=0)


async def test_a_cancel_while_waiting_for_the_retry_stills_the_alarm(house):
    house.channels["linkedin"].answers.append(Unavailable("refused"))
    await house.due()
    await house.settle()
    await house.say(post_stream(STORY), PostCancelled(), story=STORY)
    await house.settle()
    assert await alarms(house) == []
    assert await house.last() == DeliveryReturned(round=1, reason="withdrawn", tries=1)


async def test_a_401_waits_for_the_refresh_and_is_sent_again_without_a_try(house):
    """D20; the posts behind it wait too, since their key is the same."""
    channel = house.channels["linkedin"]
    channel.answers.append(Refused("auth", "65601", 401))
    await house.due()
    await house.due(OTHER)
    await house.settle()
    assert len(channel.sent) == 1
    assert await house.story() == ["AttemptStarted", "CredentialRefused"]
    house.versions[LINKEDIN] = 4
    await house.say(connection_stream(LINKEDIN), GrantRefreshed(connection=LINKEDIN, credential_version=4))
    await house.settle()
    assert [(await house.last(story)).tries for story in (STORY, OTHER)] == [1, 1]
    assert len(channel.sent) == 3


async def test_a_grant_refused_for_good_fails_that_post_and_gives_back_the_others(house):
    """S11, F32."""
    channel = house.channels["linkedin"]
    channel.answers.append(Refused("revoked", "65600", 401))
    await house.due()
    await house.due(OTHER)
    await house.settle()
    gone = ChannelDisconnected(connections=(LINKEDIN,), reason="refused", code="invalid_grant")
    await house.say(connection_stream(LINKEDIN), gone)
    await house.settle()
    failed = await house.last()
    assert (failed.kind, failed.code, failed.action) == ("revoked", "65600", "reconnect")
    assert await house.last(OTHER) == DeliveryReturned(round=1, reason="disconnected", tries=0)
    assert len(channel.sent) == 1


@pytest.mark.parametrize("scope", ["all", "linkedin", "acme"])
async def test_the_kill_switch_stops_new_calls_and_resuming_sends_in_order(house, scope):
    """G29."""
    await house.say(house_stream(scope), PublishingPaused(scope=scope))
    await house.due()
    await house.due(OTHER)
    await house.until(NINE + MINUTE)
    assert house.channels["linkedin"].sent == []
    await house.say(house_stream(scope), PublishingResumed(scope=scope))
    await house.settle()
    assert [await house.story(story) for story in (STORY, OTHER)] == [["AttemptStarted", "PostPublished"]] * 2


async def test_a_pause_of_another_account_stops_nothing_here(house):
    await house.say(house_stream("rival"), PublishingPaused(scope="rival"))
    await house.due()
    await house.settle()
    assert isinstance(await house.last(), PostPublished)


async def test_a_key_that_cannot_be_opened_just_now_costs_no_attempt(house):
    """F32: the vault is locked; the line waits a minute."""
    house.locked = True
    await house.due()
    await house.settle()
    assert await house.story() == []
    house.locked = False
    await house.until(NINE + MINUTE)
    assert await house.story() == ["AttemptStarted", "PostPublished"]


async def test_a_fault_of_our_own_is_unclear_and_names_no_words_of_it(house):
    channel = house.channels["linkedin"]
    channel.answers.append(ValueError("token t"))
    channel.looks.append(Found("urn:7"))
    await house.due()
    await house.until(NINE + HOUR)
    told = await house.store.read(f"delivery-{STORY}")
    assert told[1].fact.detail == "ValueError in the adapter"
    assert isinstance(await house.last(), PostPublished)


async def unknown(house: House) -> None:
    channel = house.channels["linkedin"]
    channel.answers.append(Unclear("timeout"))
    channel.looks.extend([LookFailed("500")] * 4)
    await house.due()
    await house.until(NINE + HOUR)
    assert (await house.story())[-1] == "OutcomeUnknown"


async def test_a_person_settles_an_unknown_outcome(house):
    await unknown(house)
    ask = SettleAsked(post=STORY, body_hash="b", verdict="published", url="https://l.example/7")
    await house.say(asking_stream("ann", "k1"), ask, story=STORY)
    await house.settle()
    last = await house.last()
    assert (last.found_by, last.url) == ("person", "https://l.example/7")


@pytest.mark.parametrize(
    ("verdict", "expected", "code"),
    [("published", None, "where_is_it"), ("send_again", "1.1", "stale")],
)
async def test_a_verdict_that_cannot_be_taken_is_refused_with_the_reason(house, verdict, expected, code):
    await unknown(house)
    ask = SettleAsked(post=STORY, body_hash="b", verdict=verdict, expected=expected)
    told = await house.say(asking_stream("ann", "k1"), ask, story=STORY)
    await house.settle()
    (answer,) = await house.store.read(answer_stream(told.id))
    assert answer.fact.code == code
    assert (await house.story())[-1] == "OutcomeUnknown"


async def test_an_edited_post_is_sent_once_in_its_new_round(house):
    house.channels["linkedin"].answers.append(Unavailable("refused"))
    await house.due()
    await house.settle()
    await house.due(round=2)
    await house.until(NINE + HOUR)
    assert len(house.channels["linkedin"].sent) == 2
    assert (await house.last()).round == 2


async def test_a_look_needs_no_line_and_holds_none(house):
    """A limited line still lets an unclear post of it be settled."""
    channel = house.channels["linkedin"]
    channel.answers.extend([Unclear("503", "", 503), Limited("429", 429, NINE + HOUR)])
    channel.looks.extend([Absent(), Found("urn:7")])
    await house.due()
    await house.due(OTHER)
    await house.until(NINE + 2 * MINUTE)
    assert isinstance(await house.last(), PostPublished)
    assert await house.story(OTHER) == ["AttemptStarted", "RateLimited"]


async def test_run_takes_work_as_the_bell_rings_and_stops_when_cancelled(house):
    channel = house.channels["linkedin"]
    running = asyncio.create_task(house.lanes.run())
    await house.due()
    await house.hear()
    house.lanes.wake.set()
    await channel.called.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert house.lanes.busy == 0


async def test_posts_of_one_instant_go_out_in_the_order_they_came_due_also_after_a_limit(house):
    """Both joined side by side and got the same turn; the limited one is first again (S3, I19)."""
    house.channels["linkedin"].answers.append(Limited("429", 429, NINE + MINUTE))
    await house.due()
    await house.due(OTHER)
    came = [told for told in await house.store.tail(0) if isinstance(told.fact, PostDue)]
    for append in [await house.reactions[PostDue](told) for told in came]:
        await house.store.append(append)
    house.has_heard(await house.store.position())
    first, second = await house.store.pick(Pick(READY, order=("position",)))
    assert (first["story"], first["turn"], first["due_at"]) == (STORY, second["turn"], second["due_at"])
    await house.lanes.quiet()
    await house.until(NINE + HOUR)
    started = [told.story for told in await house.store.tail(0) if isinstance(told.fact, AttemptStarted)]
    assert started == [STORY, STORY, OTHER]


async def test_a_post_in_line_that_is_heard_of_again_keeps_its_turn(house):
    """A checkpoint set back hears of it once more (I7)."""
    await house.due()
    await house.due(OTHER)
    await house.hear()
    before = await house.store.pick(Pick(READY, order=("position",)))
    house.has_heard(0)
    await house.hear()
    assert await house.store.pick(Pick(READY, order=("position",))) == before


# Somebody is quicker


async def test_a_full_disk_ends_no_lanes_and_what_is_ready_is_sent_once_there_is_room(house):
    """I28: claiming a line is a write, and may find no room."""
    claim, refused = house.store.claim, asyncio.Event()

    async def no_room(asked):
        refused.set()
        raise OSError("no space left on the device")

    house.store.claim = no_room
    await house.due()
    await house.hear()
    running = asyncio.create_task(house.lanes.run())
    await refused.wait()
    house.store.claim = claim
    house.lanes.wake.set()
    await house.channels["linkedin"].called.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert house.lanes.stopped is None


async def test_a_lease_that_cannot_be_renewed_for_a_moment_is_renewed_in_the_next(house):
    channel = house.channels["linkedin"]
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()
    append = house.store.append

    async def no_room(asked):
        raise OSError("no space left on the device")

    house.store.append = no_room
    await house.lanes.renew()
    house.store.append = append
    house.clock.at += 5 * SECOND
    await house.lanes.renew()
    (line,) = await house.store.pick(Pick(LINE))
    assert line["lease_until"] - house.lanes._lease_now() == 10 * SECOND
    channel.gate.set()
    await house.lanes.quiet()
    assert await house.story() == ["AttemptStarted", "PostPublished"]


async def test_a_cancel_between_deciding_and_starting_wins(house):
    """I16, D2: AttemptStarted guards the post."""
    await house.due()
    house.interrupt(AttemptStarted, lambda: house.say(post_stream(STORY), PostCancelled(), story=STORY))
    await house.settle()
    assert house.channels["linkedin"].sent == []
    assert await house.last() == DeliveryReturned(round=1, reason="withdrawn", tries=0)


async def test_a_disconnect_between_deciding_and_starting_wins(house):
    gone = ChannelDisconnected(connections=(LINKEDIN,), reason="asked")
    await house.due()
    house.interrupt(AttemptStarted, lambda: house.say(connection_stream(LINKEDIN), gone))
    await house.settle()
    assert house.channels["linkedin"].sent == []
    assert await house.last() == DeliveryReturned(round=1, reason="disconnected", tries=0)


async def test_a_pause_between_deciding_and_starting_wins(house):
    await house.due()
    house.interrupt(AttemptStarted, lambda: house.say(house_stream("all"), PublishingPaused(scope="all")))
    await house.settle()
    assert house.channels["linkedin"].sent == []
    await house.say(house_stream("all"), PublishingResumed(scope="all"))
    await house.settle()
    assert await house.story() == ["AttemptStarted", "PostPublished"]


async def test_a_refresh_that_comes_before_the_401_is_told_sends_again_at_once(house):
    """The line would otherwise wait for a refresh that has already been."""
    house.channels["linkedin"].answers.append(Refused("auth", "65601", 401))

    async def refreshed():
        house.versions[LINKEDIN] = 4
        await house.say(connection_stream(LINKEDIN), GrantRefreshed(connection=LINKEDIN, credential_version=4))
        await house.hear()

    await house.due()
    house.interrupt(CredentialRefused, refreshed)
    await house.settle()
    assert (await house.story())[-1] == "PostPublished"


async def test_a_post_that_joins_while_the_line_is_let_go_is_not_forgotten(house):
    """The line closes only if nobody has joined since the lane looked who is next."""

    async def joins():
        await house.due(OTHER)
        await house.hear()

    await house.due()
    house.interrupt(PostPublished, joins)
    await house.settle()
    assert await house.story(OTHER) == ["AttemptStarted", "PostPublished"]


async def test_a_post_whose_line_closes_while_it_joins_is_not_forgotten(house):
    """The other way about: the lane is done before what was decided on an open line is written."""
    channel, append = house.channels["linkedin"], house.store.append
    channel.gate.clear()
    await house.due()
    await house.hear()
    await house.lanes.step()
    await channel.called.wait()

    async def late(asked):
        if any(isinstance(write, Put) and write.row.get("story") == OTHER for write in asked.rows):
            house.store.append = append
            channel.gate.set()
            await house.lanes.quiet()
        return await append(asked)

    await house.due(OTHER)
    house.store.append = late
    await house.settle()
    assert await house.story(OTHER) == ["AttemptStarted", "PostPublished"]


# After a restore


async def test_after_a_restore_a_post_that_is_live_is_found_and_not_sent(house):
    """I27."""
    channel = house.channels["linkedin"]
    channel.looks.append(Found("urn:7"))
    await house.due(looked_first=True)
    await house.until(NINE + HOUR)
    assert channel.sent == []
    assert await house.story() == ["LookedUp", "PostPublished"]


async def test_after_a_restore_nothing_is_sent_before_a_look_has_answered(house):
    channel = house.channels["linkedin"]
    channel.looks.append(LookFailed("500"))
    await house.due(looked_first=True)
    await house.until(NINE + HOUR)
    assert [at - NINE for _, _, at in channel.sent] == [MINUTE]
    assert await house.story() == ["LookedUp", "LookedUp", "AttemptStarted", "PostPublished"]


async def test_a_retry_that_must_be_looked_for_first_is_not_forgotten_when_the_look_fails(house):
    """A later round of a post that had failed: its earlier round is over, the new one is not (I14)."""
    channel = house.channels["linkedin"]
    channel.answers.append(Refused("content", "422"))
    await house.due()
    await house.until(NINE + MINUTE)
    channel.looks.append(LookFailed("503"))
    await house.due(round=2, looked_first=True)
    await house.until(NINE + HOUR)
    assert await house.story() == ["AttemptStarted", "PostFailed", "LookedUp", "LookedUp", "AttemptStarted",
                                   "PostPublished"]  # fmt: skip


async def test_a_first_look_that_is_refused_tells_the_gateway_and_ends_no_round(house):
    """Nobody else would learn that this credential is no good (D20); no attempt of the post was refused."""
    channel = house.channels["linkedin"]
    channel.looks.append(LookFailed("401", auth=True))
    await house.due(looked_first=True)
    await house.until(NINE)
    refused, looked = await house.facts()
    assert isinstance(refused, CredentialRefused)
    assert (refused.connection, refused.credential_version) == (LINKEDIN, 3)
    assert isinstance(looked, LookedUp)
    await house.until(NINE + HOUR)
    assert await house.story() == ["CredentialRefused", "LookedUp", "LookedUp", "AttemptStarted", "PostPublished"]


async def test_an_id_the_channel_never_gives_is_refused_and_the_outcome_stays_unknown(house):
    await unknown(house)
    ask = SettleAsked(post=STORY, body_hash="b", verdict="published", channel_post_id="has space")
    told = await house.say(asking_stream("ann", "k1"), ask, story=STORY)
    await house.settle()
    (answer,) = await house.store.read(answer_stream(told.id))
    assert (answer.fact.code, "urn:li:share:" in answer.fact.reason) == ("where_is_it", True)
    assert (await house.story())[-1] == "OutcomeUnknown"


# For a stepping clock


async def test_a_stepping_clock_waits_for_calls_and_for_posts_a_lane_could_take(house):
    """D7."""
    channel = house.channels["linkedin"]
    channel.gate.clear()
    assert await house.lanes.in_flight() is None
    await house.due()
    await house.hear()
    assert await house.lanes.in_flight() == "a post ready for a lane"
    await house.lanes.step()
    assert await house.lanes.in_flight() == "a call of the publisher"
    channel.gate.set()
    await house.lanes.quiet()
    assert await house.lanes.in_flight() is None
