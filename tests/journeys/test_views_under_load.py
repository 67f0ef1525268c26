"""A view is rebuilt while facts arrive and people read (S27, I6); a wrong cell is found by name; a replay says
everything once more and moves nothing (S47, I8)."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import time
from contextlib import closing

import pytest

from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import a_house, doors_of
from tests.journeys.logbook import Logbook, hashes_of_views

VIEWS = ("accounts", "approvals", "channels", "house", "learning", "measured", "parked", "queue", "timeline")
FACTS_PER_S_MIN = 50
AT_ONCE = 20
SLOWEST_S = 3.0
"""A person waits no longer for the queue meanwhile; on a machine with nothing else to do it is a tenth of that."""


@pytest.fixture
async def house(tmp_path):
    async with a_house(tmp_path) as house:
        yield house


@pytest.fixture
async def doors(house):
    async with doors_of(house) as doors:
        for account in ("acme", "borealis"):
            await doors.opened(account, "linkedin", "x", "blog")
        yield doors


async def test_views_are_rebuilt_while_facts_arrive_and_people_read(house, doors, tell):
    """Every view, one after the other, at fifty facts a second or more: live and rebuilt are the same to the bit."""
    log, numbers = Logbook(house.data), itertools.count(1)
    await approve_some(doors, log, numbers)
    began, head, rebuilt = time.monotonic(), log.head, asyncio.Event()
    arriving = asyncio.create_task(while_not(rebuilt, lambda: approve_some(doors, log, numbers)))
    reading = asyncio.create_task(while_not(rebuilt, lambda: read_the_queue(doors)))
    for name in itertools.chain(VIEWS, VIEWS):
        await doors.done("POST", f"/v1/views/{name}/rebuild")
    rebuilt.set()
    await arriving
    waits = await reading
    rate = (log.head - head) / (time.monotonic() - began)
    looks = f"{len(waits)} looks at the queue, slowest {max(waits):.2f} s"
    tell("measured on the way", f"views rebuilt at {rate:.0f} facts a second: {looks}")
    assert rate >= FACTS_PER_S_MIN
    assert max(waits) <= SLOWEST_S

    await until(lambda: folded(doors, log), what="the views show the whole log")
    live = hashes_of_views(house.data)
    assert set(live) == set(VIEWS)
    for name in VIEWS:
        assert (await doors.get(f"/v1/views/{name}/check"))["equal"]
        await doors.done("POST", f"/v1/views/{name}/rebuild")
    assert hashes_of_views(house.data) == live


async def test_a_wrong_cell_is_found_by_name_and_mended_by_a_rebuild(house, doors):
    """Somebody has been at the database of the views."""
    await doors.approve(approved("spring-042"))
    await doors.in_status("acme.spring-042", "scheduled")
    assert (await doors.get("/v1/views/queue/check"))["equal"]
    with closing(sqlite3.connect(house.data / "views.db", timeout=30)) as db, db:
        changed = db.execute("UPDATE queue SET status = 'failed' WHERE key = 'acme.spring-042'")
        assert changed.rowcount == 1
    checked = await doors.get("/v1/views/queue/check")
    assert not checked["equal"]
    (wrong,) = checked["differences"]
    assert (wrong["key"], wrong["column"], wrong["view"], wrong["log"]) == (
        "acme.spring-042", "status", "failed", "scheduled",
    )  # fmt: skip
    await doors.done("POST", "/v1/views/queue/rebuild")
    assert (await doors.get("/v1/views/queue/check"))["equal"]


async def test_a_replay_says_everything_once_more_and_moves_nothing(house, doors):
    """Dry it counts; else it offers on subjects of its own what the log says, and the feed hears nothing of it."""
    log = Logbook(house.data)
    now = (await doors.now()).isoformat()
    await doors.approve(*(approved(f"now-{channel}", channel=channel, title="Now", exactly_at=now)
                          for channel in ("linkedin", "x", "blog")))  # fmt: skip
    for channel in ("linkedin", "x", "blog"):
        await doors.in_status(f"acme.now-{channel}", "published")
    await until(lambda: calm(doors, log), what="the feed has every fact")
    before = await untouched(house, doors, log)

    dry = await doors.done("POST", "/v1/replays", {"dry": True})
    assert (dry["read"], dry["offered"], dry["subject"]) == (log.head, log.head, None)
    ours = [fact for fact in log.facts() if fact.name == "post_published"]
    some = await doors.done("POST", "/v1/replays", {"type": "publisher.post_published"})
    assert some["offered"] == len(ours) == 3
    told = await replayed(doors, some["subject"])
    assert [int(event["position"]) for event in told] == [fact.position for fact in ours]
    assert [event["data"] for event in told] == [fact.data for fact in ours]
    everything = await doors.done("POST", "/v1/replays", {"from": 1})
    assert len(await replayed(doors, everything["subject"])) == log.head
    assert await untouched(house, doors, log) == before


async def while_not(ended, work):
    """Again and again; what each came to."""
    found = []
    while not ended.is_set():
        found.append(await work())
    return found


async def approve_some(doors: Doors, log: Logbook, numbers) -> None:
    """As fast as they are taken in."""
    head = log.head
    await doors.approve(*(approved(f"post-{next(numbers)}", account=account, channel=channel, title="A title")
                          for account in ("acme", "borealis") for channel in ("linkedin", "x", "blog")
                          for _ in range(AT_ONCE // 6)))  # fmt: skip
    await until(lambda: log.head >= head + AT_ONCE, what="they are taken in")


async def read_the_queue(doors: Doors) -> float:
    """The page, and what a program asks; the longer of the two waits."""
    waits = []
    for path, shown in (("/", "<h1>Queue</h1>"), ("/v1/posts?limit=20", "next_cursor")):
        began = time.monotonic()
        assert shown in await doors.get(path)
        waits.append(time.monotonic() - began)
    return max(waits)


async def folded(doors: Doors, log: Logbook) -> bool:
    return (await doors.get("/v1/views/queue/check"))["position"] == log.head


async def calm(doors: Doors, log: Logbook) -> bool:
    return len(await doors.feed()) == log.head


async def untouched(house, doors: Doors, log: Logbook) -> dict:
    async with doors.broker() as client:
        feed = await client.jetstream().stream_info("DISTRIBUTION")
    return {
        "head": log.head,
        "calls": {channel: (await doors.books(channel))["calls"] for channel in ("linkedin", "x", "blog")},
        "views": hashes_of_views(house.data),
        "feed": feed.state.last_seq,
    }


async def replayed(doors: Doors, subject: str) -> list[dict]:
    async with doors.broker() as client:
        stream = client.jetstream(timeout=30)
        reading = await stream.subscribe(subject, stream="REPLAY", ordered_consumer=True)
        info = await reading.consumer_info()
        count = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
        return [json.loads((await reading.next_msg(30)).data) for _ in range(count)]
