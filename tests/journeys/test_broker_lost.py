"""NATS carries copies and Production's own messages, and nothing else of ours: its disk may be lost and it may stand
still, and nothing but latency changes (D1, I7, F13 to F15, G5)."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter

import pytest

from services.chassis.processes import read_record
from tests.journeys.doors import Doors, approved, until
from tests.journeys.houses import House, a_house, doors_of
from tests.journeys.logbook import Logbook, hashes_of_views

CHANNELS = ("linkedin", "x", "blog")
POSTS_EACH = 10
TOMORROW = "2030-01-01T09:00:00Z"


@pytest.fixture
async def house(tmp_path):
    async with a_house(tmp_path) as house:
        yield house


@pytest.fixture
async def doors(house):
    async with doors_of(house) as doors:
        for account in ("acme", "borealis"):
            await doors.opened(account, *CHANNELS)
        yield doors


async def test_a_wiped_broker_under_load_is_set_up_again_and_offered_everything(house, doors):
    """Its disk is lost while posts go out. Streams and consumers come back, and so does every fact, once, in order."""
    log = Logbook(house.data)
    for channel in CHANNELS:
        await doors.weather(channel, "slow", hold_ms=200)
    first = await approve(doors, "first")
    await until(lambda: taken_in(doors, first), what="the first posts are taken in")
    assert not await published(doors, first)
    wipe(house)
    await until(lambda: streams_are_back(doors), what="the streams and the consumer are there again")
    second = await approve(doors, "second")
    await until(lambda: published(doors, first + second), what="all of them are published")
    await until(lambda: offered(doors, log), what="the feed has every fact")

    attempts = Counter(fact.story for fact in log.facts() if fact.name == "attempt_started")
    assert set(attempts.values()) == {1}
    assert len(attempts) == first + second
    for channel in CHANNELS:
        assert set(Counter(post["marker"] or post["text"] for post in await doors.standing(channel)).values()) == {1}
    assert sum([len(await doors.standing(channel)) for channel in CHANNELS]) == first + second


async def test_what_a_wiped_broker_is_offered_again_changes_nothing(house, doors):
    """Every copy comes by a second time: no view moves, no channel is called, and the log says nothing new."""
    log = Logbook(house.data)
    posts = await approve(doors, "only")
    await until(lambda: published(doors, posts), what="all of them are published")
    await until(lambda: offered(doors, log), what="the feed has every fact")
    before = await everything(house, doors, log)
    wipe(house)
    await until(lambda: streams_are_back(doors), what="the streams and the consumer are there again")
    await until(lambda: offered(doors, log), what="the feed has every fact again")
    await until(lambda: ready(doors), what="the house is ready again")
    assert await everything(house, doors, log) == before


async def test_posts_go_out_while_the_broker_stands_still(house, doors):
    """It is frozen; people go on working, and what they move to now is published. Afterwards the feed catches up."""
    log = Logbook(house.data)
    await doors.approve(*(approved(f"later-{channel}", channel=channel, title="Later", exactly_at=TOMORROW)
                          for channel in CHANNELS))  # fmt: skip
    await until(lambda: taken_in(doors, len(CHANNELS)), what="they are taken in")
    pid = nats_of(house)
    os.kill(pid, signal.SIGSTOP)
    try:
        now = (await doors.now()).isoformat()
        for channel in CHANNELS:
            await doors.done("POST", f"/v1/posts/acme.later-{channel}/reschedule", {"at": now})
        await until(lambda: published(doors, len(CHANNELS)), what="they are published without a broker")
        status, said = await until(lambda: unready(doors), what="the house says that the broker is away")
        assert (status, said["code"]) == (503, "not_ready")
        assert "the feed does not get on" in said["detail"] or "Production's messages" in said["detail"]
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: offered(doors, log), what="the feed has caught up")
    await until(lambda: ready(doors), what="the house is ready again")
    assert sum([len(await doors.standing(channel)) for channel in CHANNELS]) == len(CHANNELS)


async def approve(doors: Doors, name: str) -> int:
    """Posts for every connection, due at once."""
    now = (await doors.now()).isoformat()
    events = [
        approved(f"{name}-{channel}-{number}", account=account, channel=channel, title="A title", exactly_at=now,
                 link=None if channel == "blog" else "https://acme.example/stories/42")
        for number in range(POSTS_EACH) for account in ("acme", "borealis") for channel in CHANNELS
    ]  # fmt: skip
    await doors.approve(*events)
    return len(events)


async def taken_in(doors: Doors, count: int) -> bool:
    return sum((await doors.get("/v1/posts/counts")).values()) == count


async def published(doors: Doors, count: int) -> bool:
    return (await doors.get("/v1/posts/counts"))["published"] == count


async def streams_are_back(doors: Doors) -> bool:
    try:
        async with doors.broker() as client:
            stream = client.jetstream(timeout=2)
            await stream.stream_info("DISTRIBUTION")
            return (await stream.consumer_info("PRODUCTION", "scheduler")).name == "scheduler"
    except Exception:
        return False  # still away


async def offered(doors: Doors, log: Logbook) -> bool:
    """The feed holds the whole log: each fact once, in order."""
    try:
        async with doors.broker() as client:
            info = await client.jetstream(timeout=2).stream_info("DISTRIBUTION")
        if info.state.messages < log.head:
            return False
        feed = await doors.feed()
    except Exception:
        return False  # still away
    return [int(event["position"]) for event in feed] == list(range(1, log.head + 1))


async def ready(doors: Doors) -> bool:
    return (await doors.ask("GET", "/readyz"))[0] == 200


async def unready(doors: Doors):
    answer = await doors.ask("GET", "/readyz")
    return answer if answer[0] != 200 else None


async def everything(house: House, doors: Doors, log: Logbook) -> dict:
    """What must not change: the log, every row of every view, and how often each channel was called."""
    calls = {channel: (await doors.books(channel))["calls"] for channel in CHANNELS}
    return {"head": log.head, "views": hashes_of_views(house.data), "calls": calls}


def nats_of(house: House) -> int:
    record = read_record(house.broker / "broker.json")
    assert record is not None
    return record.pid


def wipe(house: House) -> None:
    """Its disk is lost and it is killed, with no moment in between in which it could save anything."""
    pid = nats_of(house)
    os.kill(pid, signal.SIGSTOP)
    shutil.rmtree(house.broker / "store", ignore_errors=True)
    os.kill(pid, signal.SIGKILL)
