"""What a preview says is what the scheduler then does, to the slot; and a preview changes nothing (S22)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from events import AccountChanged, AccountDocument, EngagementProfiled, PostMissed, PostScheduled
from events.channels import channel_of
from events.subjects import account_stream, engagement_stream
from services.gateway.previewing import Preview, preview
from services.gateway.views import queue
from services.gateway.views.fold import Views
from services.gateway.views.view import unpacked
from services.planning.rezoning import Keep
from tests.scheduler.house import House, message
from tests.scheduler.posts import ACME, LINKEDIN

X = "acme.x"
EVENINGS = {"linkedin": {"mon": ["19:00"], "wed": ["18:00", "19:00"]}, "x": {"tue": ["07:15"]}}
WINDOWS: tuple[dict[str, Any], ...] = ({"days": [1, 4], "from": "06:00", "to": "08:00", "weight": 1.2},)
KEEPS: tuple[Keep, ...] = ("wall_clock", "instant")
CHANGES = (
    {"zone": "America/New_York"},
    {"zone": "Australia/Lord_Howe"},
    {"mode": "custom", "times": EVENINGS},
    {"mode": "adaptive"},
    {"caps": {"linkedin": {"posts_per_day_max": 1}}},
    {"spacing": {"linkedin": "PT1H", "x": "PT5M"}},
    {"tolerance": "PT1H"},
    {"zone": "Asia/Tokyo", "mode": "custom", "times": EVENINGS, "caps": {"linkedin": {"posts_per_day_max": 2}}},
)


async def queued(plan: list[tuple[str, int]], before: dict[str, Any], *, passed: float = 0) -> House:
    """So many posts on two channels, some not before a later day, and some hours gone by."""
    house = House()
    await house.account(**before)
    await house.connect(LINKEDIN, X)
    fact = EngagementProfiled(connection=LINKEDIN, windows=WINDOWS, inputs={})
    await house.say(engagement_stream(LINKEDIN), fact, account=ACME)
    await house.settle()
    messages = []
    for number, (channel, day) in enumerate(plan):
        wish: dict[str, Any] = {}
        if day:
            name = "not_before" if day % 3 else "exactly_at"
            wish = {name: (house.clock.now() + timedelta(days=day, hours=1)).isoformat()}
        messages.append(message(f"post-{number:02}", channel=channel, **wish))
    await house.send(*messages)
    await house.after(timedelta(hours=passed))
    return house


async def previewed(
    house: House, connection: str, change: dict[str, Any], before: dict[str, Any], keep: Keep = "wall_clock"
) -> Preview:
    views = Views(house.store, None, clock=house.clock)
    await views.catch_up()
    rows = await views.rows(queue.table.select().where(queue.table.c.connection == connection))
    profile = EngagementProfiled(connection=LINKEDIN, windows=WINDOWS, inputs={}) if connection == LINKEDIN else None
    old, new = (
        AccountDocument.model_validate({"id": ACME, "zone": "UTC", **each}) for each in (before, before | change)
    )
    return preview(connection, [unpacked(row.body) for row in rows], before=old, after=new, profile=profile,
                   now=house.clock.now(), keep=keep)  # fmt: skip


async def slots(house: House, count: int) -> dict[str, tuple[str, str]]:
    """Where each post stands, by connection and name; one that was missed stands nowhere, and the reason says why."""
    found = {}
    for number in range(count):
        for each in await house.post(f"post-{number:02}"):
            if isinstance(each, PostScheduled):
                found[f"acme.post-{number:02}"] = (each.connection, f"{each.slot.local} {each.slot.zone}")
            if isinstance(each, PostMissed):
                found[f"acme.post-{number:02}"] = ("nowhere", each.reason)
    return found


async def holds(
    plan: list[tuple[str, int]], before: dict[str, Any], change: dict[str, Any], passed: float, keep: Keep
) -> None:
    house = await queued(plan, before, passed=passed)
    there = await slots(house, len(plan))
    said: dict[str, tuple[str, str]] = {}
    for connection in (LINKEDIN, X):
        found = await previewed(house, connection, change, before, keep)
        assert len(found.moves) <= found.posts
        said |= {each.id: (connection, f"{each.after.local} {each.after.zone}") for each in found.moves}
        said |= {each.id: ("nowhere", each.reason) for each in found.missed}
    assert await slots(house, len(plan)) == there
    document = AccountDocument.model_validate({"id": ACME, "zone": "UTC"} | before | change)
    await house.say(account_stream(ACME), AccountChanged(document=document, keep=keep), account=ACME)
    await house.settle()
    assert await slots(house, len(plan)) == there | said


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("change", CHANGES)
async def test_what_it_says_is_what_then_happens(change, keep):
    plan = [("linkedin", 0)] * 9 + [("x", 0)] * 5 + [("linkedin", 2), ("linkedin", 3), ("x", 4), ("linkedin", 6)]
    await holds(plan, {}, change, 0, keep)


@pytest.mark.parametrize("change", [CHANGES[0], CHANGES[2]])
@pytest.mark.parametrize("seconds", [0.5, 30, 59.5, 60, 61])
async def test_what_goes_out_within_the_next_minute_moves_no_more(seconds, change):
    """The first of them has its slot at ten o'clock, two hours after the beginning."""
    await holds([("linkedin", 0)] * 3, {}, change, 2 - seconds / 3600, "wall_clock")


async def test_a_smaller_cap_names_every_promise_that_cannot_be_kept():
    """Three on one day for an exact time, and one may be: the first that came in stays, and nobody is moved for it."""
    plan = [("linkedin", 3), ("linkedin", 3), ("linkedin", 3), ("linkedin", 2)]
    await holds(plan, {}, CHANGES[4], 0, "wall_clock")
    found = await previewed(await queued(plan, {}), LINKEDIN, CHANGES[4], {})
    assert [(each.id, each.before.local, each.reason) for each in found.missed] == [
        (f"acme.post-0{number}", "2026-11-26T09:00", "it would be over the cap of 1 posts a day") for number in (1, 2)
    ]


@given(
    plan=some.lists(some.tuples(some.sampled_from(["linkedin", "x"]), some.integers(0, 9)), min_size=1, max_size=20),
    before=some.sampled_from(({}, {"zone": "Europe/Berlin"}, CHANGES[2], CHANGES[4])),
    change=some.sampled_from(CHANGES),
    passed=some.integers(0, 60),
    keep=some.sampled_from(KEEPS),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_whatever_is_queued(plan, before, change, passed, keep):
    await holds(plan, before, change, passed, keep)


async def test_what_concerns_no_slot_moves_nobody():
    house = await queued([("linkedin", 0)] * 5, {})
    found = await previewed(house, LINKEDIN, {"tolerance": "PT30M"}, {})
    assert (found.posts, list(found.moves)) == (5, [])


async def test_every_move_says_why():
    house = await queued([("linkedin", 0)] * 5, {})
    found = await previewed(house, LINKEDIN, {"mode": "custom", "times": EVENINGS}, {})
    assert [each.why.mode for each in found.moves] == ["custom"] * 5
    assert channel_of(found.connection) == "linkedin"
