"""A log whose disk is full: nothing is acknowledged that is not durable, and what must not wait does not (I28, F18)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events import Draft, Fact, PostCancelled, PostPublished, PostTakenIn
from events.envelope import About
from events.production import Content
from services.chassis.rows import LINE, Change, Claim, Pick, Put
from services.chassis.sparing import BALLAST, Ballast, StoreFull
from services.chassis.store import Append, Say
from services.chassis.store_sqlite import SqliteStore
from tests import absent
from tests.disks import Disk, NoDisk, small_disk

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MEGABYTE = 2**20
_ids = itertools.count(1)


@pytest.fixture
def disk(tmp_path, request) -> Iterator[Disk]:
    try:
        with small_disk(tmp_path / "disk", getattr(request, "param", 64)) as disk:
            yield disk
    except NoDisk as none:
        absent.needs(str(none), ["mount"])


@pytest.fixture
async def log(disk):
    store = SqliteStore(disk.place / "log.db", lambda: NINE)
    yield store
    await store.close()


def said(stream: str, after: int, fact: Fact) -> Append:
    about = About(story="acme.one", actor="test", happened_at=NINE)
    return Append([Say(stream, after, [Draft(f"id-{next(_ids)}", fact, about)])])


def taken_in(post: str, text: str = "x" * 20_000) -> Append:
    content = Content(text=text)
    return said(f"post-{post}", 0, PostTakenIn(post=post, connection="acme.x", content=content, content_hash="h"))


async def fill(store: SqliteStore) -> list[str]:
    """Posts until there is no room; those that were acknowledged."""
    acknowledged: list[str] = []
    for number in itertools.count():
        try:
            await store.append(taken_in(f"{number}"))
        except StoreFull:
            break
        acknowledged.append(f"post-{number}")
    return acknowledged


async def test_while_room_is_scarce_outcomes_and_cancels_are_written_and_nothing_begins(log, disk):
    await log.append(Append(rows=[Put(LINE, {"connection": "acme.x", "channel": "x", "epoch": 1})]))
    disk.fill(leaving=MEGABYTE)
    await fill(log)
    published = PostPublished(round=1, attempt=1, connection="acme.x", channel_post_id="7", published_at=NINE,
                              content_hash="h", marker="m", tries=1, found_by="answer")  # fmt: skip
    for number in range(50):
        await log.append(said(f"delivery-{number}", 0, published))
        await log.append(said(f"cancelled-{number}", 0, PostCancelled()))
    await log.append(Append(rows=[Change(LINE, {"connection": "acme.x"}, {"holder": None})]))
    with pytest.raises(StoreFull):
        await log.append(taken_in("another"))
    with pytest.raises(StoreFull):
        await log.claim(Claim(Pick(LINE, {"connection": "acme.x"}), {"holder": "me"}, raising="epoch"))
    assert "make room" in log.trouble


async def test_work_goes_on_by_itself_when_there_is_room(log, disk):
    """And the ballast is laid anew, for the next time."""
    disk.fill(leaving=MEGABYTE)
    acknowledged = await fill(log)
    disk.grow(256)
    await log.append(taken_in("after"))
    assert log.trouble is None
    assert (disk.place / "log.db.ballast").stat().st_size == BALLAST
    await log.close()
    again = SqliteStore(disk.place / "log.db", lambda: NINE)
    try:
        there = [told.stream for told in await again.tail(0, 10_000)]
        assert there == [*acknowledged, "post-after"], "each that was acknowledged, and no other"
    finally:
        await again.close()


@pytest.mark.parametrize("disk", [8], indirect=True)
async def test_on_a_disk_too_small_for_ballast_everything_waits_for_room(log, disk):
    disk.fill(leaving=MEGABYTE)
    acknowledged = await fill(log)
    for stream in acknowledged:
        assert len(await log.read(stream)) == 1, "reading goes on"
    disk.grow(64)
    await log.append(taken_in("after"))
    assert log.trouble is None


async def test_a_store_that_is_closed_leaves_no_ballast(tmp_path):
    store = SqliteStore(tmp_path / "log.db", lambda: NINE)
    assert (tmp_path / "log.db.ballast").exists()
    await store.close()
    assert not (tmp_path / "log.db.ballast").exists()


def test_ballast_that_is_gone_already_is_none(tmp_path: Path):
    assert not Ballast(tmp_path / "ballast").give_up()
