"""An account moves to another zone, or a zone gets other rules: slots keep the wall clock, or the instant (S19)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from events import AccountChanged, AccountDocument, CancelAsked, PostDue, PostScheduled, SlotFreed, SlotTaken
from events.channels import account_of
from events.subjects import account_stream, post_stream, posting_day_stream, story_of
from services.chassis.store import Append
from services.planning.posting_day import day_of
from services.planning.zones import edition
from services.scheduler.rules import Rules, note, noted
from services.scheduler.waiting import call_at_slot
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, DAY, HOUR, LINKEDIN, MINUTE, MONDAY

NAMES = [f"post-{number}" for number in range(6)]
DAYS = ("mon", "tue", "wed", "thu", "fri")


@pytest.fixture
async def house() -> House:
    """Six posts in Berlin: four on Monday morning, two on Tuesday's. It is Sunday there."""
    house = House(MONDAY - 12 * HOUR)
    await house.account(zone="Europe/Berlin")
    await house.connect(LINKEDIN)
    await house.settle()
    await house.send(*(message(name) for name in NAMES))
    return house


async def moved(house: House, zone: str, keep: Any = "wall_clock", **choices: Any) -> None:
    document = AccountDocument(id=ACME, **{"zone": zone, **choices})
    await house.say(account_stream(ACME), AccountChanged(document=document, keep=keep), account=ACME)
    await house.settle()


async def slots(house: House) -> dict[str, Any]:
    return {name: (await house.last(name)).slot for name in NAMES}


# Another zone.


async def test_nine_o_clock_stays_nine_o_clock_at_another_instant(house):
    before = await slots(house)
    await moved(house, "America/New_York")
    after = await slots(house)
    assert [each.local for each in after.values()] == [each.local for each in before.values()]
    assert {after[name].at - before[name].at for name in NAMES} == {6 * HOUR}
    assert {each.zone for each in after.values()} == {"America/New_York"}
    last = await house.last(NAMES[0])
    assert last.why.reason == "the zone is America/New_York now, and the wall clock was kept"
    assert (last.why.mode, last.why.window) == ("best_practice", "10:00-12:00")


async def test_nobody_is_pulled_forward_into_a_slot_that_was_given_back(house):
    """A freed slot goes to the next newcomer (S14), also when the zone changes."""
    await house.ask(CancelAsked(post=NAMES[0], body_hash="b"))
    await moved(house, "America/New_York")
    assert (await house.last(NAMES[1])).slot.local == "2026-11-23T10:30"
    await house.send(message("newcomer"))
    assert (await house.last("newcomer")).slot.local == "2026-11-23T10:00"


async def test_or_the_post_goes_out_when_it_would_have_and_reads_another_wall_clock(house):
    before = await slots(house)
    await moved(house, "America/New_York", keep="instant")
    after = await slots(house)
    assert [each.at for each in after.values()] == [each.at for each in before.values()]
    assert (after[NAMES[0]].local, after[NAMES[0]].zone) == ("2026-11-23T04:00", "America/New_York")
    assert (await house.last(NAMES[0])).why.reason == "the zone is America/New_York now, and the instant was kept"


async def test_kept_instants_are_when_the_posts_go_out(house):
    before = await slots(house)
    await moved(house, "Asia/Tokyo", keep="instant")
    await house.until(MONDAY + 3 * DAY)
    assert [due.slot_at for due in await house.said(PostDue)] == [each.at for each in before.values()]


async def test_whoever_would_be_late_is_planned_again_after_all_others(house):
    """On Monday at half past nine in Berlin, ten o'clock in Tokyo was hours ago."""
    house.clock.step_to(MONDAY + 30 * MINUTE)
    await moved(house, "Asia/Tokyo")
    after = await slots(house)
    assert [after[name].local for name in NAMES[4:]] == ["2026-11-24T09:00", "2026-11-24T09:30"]
    assert [after[name].local for name in NAMES[:4]] == [
        "2026-11-24T10:00", "2026-11-24T10:30", "2026-11-24T11:00", "2026-11-24T11:30",
    ]  # fmt: skip
    assert {(await house.last(name)).why.reason for name in NAMES[:4]} == {"replanned"}


async def test_a_wish_not_to_go_out_before_is_kept_in_any_zone(house):
    await house.send(message("later", not_before="2026-11-26T08:30:00Z"))
    assert (await house.last("later")).slot.local == "2026-11-26T09:30"
    await moved(house, "Asia/Tokyo")
    assert (await house.last("later")).slot.local == "2026-11-27T10:00"


async def test_a_cap_is_kept_where_the_channels_day_cuts_another_morning(house):
    """Sydney's morning lies on both sides of midnight in UTC, by which LinkedIn counts (S17a)."""
    await house.account(zone="Europe/Berlin", caps={"linkedin": {"posts_per_day_max": 2}})
    await house.settle()
    await moved(house, "Australia/Sydney", caps={"linkedin": {"posts_per_day_max": 2}})
    at = [each.at for each in (await slots(house)).values()]
    assert max(Counter(each.date() for each in at).values()) == 2
    assert len(set(at)) == len(NAMES)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_slot_that_was_given_back_is_offered_again_whatever_date_it_was_written_under(restarted):
    """Thursday morning in Tokyo is Wednesday afternoon in Los Angeles, and with one a day it takes the channel's
    Wednesday, which there begins on Tuesday afternoon."""
    house, evenings = House(MONDAY - 12 * HOUR), {day: ["18:00"] for day in DAYS}
    terms = {"mode": "custom", "times": {"linkedin": evenings}, "caps": {"linkedin": {"posts_per_day_max": 1}}}
    await house.account(zone="Asia/Tokyo", **terms)
    await house.connect(LINKEDIN)
    await house.settle()
    await house.send(message("promised", exactly_at="2026-11-25T23:00:00Z"))
    await moved(house, "America/Los_Angeles", **terms)
    await house.send(*(message(name) for name in NAMES[:3]))
    evening = [(await house.decided(name)).slot.local for name in NAMES[:3]]
    assert evening == [f"2026-11-{day}T18:00" for day in (23, 25, 26)]
    await house.ask(CancelAsked(post="promised", body_hash="b"))
    if restarted:
        house = House(before=house)
        await house.settle()
    await house.send(message("newcomer"))
    assert (await house.decided("newcomer")).slot.local == "2026-11-24T18:00"


async def test_exactly_at_is_an_instant_and_no_zone_moves_it(house):
    await house.send(message("exactly", exactly_at="2026-11-24T03:00:00Z"))
    before = await house.story("exactly")
    await moved(house, "America/New_York")
    assert await house.story("exactly") == before


async def test_a_gap_of_the_new_zone_moves_a_slot_to_its_end_and_leaving_it_brings_it_back(house):
    times = {"linkedin": {"sun": ["02:30"]}}
    await house.account(zone="UTC", mode="custom", times=times)
    await house.send(message("early", not_before="2027-03-27T00:00:00Z"))
    await moved(house, "Europe/Berlin", mode="custom", times=times)
    slot = (await house.last("early")).slot
    assert (slot.local, slot.wanted, slot.why) == ("2027-03-28T03:00", "02:30", "gap")
    await moved(house, "Europe/Moscow", mode="custom", times=times)
    slot = (await house.last("early")).slot
    assert (slot.local, slot.wanted) == ("2027-03-28T02:30", None)


async def test_together_with_another_change_the_queue_is_planned_anew(house):
    await moved(house, "America/New_York", keep="instant", mode="custom", times={"linkedin": {"wed": ["18:00"]}})
    assert (await slots(house))[NAMES[0]].local == "2026-11-25T18:00"
    assert (await house.last(NAMES[0])).why.reason == "replanned"


async def test_two_changes_at_once_that_differ_are_planned_anew_and_two_alike_keep(house):
    before = await slots(house)
    for keep in ("wall_clock", "instant"):
        document = AccountDocument(id=ACME, zone="Asia/Tokyo" if keep == "instant" else "America/New_York")
        await house.say(account_stream(ACME), AccountChanged(document=document, keep=keep), account=ACME)
    await house.service.inbox.catch_up()
    await house.settle()
    assert {(await house.last(name)).why.reason for name in NAMES} == {"replanned"}
    for zone in ("Europe/Berlin", "America/New_York"):
        document = AccountDocument(id=ACME, zone=zone)
        await house.say(account_stream(ACME), AccountChanged(document=document), account=ACME)
    await house.service.inbox.catch_up()
    await house.settle()
    assert {each.local[11:] for each in (await slots(house)).values()} <= {each.local[11:] for each in before.values()}
    assert "kept" in (await house.last(NAMES[0])).why.reason


# Other rules of the same zone.


async def by_older_rules(house: House, name: str, earlier: timedelta = HOUR) -> None:
    """The slot as a release would have resolved it in which the zone was an hour further east."""
    story = story_of(ACME, name)
    last = await house.last(name)
    slot = last.slot.model_copy(update={"at": last.slot.at - earlier})
    fact = SlotTaken(connection=LINKEDIN, day=day_of(slot), post=name, at=slot.at, local=slot.local)
    stream = posting_day_stream(LINKEDIN, day_of(slot))
    await house.say(stream, SlotFreed(connection=LINKEDIN, day=day_of(slot), post=name, why="moved"), fact)
    again = PostScheduled(connection=LINKEDIN, slot=slot, why=last.why)
    await house.say(post_stream(story), again, story=story, account=account_of(story))
    await house.store.append(Append(rows=[call_at_slot(LINKEDIN, story, slot.at)]))


async def started(house: House) -> House:
    """The house of a newer release, with an empty memory."""
    house = House(before=house)
    rules = next(part for part in house.service.parts if isinstance(part, Rules))
    await rules.run()
    await house.settle()
    return house


async def test_after_an_upgrade_a_slot_keeps_its_wall_clock_by_the_new_rules(house):
    before = await slots(house)
    for name in NAMES[1:3]:
        await by_older_rules(house, name)
    house = await started(house)
    assert await slots(house) == before
    last = await house.last(NAMES[1])
    assert last.why.reason == "the rules of Europe/Berlin have changed, and the wall clock was kept"
    assert (await house.last(NAMES[0])).why.reason == "planned"
    await house.until(MONDAY + 2 * DAY)
    assert [due.slot_at for due in await house.said(PostDue)] == [each.at for each in before.values()]


async def test_it_is_looked_at_once_for_each_edition_of_the_rules(house):
    assert await noted(house.store) is None
    house = await started(house)
    assert await noted(house.store) == edition()
    await by_older_rules(house, NAMES[1])
    here = await house.store.position()
    house = await started(house)
    assert await house.store.position() == here
    await house.store.append(Append(rows=[note("1970a")]))
    house = await started(house)
    assert (await house.last(NAMES[1])).slot.local == "2026-11-23T10:30"
    assert await house.store.position() > here


async def test_a_long_queue_is_looked_at_page_by_page(house, monkeypatch):
    monkeypatch.setattr("services.scheduler.rules.PAGE", 2)
    before = await slots(house)
    for name in (NAMES[0], NAMES[5]):
        await by_older_rules(house, name)
    house = await started(house)
    assert await slots(house) == before
    assert await noted(house.store) == edition()


async def test_rules_that_did_not_move_anybody_say_nothing(house):
    here = await house.store.position()
    house = await started(house)
    assert await house.store.position() == here


async def test_a_wall_clock_that_shows_for_the_second_time_is_no_mistake_of_older_rules(house):
    """Kept at its instant, a slot may stand in the second of two like hours: no new edition moves it (S19)."""
    times = {"linkedin": {"sun": ["01:30"]}}
    await house.account(zone="UTC", mode="custom", times=times)
    await house.send(message("twice", not_before="2027-10-31T00:00:00Z"))
    await moved(house, "Europe/Berlin", keep="instant", mode="custom", times=times)
    slot = (await house.last("twice")).slot
    assert (slot.local, slot.at.isoformat()) == ("2027-10-31T02:30", "2027-10-31T01:30:00+00:00")
    house = await started(house)
    assert (await house.last("twice")).slot == slot
