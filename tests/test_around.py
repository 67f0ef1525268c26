"""What the house around the gateway answers for it: everything that is missing, by name, and none of it twice (I22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from services.around import PRODUCTION, Around
from services.chassis.bells import BelledStore
from services.chassis.clock import ScaledClock, SteppingClock
from services.chassis.inbox import Inbox
from services.chassis.service import Chassis
from services.chassis.store_memory import MemoryStore


class Wall:
    """The machine's clock, which somebody may set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def around(wall):
    clock = ScaledClock(wall=wall.now)
    return Around(Chassis(BelledStore(MemoryStore(clock.now)), clock, lambda: "id"), "nats://127.0.0.1:9")


async def test_a_house_in_which_nothing_is_missing_is_ready(around):
    assert await around.unready() == []


async def test_whoever_waits_is_named_with_what_it_waits_for(around):
    store, clock = around._chassis.store, around._chassis.clock
    inbox = Inbox(store, "publisher", {}, clock=clock, new_id=lambda: "id")
    views, edge = SimpleNamespace(stopped="the disk is full"), SimpleNamespace(trouble="nats: timeout")
    around.watch(SimpleNamespace(name="publisher", inbox=inbox))
    around.watch_views(views)
    around.watch_part(PRODUCTION, edge)
    inbox.stopped = "the disk is full"
    assert await around.unready() == [
        "the publisher waits: the disk is full",
        "the views wait: the disk is full",
        "Production's messages are not taken in: nats: timeout",
    ]
    inbox.stopped = views.stopped = edge.trouble = None
    assert await around.unready() == []


async def test_a_wall_that_has_jumped_is_told_with_both_times_until_somebody_accepts_it(around, wall):
    wall.ahead = timedelta(seconds=4)
    assert await around.unready() == []
    wall.ahead = timedelta(hours=-24)
    (said,) = await around.unready()
    shown, taken = (datetime.fromisoformat(said[at : at + 19]) for at in (15, 57))
    assert abs(taken - shown - timedelta(days=1)) < timedelta(seconds=5)
    assert "POST /v1/house/clock/accept" in said
    around.hooks.accept_clock()
    assert await around.unready() == []


def test_on_stepped_time_there_is_no_wall_to_accept():
    clock = SteppingClock(datetime(2026, 11, 23, tzinfo=UTC))
    around = Around(Chassis(BelledStore(MemoryStore(clock.now)), clock, lambda: "id"), "nats://127.0.0.1:9")
    assert around.hooks.accept_clock is None


async def test_a_dry_replay_needs_no_broker(around):
    done = await around.replay({"since": 1, "dry": True})
    assert done == {"dry": True, "subject": None, "from": 1, "until": 0, "read": 0, "offered": 0}
