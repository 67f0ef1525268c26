"""Every 7 days a connection's windows are learned anew, as long as it publishes (S16)."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson
import pytest

from events import AccountChanged, AccountDocument, Draft, EngagementProfiled, Metrics
from events.envelope import About
from events.subjects import account_stream, engagement_stream
from services.chassis.alarms import set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.rows import ALARM, READING, Pick, Put
from services.chassis.service import Chassis
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore
from services.collector import app
from tests.collector.test_engagement import MONDAY

LINKEDIN = "acme.linkedin"
DAY = timedelta(days=1)


class House:
    """A collector alone with its store, whose posts were measured before; time is stepped."""

    def __init__(self) -> None:
        self.clock = SteppingClock(MONDAY)
        self.store = BelledStore(MemoryStore(self.clock.now))
        self._ids = iter(range(1_000_000))
        chassis = Chassis(self.store, self.clock, self.new_id)
        self.service = app.build(chassis, adapters={}, http_for=lambda name: None, open_credential=None)  # type: ignore[arg-type]

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    async def measured(self, at: datetime, likes: int, *, days: int = 7) -> None:
        metrics = Metrics(impressions=1000, likes=likes).model_dump()
        body = {"bucket": None, "channel": "linkedin", "closed": days == 7, "metrics": metrics, "days": days}
        row = {"story": f"acme.{self.new_id()}", "connection": LINKEDIN, "account": "acme", "published_at": at,
               "body": orjson.dumps(body).decode()}  # fmt: skip
        await self.store.append(Append(rows=[Put(READING, row)]))

    async def due(self, at: datetime) -> None:
        ring = {"ring": "learn", "connection": LINKEDIN}
        await self.store.append(Append(rows=[set_alarm("collector", f"learn.{LINKEDIN}", at, ring)]))

    async def until(self, moment: datetime) -> None:
        while (due := await self.service.alarms.next_due()) and due <= moment:
            self.clock.step_to(due)
            while await self.service.in_flight():
                await self.service.inbox.catch_up()
                await self.service.alarms.quiet()
        self.clock.step_to(moment)

    async def profiles(self) -> list[EngagementProfiled]:
        told = await self.store.read(engagement_stream(LINKEDIN))
        return [each.fact for each in told if isinstance(each.fact, EngagementProfiled)]

    async def alarms(self) -> list[datetime]:
        return [row["due_at"] for row in await self.store.pick(Pick(ALARM))]  # type: ignore[misc]


@pytest.fixture
async def house() -> House:
    """Four weeks with two posts a day; those at 20:00 UTC did five times as well."""
    house = House()
    for day in range(28):
        for hour, likes in ((9, 20), (20, 100)):
            await house.measured(MONDAY + timedelta(days=day, hours=hour), likes)
    return house


async def test_it_says_the_windows_and_rings_again_after_seven_days(house):
    due = MONDAY + 28 * DAY
    await house.due(due)
    await house.until(due)
    [profile] = await house.profiles()
    assert profile.inputs["posts"] == 56
    assert await house.alarms() == [due + 7 * DAY]


async def test_it_goes_on_every_seven_days_until_four_weeks_after_the_last_post(house):
    await house.due(MONDAY + 28 * DAY)
    await house.until(MONDAY + 100 * DAY)
    assert len(await house.profiles()) == 4
    assert await house.alarms() == []


async def test_with_too_little_nothing_is_said_and_it_asks_again_in_a_week():
    house = House()
    await house.measured(MONDAY, 20)
    await house.due(MONDAY + 7 * DAY)
    await house.until(MONDAY + 7 * DAY)
    assert await house.profiles() == []
    assert await house.alarms() == [MONDAY + 14 * DAY]


async def test_what_an_hour_has_brought_is_left_out(house):
    for _ in range(40):
        await house.measured(MONDAY + 27 * DAY, 900, days=0)
    await house.due(MONDAY + 28 * DAY)
    await house.until(MONDAY + 28 * DAY)
    assert (await house.profiles())[0].inputs["posts"] == 56


async def test_hours_are_those_of_the_accounts_zone(house):
    fact = AccountChanged(document=AccountDocument(id="acme", zone="America/New_York"))
    about = About("acme", "test", house.clock.now(), None, "acme")
    await house.store.append(Append([Say(account_stream("acme"), 0, [Draft(house.new_id(), fact, about)])]))
    await house.due(MONDAY + 28 * DAY)
    await house.until(MONDAY + 28 * DAY)
    [profile] = await house.profiles()
    assert profile.inputs["zone"] == "America/New_York"
    assert any(window["from"] <= "16:00" < str(window["to"]) for window in profile.windows)
