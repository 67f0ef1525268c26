"""The door: every message becomes exactly one post, or is silence, or is parked (S1 to S4)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import date

import pytest

from events import (
    ConnectionDropped,
    ConnectionListed,
    EditAsked,
    MessageParked,
    PostDue,
    PostHeld,
    PostMissed,
    PostRefused,
    PostTakenIn,
    SlotTaken,
)
from events.subjects import account_stream, parked_stream, post_stream, posting_day_stream
from services.chassis.rows import PARKED_BODY, ROOM, Pick
from services.chassis.store import Append, StoreError
from services.scheduler.intake import Arrived
from services.scheduler.waiting import BATCH_MAX
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, HOUR, LINKEDIN, MINUTE, MONDAY, SECOND


@pytest.fixture
async def house() -> House:
    house = House()
    await house.account()
    await house.connect(LINKEDIN)
    await house.settle()
    return house


async def parked(house: House) -> list[MessageParked]:
    return await house.said(MessageParked)


async def codes(house: House) -> list[str]:
    return [each.code for each in await parked(house)]


async def test_s1_a_message_becomes_one_post_with_its_whole_content(house):
    await house.send(message(bucket="stories", campaign="spring", link="https://acme.example/42"))
    taken_in = (await house.post())[0]
    assert isinstance(taken_in, PostTakenIn)
    assert (taken_in.post, taken_in.connection, taken_in.bucket, taken_in.campaign) == (
        "spring-042", LINKEDIN, "stories", "spring",
    )  # fmt: skip
    assert taken_in.content.link == "https://acme.example/42"
    told = (await house.store.read(post_stream("acme.spring-042")))[0]
    assert (told.story, told.account, told.about.channel, told.about.cause) == (
        "acme.spring-042", ACME, "linkedin", "event-acme-spring-042",
    )  # fmt: skip


async def test_s1_the_same_content_again_is_silence(house):
    await house.send(message())
    before = await house.store.position()
    await house.send(message())
    await house.send(message(connection=LINKEDIN) | {"id": "another-event"})
    await house.send(message(), message())
    assert await house.store.position() == before


async def test_s1_twice_in_one_batch_is_one_post(house):
    await house.send(message(), message(), message("other"))
    assert len(await house.said(PostTakenIn)) == 2
    assert await parked(house) == []


@pytest.mark.parametrize(
    "change", [{"text": "Other"}, {"title": "T"}, {"link": "https://o.example"}, {"bucket": "b"}, {"campaign": "c"},
               {"not_before": "2026-11-25T08:00:00Z"}, {"exactly_at": "2026-11-25T08:00:00Z"}, {"channel": "x"},
               {"connection": "acme.linkedin.team"}]
)  # fmt: skip
async def test_s1_other_content_under_the_same_identity_is_parked_as_changed(house, change):
    await house.send(message())
    await house.send(message(**change))
    assert await codes(house) == ["changed"]
    assert await house.story() == ["PostTakenIn", "PostScheduled"]


async def test_s1_other_content_in_the_same_batch_is_parked_as_changed(house):
    await house.send(message(), message(text="Other"), message(channel="x"))
    assert await codes(house) == ["changed", "changed"]


async def test_s1_a_repeat_is_silence_although_other_content_comes_before_it_in_the_same_batch(house):
    await house.send(message())
    await house.send(message(text="Another."), message(), message(text="Another."), message(connection=LINKEDIN))
    assert await codes(house) == ["changed"]
    (head,) = [each.head for each in await parked(house)]
    assert "Another." in head


async def test_s1_an_edited_post_is_still_the_one_that_was_sent(house):
    await house.send(message())
    await house.ask(EditAsked(post="spring-042", body_hash="b", text="Mended"))
    await house.send(message())
    assert await parked(house) == []


async def test_s1_a_message_whose_append_failed_is_taken_in_when_it_comes_again(house):
    append = house.store.append

    async def away(asked: Append):
        raise StoreError("the disk is full")

    house.store.append = away
    with pytest.raises(StoreError):
        await house.intake.take([Arrived(json.dumps(message()).encode())])
    house.store.append = append
    await house.send(message())
    await house.send(message("second"))
    assert [taken.local for taken in await house.said(SlotTaken)] == ["2026-11-23T10:00", "2026-11-23T10:30"]


async def test_s1_two_deliveries_at_once_are_one_post(house):
    once = [Arrived(json.dumps(message(f"post-{number}")).encode()) for number in range(20)]
    await asyncio.gather(house.intake.take(once), house.intake.take(list(reversed(once))), house.intake.take(once))
    assert len(await house.said(PostTakenIn)) == 20
    taken = await house.said(SlotTaken)
    assert len({each.at for each in taken}) == len(taken) == 20


async def test_s2_a_parked_message_keeps_its_beginning_its_hash_and_its_whole_body(house):
    body = json.dumps(message(text="x" * 10_000, post="Bad Name")).encode()
    await house.intake.take([Arrived(body, "production.post_approved")])
    (told,) = await house.store.read(parked_stream(body))
    assert isinstance(told.fact, MessageParked)
    assert (told.fact.code, told.fact.bytes, len(told.fact.head)) == ("invalid", len(body), 4096)
    assert told.fact.sha256 == hashlib.sha256(body).hexdigest()
    (row,) = await house.store.pick(Pick(PARKED_BODY))
    assert (row["id"], row["body"]) == (told.stream, body)


async def test_s2_the_same_broken_body_again_is_silence(house):
    await house.intake.take([Arrived(b"{")])
    await house.intake.take([Arrived(b"{"), Arrived(b"{")])
    assert await codes(house) == ["not_json"]


async def test_s2_a_broken_message_delays_nothing_else(house):
    broken = [b"\xff\x00", b"[]", json.dumps(message(channel="myspace")).encode(), b"[" * 300_000]
    whole = [json.dumps(message(f"post-{number}")).encode() for number in range(3)]
    await house.intake.take([Arrived(body) for pair in zip(broken, [*whole, whole[0]], strict=True) for body in pair])
    assert sorted(await codes(house)) == ["not_an_event", "not_json", "oversize", "unknown_channel"]
    assert len(await house.said(PostTakenIn)) == 3


async def test_s2_bytes_that_are_no_text_can_still_be_read_by_an_operator(house):
    await house.intake.take([Arrived(b"\xff\x00 broken")])
    assert (await parked(house))[0].head == "\ufffd\x00 broken"


async def test_s2a_two_connections_and_none_named_is_parked(house):
    await house.connect("acme.linkedin.team")
    await house.send(message())
    (fact,) = await parked(house)
    assert fact.code == "ambiguous_connection"
    assert "name one of acme.linkedin, acme.linkedin.team" in fact.reason


async def test_s2a_a_named_connection_is_the_one_that_is_taken(house):
    await house.connect("acme.linkedin.team")
    await house.send(message(connection="acme.linkedin.team"))
    assert (await house.last()).connection == "acme.linkedin.team"


async def test_s2a_a_repeat_is_silence_even_if_it_would_be_ambiguous_by_now(house):
    await house.send(message())
    await house.connect("acme.linkedin.team")
    await house.send(message())
    assert await parked(house) == []


async def test_s2a_a_second_connection_that_comes_while_deciding_is_seen(house):
    """The guard on the account covers *there is only one* (D2)."""
    second = ConnectionListed(connection="acme.linkedin.team")
    house.interrupt(PostTakenIn, lambda: house.say(account_stream(ACME), second))
    await house.send(message())
    assert await codes(house) == ["ambiguous_connection"]


async def test_s2a_no_connection_on_the_channel_is_taken_in_and_held(house):
    await house.send(message(channel="facebook"))
    assert await house.last() == PostHeld(connection="acme.facebook", reason="not_connected")
    await house.connect("acme.facebook")
    await house.settle()
    scheduled = await house.last()
    assert (scheduled.connection, scheduled.why.reason) == ("acme.facebook", "reconnected")


async def test_s2a_those_who_waited_for_the_first_connect_go_in_the_order_they_came(house):
    for batch in range(4):
        await house.send(*(message(f"post-{batch}-{number}", channel="facebook") for number in range(BATCH_MAX // 2)))
    await house.connect("acme.facebook")
    await house.settle()
    names = [f"post-{batch}-{number}" for batch in range(4) for number in range(BATCH_MAX // 2)]
    slots = [(await house.last(name)).slot.at for name in names]
    assert slots == sorted(set(slots))


async def test_s3_not_before_is_kept(house):
    await house.send(message(not_before="2026-11-25T10:10:00+00:00"))
    scheduled = await house.last()
    assert (scheduled.slot.local, scheduled.not_before) == ("2026-11-25T10:30", MONDAY + 2 * DAY + 130 * MINUTE)


async def test_s3_exactly_at_goes_out_exactly_then(house):
    await house.send(message(exactly_at="2026-11-23T23:17:00Z"), message("twin", exactly_at="2026-11-23T23:17:00Z"))
    await house.until(MONDAY + DAY)
    for name in ("spring-042", "twin"):
        due = await house.last(name)
        assert isinstance(due, PostDue)
        assert (due.exactly, due.slot_at) == (True, MONDAY + 15 * HOUR + 17 * MINUTE)


async def test_s3_exactly_at_that_cannot_be_kept_is_missed_and_a_person_is_reminded(house):
    await house.send(message(exactly_at="2026-11-23T05:00:00Z"))
    assert isinstance(await house.last(), PostMissed)
    assert await house.alarms() == ["remind-acme.spring-042"]
    await house.after(DAY + SECOND)
    assert await house.alarms() == ["remind-acme.spring-042"]
    assert await house.story() == ["PostTakenIn", "PostMissed"]


async def test_s4_content_over_a_hard_limit_is_failed_before_it_takes_a_slot(house):
    await house.send(message(text="x" * 3001))
    refused = await house.last()
    assert isinstance(refused, PostRefused)
    assert refused.code == "text_too_long"
    assert await house.said(SlotTaken) == []
    assert await parked(house) == []
    assert await house.alarms() == []


async def test_s4_the_accounts_own_tracking_parameters_are_counted(house):
    link = " https://acme.example/1"
    await house.send(message(text="x" * (2890 - len(link)) + link))
    assert await house.story() == ["PostTakenIn", "PostScheduled"]
    await house.account(utm={"utm_campaign": "a-very-long-campaign-name-" * 8})
    await house.send(message("second", text="x" * (2890 - len(link)) + link))
    assert await house.story("second") == ["PostTakenIn", "PostRefused"]


async def test_s38_the_gate_is_read_when_a_post_is_taken_in(house):
    await house.account(approval={"required": True})
    await house.send(message())
    assert [type(fact).__name__ for fact in await house.post()] == ["PostTakenIn"]
    assert (await house.last()).approval_required
    assert await house.said(SlotTaken) == []


async def test_s17_a_batch_for_many_connections_is_one_append_for_each(house):
    await house.connect("acme.x", "acme.blog")
    house = House(before=house)
    appends, append = [], house.store.append

    async def counted(asked: Append):
        appends.append({say.stream.split("-")[0] for say in asked.says})
        return await append(asked)

    house.store.append = counted
    channels = ("linkedin", "x", "blog")
    await house.intake.take(
        [
            Arrived(json.dumps(message(f"{channel}-{number}", channel=channel)).encode())
            for number in range(10)
            for channel in channels
        ]
    )
    assert appends == [{"post", "posting_day"}] * 3


async def test_a_steady_stream_of_messages_reads_nothing_twice(house):
    """What the desk knows of its connection it keeps, so that taking in costs no reading."""
    await house.send(message("first"))
    reads, read, fold = [], house.store.read, house.store.fold
    house.store.read = lambda stream: reads.append(stream) or read(stream)
    house.store.fold = lambda stream, decider: reads.append(stream) or fold(stream, decider)
    await house.intake.take([Arrived(json.dumps(message("second")).encode())])
    assert reads == []


async def test_days_that_are_full_are_stepped_over_by_a_house_that_starts_anew(house):
    await house.send(*(message(f"post-{number:02}") for number in range(30)))
    full = {str(row["day"]) for row in await house.store.pick(Pick(ROOM))}
    assert {"2026-11-23", "2026-11-24", "2026-11-28", "2026-11-29"} <= full
    looked, fold = [], house.store.fold
    house.store.fold = lambda stream, decider: looked.append(stream) or fold(stream, decider)
    again = House(before=house)
    await again.send(message("later"))
    assert all(stream[-10:] not in full for stream in looked)
    assert (await again.last("later")).slot.at > (await again.last("post-29")).slot.at


async def test_d2_a_day_that_was_only_looked_at_is_guarded_as_well(house):
    """Somebody takes the cap's last place, on the other side of the account's midnight, while we decide."""
    times = {"linkedin": {"mon": ["20:00"], "wed": ["20:00"]}}
    caps = {"linkedin": {"posts_per_day_max": 1}}
    await house.account(zone="America/Los_Angeles", mode="custom", times=times, caps=caps)
    await house.settle()
    day = date(2026, 11, 24)
    fact = SlotTaken(connection=LINKEDIN, day=day, post="other", at=MONDAY + 33 * HOUR, local="2026-11-24T09:00")
    house.interrupt(PostTakenIn, lambda: house.say(posting_day_stream(LINKEDIN, day), fact))
    await house.send(message())
    assert (await house.last()).slot.local == "2026-11-25T20:00"


async def test_s2a_a_connection_that_goes_while_its_riddle_is_being_parked_is_seen(house):
    await house.connect("acme.linkedin.team")
    gone = ConnectionDropped(connection="acme.linkedin.team")
    house.interrupt(MessageParked, lambda: house.say(account_stream(ACME), gone))
    await house.send(message())
    assert await parked(house) == []
    assert await house.story() == ["PostTakenIn", "PostScheduled"]
