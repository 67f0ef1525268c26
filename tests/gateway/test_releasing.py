"""What the page says a reconnect releases is what the scheduler then releases, to the slot (S10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import PostMissed, PostScheduled, RescheduleAsked
from services.gateway import allowances
from services.gateway.page import channels
from services.gateway.releasing import released
from services.gateway.views import queue
from services.gateway.views.fold import Views
from services.gateway.views.view import unpacked
from tests.gateway.test_page import look, signed_in
from tests.gateway.weeks import week as week
from tests.scheduler.house import House, message
from tests.scheduler.posts import LINKEDIN, MONDAY

TUESDAY = MONDAY + timedelta(hours=30)
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
    [known] = await views.together(lambda db: allowances.known(db, ["acme"]))
    documents = [unpacked(row.body) for row in await views.rows(queue.table.select())]
    held = [each for each in documents if each["reason"] == "held"]
    now = house.clock.now()
    taken = await views.together(lambda db: channels.taken_between(db, ["acme"], now - timedelta(days=2)))
    plan = released(held, taken[LINKEDIN], known.terms, now=now, most=100)
    await house.connect(LINKEDIN)
    await house.settle()
    done = []
    for each in plan:
        told = await house.post(each.document["post"])
        last = next(fact for fact in reversed(told) if isinstance(fact, PostScheduled | PostMissed))
        done.append((each.document["id"], last.slot if isinstance(last, PostScheduled) else None))
    return [(each.document["id"], each.slot) for each in plan], done


async def test_a_queue_of_three_months_is_known_to_its_end():
    """One a day, and whoever was held goes behind the last of them."""
    house, names = House(), [f"post-{number:02}" for number in range(60)]
    await house.account(caps={"linkedin": {"posts_per_day_max": 1}})
    await house.connect(LINKEDIN)
    await house.settle()
    await house.send(*map(message, names))
    await house.disconnect()
    await house.until(TUESDAY)
    views = Views(house.store, None, clock=house.clock)
    await views.catch_up()
    gone = {"id": LINKEDIN, "account": "acme", "held": 2}
    plan = await views.together(lambda db: channels.plan(db, gone, house.clock.now()))
    await house.connect(LINKEDIN)
    await house.settle()
    assert [(each["id"], each["local"]) for each in plan["items"]] == [
        (f"acme.{name}", (await house.decided(name)).slot.local) for name in names[:2]
    ]
    assert plan["items"][0]["local"] > (await house.decided(names[-1])).slot.local > "2027-02"


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
    [(_, slot)] = plan
    assert slot is not None
    assert (slot.at == TUESDAY) == ("at" in moved_to)


async def test_reconnect_stands_beside_what_it_releases(week):
    await signed_in(week)
    text = " ".join((await look(week.http, "/channels")).text.split())
    assert "A reconnect releases 1 held post: This week: bacalhau, twice. Thursday 26 November 2026, 09:30" in text
    assert "1 more has its slot still to come and keeps it if you reconnect before; else it is held, too." in text
    await week.teller.connect("bistro.linkedin")
    assert "A reconnect releases" not in (await look(week.http, "/channels")).text
