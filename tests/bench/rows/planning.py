"""A slot in a queue of a million posts, and in one of a thousand; and a preview of a queue of ten thousand.

The million lies on a thousand connections, of which the one measured has its thousand taken in through the door.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from events import AccountChanged, AccountDocument, Caps, ChannelConnected, ConnectionListed, Draft, Fact
from events.envelope import About
from events.subjects import account_stream, connection_stream
from services.chassis.bells import BelledStore
from services.chassis.clock import RealClock
from services.chassis.store import Append, Say, Store
from services.chassis.store_sqlite import SqliteStore
from services.gateway.previewing import preview
from services.gateway.views import queue
from services.gateway.views.fold import Views
from services.gateway.views.view import unpacked
from services.scheduler.intake import Arrived, Intake
from services.system import new_id
from tests.bench.lives import write_log
from tests.bench.table import Row

MANY, FEW, SLOTS, AT_ONCE, PREVIEWED = 1_000_000, 1_000, 300, 100, 10_000
LIVES = 40_000
"""So many whole lives lie in the log behind the million, whose alarms are what a planner could stumble over."""
ALARMS = (
    "WITH RECURSIVE queue (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM queue WHERE number < ?)"
    " INSERT INTO alarm (service, name, due_at, ring)"
    " SELECT 'scheduler', 'due-account-' || (number % 999) || '.linkedin/account-' || (number % 999) || '.p' || number,"
    ' ? + number * 1000000, \'{"ring": "due", "story": "account-\' || (number % 999) || \'.p\' || number || \'"}\''
    " FROM queue"
)
ACCOUNT, CONNECTION = "acme", "acme.linkedin"
DENSE = AccountDocument(id=ACCOUNT, zone="Europe/Berlin", spacing={"linkedin": timedelta(minutes=10)})


async def _account(store: Store) -> None:
    says = [_say(account_stream(ACCOUNT), AccountChanged(document=DENSE), ConnectionListed(connection=CONNECTION)),
            _say(connection_stream(CONNECTION),
                 ChannelConnected(connection=CONNECTION, credential_version=1, member="m"))]  # fmt: skip
    await store.append(Append(says))


def _say(stream: str, *facts: Fact) -> Say:
    about = About("", "bench", datetime.now(UTC), None, ACCOUNT, "linkedin")
    return Say(stream, 0, [Draft(uuid.uuid4().hex, fact, about) for fact in facts])


def _message(name: str) -> Arrived:
    data = {"post": name, "account": ACCOUNT, "channel": "linkedin", "text": f"How Acme halved its returns: {name}."}
    return Arrived(json.dumps({"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/production",
                               "type": "production.post_approved", "data": data}).encode())  # fmt: skip


async def _taken_in(intake: Intake, count: int) -> None:
    for first in range(0, count, AT_ONCE):
        await intake.take([_message(f"before-{number}") for number in range(first, min(first + AT_ONCE, count))])


async def _slots(place: Path, posts: int) -> float:
    """Slots a second, asked for one by one by a scheduler that has just started."""
    path, clock = place / "log.db", RealClock()
    if posts > FEW:
        write_log(path, LIVES)
    store = BelledStore(SqliteStore(path, clock.now))
    try:
        await _account(store)
        await _taken_in(Intake(store, clock=clock, new_id=new_id), FEW)
        if posts > FEW:
            with sqlite3.connect(path) as db:
                db.execute(ALARMS, (posts - FEW, int(clock.now().timestamp()) * 1_000_000))
        intake = Intake(store, clock=clock, new_id=new_id)
        started = time.perf_counter()
        for number in range(SLOTS):
            await intake.take([_message(f"new-{number}")])
        return SLOTS / (time.perf_counter() - started)
    finally:
        await store.close()


async def with_many(place: Path) -> float:
    return await _slots(place, MANY)


async def with_few(place: Path) -> float:
    return await _slots(place, FEW)


async def previewed(place: Path) -> float:
    """Seconds from the question to the answer: the queue read from the views, and planned once more."""
    clock = RealClock()
    store = BelledStore(SqliteStore(place / "log.db", clock.now))
    views = Views(store, f"sqlite:///{place / 'views.db'}", clock=clock)
    try:
        await _account(store)
        await _taken_in(Intake(store, clock=clock, new_id=new_id), PREVIEWED)
        await views.catch_up()
        after = DENSE.model_copy(update={"zone": "America/New_York", "caps": {"linkedin": Caps(posts_per_day_max=10)}})
        started = time.perf_counter()
        rows = await views.rows(queue.table.select().where(queue.table.c.connection == CONNECTION))
        found = preview(CONNECTION, [unpacked(row.body) for row in rows], before=DENSE, after=after, profile=None,
                        now=clock.now())  # fmt: skip
        spent = time.perf_counter() - started
    finally:
        await store.close()
    if not PREVIEWED * 0.99 < found.posts <= PREVIEWED or len(found.moves) < found.posts * 0.9:
        raise RuntimeError(f"{len(found.moves)} of {found.posts} posts would move")
    return spent


ROWS = [
    Row("a slot, 1 M queued x 1 k queued", with_many, with_few, 0.5, "slots/s"),
    Row("preview of a queue of 10,000 posts", previewed, None, 2.0, "s", "lower", reported=True),
]
