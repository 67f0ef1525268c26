"""A service in each process, on PostgreSQL and a broker that all of them share (D15, S50).

The stories of `test_one_post.py` and `test_a_producer.py` are told here too, word for word: the setting is a parameter.
What follows is only true of several processes.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from datetime import timedelta

from services.system import SERVICES
from tests.journeys.doors import approved, until
from tests.journeys.houses import Process, command
from tests.journeys.places import four_processes

CHANNELS = ("linkedin", "x", "blog")
POSTS_EACH = 4
APART = timedelta(seconds=20)
"""Of the house: two seconds of ours."""


async def test_each_process_is_killed_once_and_every_post_stands_once(postgres_address, tmp_path):
    """The scheduler is not even started again: a sister that stood by has taken over. Nothing is sent twice."""
    async with four_processes(tmp_path, postgres_address) as house:
        doors = house.doors
        await doors.opened("acme", *CHANNELS)
        (sisters := tmp_path / "sisters").mkdir()
        sister = Process(sisters, "run", "scheduler", **house.settings)
        await sister.start()
        try:
            await sister.until("the scheduler runs")
            for name in SERVICES:
                await queue_up(doors, name)
                await one_more_stands(doors)
                await house.processes[name].end(signal.SIGKILL)
                if name != "scheduler":
                    await house.again(name)
            count = len(SERVICES) * len(CHANNELS) * POSTS_EACH
            await until(lambda: published(doors, count), what="all of them are published", within=120)
        finally:
            assert await sister.end() == 0
        for channel in CHANNELS:
            there = Counter(post["text"] for post in await doors.standing(channel))
            assert set(there.values()) == {1}
            assert len(there) == len(SERVICES) * POSTS_EACH


async def test_whoever_makes_the_tables_is_shown_the_first_key_once(postgres_address):
    """Alone on stdout, so that it can be kept by a script; who comes later is shown nothing, and changes nothing."""
    house = {"database_url": postgres_address}
    first = await command("migrate", **house)
    assert first.code == 0
    assert first.out.startswith("dk_")
    assert len(first.out.split()) == 1
    again, as_json = await asyncio.gather(command("migrate", **house), command("migrate", "--output", "json", **house))
    assert (again.code, again.out) == (0, "")
    assert (as_json.code, as_json.json) == (0, {"api_key": None})


async def test_a_service_alone_says_what_it_cannot_start_without(postgres_address, tmp_path):
    """Usage is 2, a thing that is missing is 1, and each names its mend."""
    on_postgres = {"database_url": postgres_address, "data_dir": tmp_path}
    nowhere = {"nats_url": "nats://127.0.0.1:9", "sandbox": "0"}
    cases = [
        (["run", "scheduler"], {"data_dir": tmp_path}, 2, "set DISTRIBUTION_DATABASE_URL"),
        (["run", "printer"], on_postgres, 2, "choose one of scheduler"),
        (["run", "scheduler"], on_postgres, 2, "set DISTRIBUTION_NATS_URL"),
        (["run", "publisher"], on_postgres | {"nats_url": "nats://127.0.0.1:9"}, 2, "set DISTRIBUTION_SANDBOX"),
        (["run", "publisher"], on_postgres | nowhere, 1, "run `distribution migrate`"),
    ]
    done = await asyncio.gather(*(command(*words, **settings) for words, settings, _, _ in cases))
    for (words, _, code, mend), ended in zip(cases, done, strict=True):
        assert (ended.code, ended.out) == (code, ""), words
        assert mend in ended.err.splitlines()[-1], words


async def queue_up(doors, name: str) -> None:
    start = await doors.now()
    events = [
        approved(f"{name}-{channel}-{number}", channel=channel, title="A title",
                 exactly_at=(start + number * APART).isoformat())
        for number in range(POSTS_EACH) for channel in CHANNELS
    ]  # fmt: skip
    await doors.approve(*events)


async def one_more_stands(doors) -> None:
    """The channels' own books grow: something has just been sent."""
    before = await standing(doors)

    async def more() -> bool:
        return await standing(doors) > before

    await until(more, what="another post stands on a channel")


async def standing(doors) -> int:
    return sum([len(await doors.standing(channel)) for channel in CHANNELS])


async def published(doors, count: int) -> bool:
    status, counts = await doors.ask("GET", "/v1/posts/counts")
    return status == 200 and counts["published"] == count
