"""What the page says a reconnect releases is what the scheduler then releases, to the slot (S10)."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from events import PostMissed, PostScheduled, RescheduleAsked
from services.gateway.page import channels
from services.gateway.views import queue
from services.gateway.views.fold import Views
from tests.gateway.test_page import look, signed_in
from tests.gateway.weeks import week as week
from tests.scheduler.house import House, message
from tests.scheduler.posts import LINKEDIN, MONDAY

TUESDAY = MONDAY + timedelta(hours=30)
THREE_O_CLOCK = f"{TUESDAY.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M}"
CAP = {"caps": {"linkedin": {"posts_per_day_max": 2}}}


async def told_and_done(
    choices: dict, wishes: list[dict], hours: float, moved_to: dict | None = None
) -> tuple[list, list]:
    """The plan that was shown while the channel was gone, and the slots after it came back."""
    house = House()
    await house.account(zone="Europe/Berlin", **choices)
    await house.connect(LINKEDIN)
    await house.settle()
    names = [f"post-{number:02}" for number in range(len(wishes))]
    await house.send(*(message(name, **wish) for name, wish in zip(names, wishes, strict=True)))
    if moved_to:
        await house.ask(RescheduleAsked(post=names[0], body_hash="b", **moved_to))
    await house.disconnect()
    await house.until(MONDAY + timedelta(hours=hours))
    views = Views(house.store, None, clock=house.clock)
    await views.catch_up()
    held = await views.rows(select(func.count()).where(queue.table.c.reason == "held"))
    gone = {"id": LINKEDIN, "account": "acme", "held": held[0][0]}
    plan = await views.together(lambda db: channels.plan(db, gone, house.clock.now()))
    await house.connect(LINKEDIN)
    await house.settle()
    done = []
    for each in plan["items"]:
        told = await house.post(each["id"].partition(".")[2])
        last = next(fact for fact in reversed(told) if isinstance(fact, PostScheduled | PostMissed))
        done.append((each["id"], last.slot.local if isinstance(last, PostScheduled) else None))
    return [(each["id"], each["local"]) for each in plan["items"]], done


async def test_a_queue_of_three_months_is_known_to_its_end():
    """One a day, and whoever was held goes behind the last of them."""
    plan, done = await told_and_done({"caps": {"linkedin": {"posts_per_day_max": 1}}}, [{}] * 60, 30)
    assert plan == done
    assert min(local for _, local in plan) > "2027-02"


@pytest.mark.parametrize("hours", [3, 30, 80])
@pytest.mark.parametrize("choices", [{}, CAP, {"mode": "custom", "times": {"linkedin": {"tue": ["09:00", "09:05"]}}}])
async def test_what_is_shown_is_what_is_released(choices, hours):
    later = (MONDAY + timedelta(days=3)).isoformat()
    noon = (MONDAY + timedelta(hours=3)).isoformat()
    wishes = [{}, {"not_before": later}, {"exactly_at": noon}, *[{}] * 9]
    plan, done = await told_and_done(choices, wishes, hours)
    assert plan == done
    assert plan or choices.get("mode"), "something was held"


@pytest.mark.parametrize(
    "wish", [{}, {"exactly_at": MONDAY + timedelta(days=5)}, {"not_before": MONDAY + timedelta(hours=9)}]
)
@pytest.mark.parametrize("moved_to", [{"at": TUESDAY}, {"not_before": TUESDAY}])
async def test_what_a_person_has_moved_it_to_counts_and_not_what_production_asked_for(wish, moved_to):
    """Three o'clock on Tuesday lies outside the windows: only a time that was asked for exactly is kept there."""
    asked = {name: at.isoformat() for name, at in wish.items()}
    plan, done = await told_and_done({}, [asked], 54 if "not_before" in moved_to else 30.02, moved_to)
    assert plan == done
    [(_, local)] = plan
    assert (local == THREE_O_CLOCK) == ("at" in moved_to)


async def test_reconnect_stands_beside_what_it_releases(week):
    await signed_in(week)
    text = " ".join((await look(week.http, "/channels")).text.split())
    assert "A reconnect releases 1 held post: This week: bacalhau, twice. Thursday 26 November 2026, 09:30" in text
    assert "1 more has its slot still to come and keeps it if you reconnect before; else it is held, too." in text
    await week.teller.connect("bistro.linkedin")
    assert "A reconnect releases" not in (await look(week.http, "/channels")).text
