"""After a restore nothing is sent before it was looked for, and every doubt ends (I27, F31)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from events import DeliveryReturned, LookedUp, OutcomeUnknown, PostCancelled, PostPublished, SettleAsked
from events.subjects import asking_stream, post_stream
from services.channels.outcome import Absent, Found, LookFailed, Unavailable, Unclear
from services.chassis.bells import BelledStore
from services.chassis.quarantine import NAME, Restored, body_of, suspects
from services.chassis.rows import HOUSE, SUSPECT, Put
from services.chassis.store import Append
from services.publisher.proving import Proving
from tests.publisher.house import House
from tests.publisher.posts import HOUR, LINKEDIN, MINUTE, NINE, SECOND, STORY

LAST_CALL = 20 * SECOND
"""A call that was in the air when the old house ended ends by then; LinkedIn may hide it for 55 seconds more."""
MAY_LOOK = NINE + LAST_CALL + 55 * SECOND


@pytest.fixture
async def house():
    house = House(LINKEDIN)
    await house.connected()
    yield house
    await house.lanes.close()


async def restored(
    house: House, *, at: datetime = NINE, since: datetime = NINE - HOUR, suspected: str = STORY,
    earlier: Restored | None = None,
) -> Restored:  # fmt: skip
    """As the store is when it was put back: up to here it is known, and after `since` anything may have happened."""
    now = Restored(await house.store.position(), since, at, earlier=earlier)
    await house.store.append(
        Append(rows=[Put(HOUSE, {"name": NAME, "body": body_of(now)}), Put(SUSPECT, {"story": suspected})])
    )
    house.lanes = house.more_lanes()
    return now


async def test_a_post_that_is_live_is_found_and_not_sent_however_late_it_is(house):
    """It went out in time, in the hours that were forgotten; late is not what it is."""
    channel = house.channels["linkedin"]
    await house.due(slot_at=NINE - 9 * HOUR)
    await restored(house)
    channel.looks.append(Found("urn:7"))
    await house.until(NINE + HOUR)
    assert channel.sent == []
    assert [at for _, at in channel.found] == [MAY_LOOK]
    seen, live = await house.facts()
    assert isinstance(seen, LookedUp)
    assert isinstance(live, PostPublished)
    assert (live.channel_post_id, live.attempt, live.found_by) == ("urn:7", 0, "look_up")


async def test_one_that_is_absent_is_sent_after_as_many_looks_as_its_list_asks_for(house):
    channel = house.channels["linkedin"]
    await restored(house)
    await house.due()
    await house.until(NINE + HOUR)
    assert [at for _, at in channel.found] == [MAY_LOOK, MAY_LOOK + 15 * SECOND]
    assert [at for _, _, at in channel.sent] == [MAY_LOOK + 15 * SECOND]
    assert await house.story() == ["LookedUp", "LookedUp", "AttemptStarted", "PostPublished"]


async def test_one_that_is_absent_and_late_goes_back_to_be_planned_again(house):
    await restored(house)
    await house.due(slot_at=NINE - 9 * HOUR)
    await house.until(NINE + HOUR)
    assert house.channels["linkedin"].sent == []
    assert [type(fact) for fact in await house.facts()] == [LookedUp, LookedUp, DeliveryReturned]


async def test_its_next_round_and_its_next_attempt_need_no_further_look(house):
    channel = house.channels["linkedin"]
    channel.answers += [Unclear("reset", "")]
    await restored(house)
    await house.due()
    await house.until(NINE + HOUR)
    looks = [fact for fact in await house.facts() if isinstance(fact, LookedUp)]
    assert [look.attempt for look in looks] == [0, 0, 1, 1]
    assert len(channel.sent) == 2


async def test_an_attempt_that_was_open_is_not_looked_up_before_the_last_call_would_be_seen(house):
    """In what was forgotten it may have been found absent, and made again a moment before the end."""
    channel = house.channels["linkedin"]
    channel.answers.append(Unclear("reset", ""))
    await house.due()
    await house.until(NINE)
    later = NINE + HOUR
    await restored(house, at=later)
    house.clock.at = later
    channel.looks.append(Found("urn:8"))
    await house.until(later + HOUR)
    assert [at for _, at in channel.found] == [later + LAST_CALL + 55 * SECOND]
    assert len(channel.sent) == 1
    assert (await house.story())[-1] == "PostPublished"


async def test_a_retry_that_was_waiting_is_looked_up_first(house):
    """It may have gone out at its second attempt."""
    channel = house.channels["linkedin"]
    channel.answers.append(Unavailable("connection refused"))
    await house.due()
    await house.until(NINE + 30 * SECOND)
    assert (await house.story())[-1] == "AttemptFailed"
    sent, at = len(channel.sent), house.clock.at
    await restored(house, at=at)
    channel.looks.append(Found("urn:9"))
    await house.until(at + HOUR)
    assert len(channel.sent) == sent
    assert (await house.story())[-1] == "PostPublished"


async def test_after_two_restores_a_post_is_looked_for_in_what_either_of_them_has_forgotten(house):
    """It went out in the hours of the first; the log that the second one put back has never heard of that."""
    channel = house.channels["linkedin"]
    first = await restored(house, since=NINE - 5 * HOUR, at=NINE - 4 * HOUR)
    await restored(house, earlier=first)
    await house.due()
    channel.looks += [LookFailed("500")] * 4
    await house.until(NINE + 3 * HOUR)
    assert channel.back_to == [NINE - 5 * HOUR] * 4
    unknown = await house.last()
    assert isinstance(unknown, OutcomeUnknown)
    assert "was sent between 2026-11-23 04:00:00 and 2026-11-23 09:00:00" in unknown.evidence


async def test_what_was_looked_for_since_the_earlier_restore_is_no_longer_looked_for_in_its_hours(house):
    channel = house.channels["linkedin"]
    channel.answers.append(Unavailable("connection refused"))
    first = await restored(house, since=NINE - 5 * HOUR)
    await house.due()
    await house.until(MAY_LOOK + 15 * SECOND)
    assert (await house.story())[-1] == "AttemptFailed"
    later = house.clock.at
    await restored(house, since=NINE + MINUTE, at=later, earlier=first)
    await house.until(later + HOUR)
    assert channel.back_to == [NINE - 5 * HOUR] * 2 + [NINE + MINUTE] * 2
    assert (await house.story())[-1] == "PostPublished"


async def test_a_post_taken_in_weeks_after_the_earlier_restore_is_not_looked_for_in_its_hours(house):
    first = await restored(house, since=NINE - timedelta(days=9), at=NINE - timedelta(days=8))
    await restored(house, earlier=first)
    await house.due()
    await house.until(NINE + HOUR)
    assert house.channels["linkedin"].back_to == [NINE - HOUR] * 2


async def test_a_post_of_later_weeks_is_sent_as_ever(house):
    channel = house.channels["linkedin"]
    await restored(house)
    house.clock.at = NINE + timedelta(days=8)
    await house.due()
    await house.until(house.clock.at)
    assert channel.found == []
    assert len(channel.sent) == 1


@pytest.mark.parametrize("verdict", ["published", "send_again"])
async def test_a_look_that_fails_again_and_again_is_shown_to_a_person_whose_word_counts(house, verdict):
    channel = house.channels["linkedin"]
    channel.looks += [LookFailed("500")] * 4
    await restored(house)
    await house.due()
    await house.until(NINE + 3 * HOUR)
    unknown = await house.last()
    assert isinstance(unknown, OutcomeUnknown)
    assert "was sent between 2026-11-23 08:00:00 and 2026-11-23 09:00:00" in unknown.evidence
    assert channel.sent == []
    where = {"channel_post_id": "urn:li:share:3"} if verdict == "published" else {}
    ask = SettleAsked(post=STORY, body_hash="b", verdict=verdict, **where)
    await house.say(asking_stream("someone", "k"), ask, story=STORY)
    await house.settle()
    said = await house.last()
    if verdict == "published":
        assert isinstance(said, PostPublished)
        assert (said.channel_post_id, said.found_by) == ("urn:li:share:3", "person")
        return
    assert isinstance(said, DeliveryReturned)
    await house.due(round=2)
    looks = len(channel.found)
    await house.until(NINE + 4 * HOUR)
    assert (len(channel.found), len(channel.sent)) == (looks, 1)


async def test_a_verdict_counts_also_where_an_earlier_round_has_ended(house):
    """The round that is unknown has no attempt in this log, so all that the log knows of is the round before."""
    await house.due(slot_at=NINE - 9 * HOUR)
    await house.until(NINE)
    assert isinstance(await house.last(), DeliveryReturned)
    await restored(house)
    house.channels["linkedin"].looks += [LookFailed("500")] * 4
    await house.due(round=2)
    await house.until(NINE + 3 * HOUR)
    assert isinstance(await house.last(), OutcomeUnknown)
    ask = SettleAsked(post=STORY, body_hash="b", verdict="send_again")
    await house.say(asking_stream("someone", "k"), ask, story=STORY)
    await house.settle()
    said = await house.last()
    assert isinstance(said, DeliveryReturned)
    assert (said.round, said.reason) == (2, "send_again")


async def test_a_look_that_is_refused_waits_for_the_grant_and_proves_nothing(house):
    channel = house.channels["linkedin"]
    channel.looks.append(LookFailed("401", auth=True))
    await restored(house)
    await house.due()
    await house.until(NINE + HOUR)
    assert (await house.story())[:2] == ["CredentialRefused", "LookedUp"]
    assert (await house.story())[2:] == ["LookedUp", "LookedUp", "AttemptStarted", "PostPublished"]


async def test_the_quarantine_ends_when_every_suspect_was_looked_up_or_left_the_queue(house):
    other = "acme.other"
    await house.due()
    await house.due(other)
    await restored(house)
    await house.store.append(Append(rows=[Put(SUSPECT, {"story": each}) for each in (other, "acme.gone")]))
    proving = Proving(BelledStore(house.store), clock=house.clock)
    await house.settle()
    await proving.step()
    assert await suspects(house.store) == sorted([STORY, other])  # nothing rings for the third, and nobody spoke of it
    await house.say(post_stream(other), PostCancelled(), story=other)
    house.channels["linkedin"].looks += [Absent(), Absent()]
    await house.until(NINE + 2 * MINUTE)
    await proving.step()
    assert (await suspects(house.store), proving.left) == ([], 0)
