"""A view that is folded from the beginning of a long log is folded by processes beside the one that serves (D13)."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import sqlite3
import sys
from types import SimpleNamespace

import pytest
from sqlalchemy import inspect, text

from events import PostEdited
from events.production import Content
from events.upcasts import UnknownShape
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.opening import migrate, open_store
from services.chassis.recorder_postgres import connect
from services.gateway.views import beside, fold, keeping, parked, queue, shares
from services.gateway.views.beside import FoldingStopped
from services.gateway.views.every import VIEWS
from services.gateway.views.fold import Views
from services.gateway.views.refolding import PART_MAX, Refolded, Share
from services.gateway.views.view import by_name
from tests.gateway.lives import MONDAY, lives
from tests.gateway.telling import Teller


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request, tmp_path, monkeypatch):
    """A seeded log where other processes can read it, its views beside it; `children` are the processes asked.

    Pages and parts are small, so that there are many of them; on PostgreSQL positions have gaps.
    """
    monkeypatch.setattr(beside, "WORTH_IT", 0)
    monkeypatch.setattr(beside, "PAGE", 50)
    monkeypatch.setattr(beside, "ROWS_AT_ONCE", 7)
    log = f"sqlite:///{tmp_path}/log.db"
    views_at = f"sqlite:///{tmp_path}/views.db"
    if request.param == "postgres":
        log = views_at = request.getfixturevalue("postgres_address")
    migrate(log)
    children, spawn = [], beside.spawn_asked

    async def watched(*asked):
        children.append(await spawn(*asked))
        return children[-1]

    monkeypatch.setattr(beside, "spawn_asked", watched)
    clock = SteppingClock(MONDAY)
    store = BelledStore(open_store(log, clock.now))
    told = Teller(MONDAY, store, clock)
    await lives(told, seed=7, posts=20)
    if request.param == "postgres":
        with connect(log) as db:
            gap = "SELECT nextval(pg_get_serial_sequence('stored_events', 'notification_id'))"
            db.execute(f"{gap} FROM generate_series(1, 70)")
    await lives(told, seed=8, posts=20, prefix="later")

    def opened():
        return Views(store, views_at, clock=clock, log=log)

    views = opened()
    yield SimpleNamespace(told=told, store=store, views=views, opened=opened, children=children, log=log)
    await views.close()
    await store.close()
    assert all(child.returncode is not None for child in children)


async def hashes(views: Views) -> dict[str, str]:
    return {name: await views.hash(name) for name in views.names}


async def folded_here(house) -> dict[str, str]:
    views = Views(house.store, None, clock=house.told.clock)
    await views.catch_up()
    return await hashes(views)


async def tables(views: Views) -> set[str]:
    return set(await views.together(lambda db: inspect(db).get_table_names()))


async def test_what_processes_beside_have_folded_is_what_is_folded_here(house):
    await house.views.catch_up()
    of = {view.table.name: view for view in VIEWS}
    for name in house.views.names:
        answer = await house.views.rebuild(name)
        assert answer["position"] == await house.store.position()
        assert answer["rows"] == len(await house.views.rows(of[name].table.select()))
    assert len(house.children) >= len(house.views.names)
    assert all(child.returncode == 0 for child in house.children)
    assert await hashes(house.views) == await folded_here(house)


async def test_views_far_behind_are_folded_together(house, monkeypatch):
    monkeypatch.setattr(fold, "FAR_BEHIND", 50)
    await house.views.catch_up()
    assert house.children
    assert await hashes(house.views) == await folded_here(house)


async def test_any_number_of_processes_fold_the_same(house, monkeypatch):
    monkeypatch.setattr(fold, "FAR_BEHIND", 50)
    monkeypatch.setattr(beside, "cores", lambda: 3)
    await house.views.catch_up()
    assert len(house.children) == 3
    assert await hashes(house.views) == await folded_here(house)


async def test_they_fold_up_to_the_position_that_is_asked_for_and_no_further(house):
    rows, upto = [], await house.store.position() // 2

    async def take(part: bytes) -> None:
        rows.append(marshal.loads(part))

    await beside.fold_beside(house.log, VIEWS, upto, take)
    here = Refolded(VIEWS)
    await here.read(house.store, upto)
    flat = [(name, row) for name, some in rows for row in some]
    assert sorted(flat, key=str) == sorted(((name, row) for name, some in here.parts(9) for row in some), key=str)
    assert max(len(some) for _, some in rows) == beside.ROWS_AT_ONCE


async def test_what_is_said_while_they_fold_is_in_every_view_when_it_serves(house, monkeypatch):
    monkeypatch.setattr(fold, "FAR_BEHIND", 50)
    folded = beside.fold_beside

    async def and_then_something_happens(*args):
        await folded(*args)
        await lives(house.told, seed=9, posts=5, prefix="meanwhile")

    monkeypatch.setattr(beside, "fold_beside", and_then_something_happens)
    await house.views.catch_up()
    assert house.views.position == await house.store.position()
    assert await hashes(house.views) == await folded_here(house)


@pytest.mark.parametrize("said_meanwhile", [False, True])
async def test_a_view_that_was_rebuilt_goes_on_where_it_stands_after_a_restart(house, monkeypatch, said_meanwhile):
    """Its standing names the fact it folded last, by which a log of another life would be noticed (I26)."""
    await house.views.catch_up()
    folded = beside.fold_beside

    async def and_then_something_happens(*args):
        await folded(*args)
        await house.told.of_post("post", "acme.x", PostEdited(content=Content(text="meanwhile"), content_hash="x"))

    if said_meanwhile:
        monkeypatch.setattr(beside, "fold_beside", and_then_something_happens)
    await house.views.rebuild("queue")
    (generation,) = await house.views.rows(keeping.STANDING.select().where(keeping.STANDING.c.view == "queue"))
    assert generation.generation == 2
    again = house.opened()
    monkeypatch.setattr(keeping, "empty", None)
    try:
        await again.catch_up()
        assert await hashes(again) == await folded_here(house)
    finally:
        await again.close()


async def test_a_view_that_was_rebuilt_has_its_indexes(house):
    await house.views.rebuild("queue")
    found = await house.views.together(lambda db: inspect(db).get_indexes("queue"))
    assert sorted(tuple(each["column_names"]) for each in found) == sorted(queue.table.info["indexes"])


async def test_where_one_is_ended_the_view_is_folded_here(house, monkeypatch):
    await house.views.catch_up()
    before, spawn = await hashes(house.views), beside.spawn_asked

    async def ended(*asked):
        child = await spawn(*asked)
        child.kill()
        return child

    monkeypatch.setattr(beside, "spawn_asked", ended)
    with pytest.raises(FoldingStopped, match="was ended"):
        await beside.fold_beside(house.log, VIEWS, 1, refuse)
    await house.views.rebuild("queue")
    assert await hashes(house.views) == before
    assert await tables(house.views) == {*house.views.names, "standing"}


async def test_live_folding_goes_on_after_one_was_ended(house, monkeypatch):
    """Whoever waited for it is not cancelled by that."""
    monkeypatch.setattr(fold, "FAR_BEHIND", 50)
    spawn = beside.spawn_asked

    async def ended(*asked):
        child = await spawn(*asked)
        child.kill()
        return child

    monkeypatch.setattr(beside, "spawn_asked", ended)
    running = asyncio.create_task(house.views.run())
    assert await house.views.reached(await house.store.position(), 60)
    await house.told.of_post("post", "acme.x", PostEdited(content=Content(text="after"), content_hash="x"))
    assert await house.views.reached(await house.store.position(), 60)
    assert not running.done()
    assert not running.cancelling()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await hashes(house.views) == await folded_here(house)


async def test_one_that_stands_still_is_ended(house, monkeypatch):
    spawn = beside.spawn_asked

    async def still(*asked):
        child = await spawn(*asked)
        child.send_signal(19)
        return child

    monkeypatch.setattr(beside, "spawn_asked", still)
    monkeypatch.setattr(beside, "SILENT_S", 0.2)
    with pytest.raises(FoldingStopped, match="said nothing"):
        await beside.fold_beside(house.log, VIEWS, 1, refuse)


async def test_a_rebuild_that_is_given_up_leaves_no_process_and_no_table(house, monkeypatch):
    await house.views.catch_up()
    asked, spawn = asyncio.Event(), beside.spawn_asked

    async def and_tell(*words):
        child = await spawn(*words)
        asked.set()
        return child

    monkeypatch.setattr(beside, "spawn_asked", and_tell)
    rebuild = asyncio.create_task(house.views.rebuild("queue"))
    await asked.wait()
    rebuild.cancel()
    await asyncio.gather(rebuild, return_exceptions=True)
    assert rebuild.cancelled()
    assert house.children
    assert all(child.returncode is not None for child in house.children)
    assert await tables(house.views) == {*house.views.names, "standing"}


async def test_one_is_given_up_at_once_while_its_rows_wait_to_be_taken(house, monkeypatch):
    """Rows that nobody takes fill the pipe; what is left in it holds nobody up."""
    rows = shares.HEAD.pack(shares.ROWS, 1) + b"x"
    monkeypatch.setattr(beside, "spawn_asked", saying(rows + bytes(4_000_000)))
    taking = asyncio.Event()

    async def never(part: bytes) -> None:
        taking.set()
        await asyncio.Event().wait()

    folding = asyncio.create_task(beside.fold_beside(house.log, VIEWS, 1, never))
    await taking.wait()
    folding.cancel()
    async with asyncio.timeout(4):
        await asyncio.gather(folding, return_exceptions=True)
    assert folding.cancelled()


async def test_two_that_rebuild_the_same_view_at_once_leave_each_other_alone(house):
    await house.views.catch_up()
    before, other = await hashes(house.views), house.opened()
    try:
        answers = await asyncio.gather(*(views.rebuild("queue") for views in (house.views, other)))
        assert [each["rows"] for each in answers] == [len(await other.rows(queue.table.select()))] * 2
        assert await hashes(house.views) == before
    finally:
        await other.close()


async def test_what_was_left_over_goes_with_a_later_rebuild_or_start(house):
    now = int(house.told.now.timestamp())
    old, young = f"shadow_queue_{now - 7200}_abcd", f"shadow_queue_{now - 60}_abcd"
    for name in (old, young):
        await house.views._keep.write(lambda db, name=name: db.execute(text(f"CREATE TABLE {name} (n int)")))
    await house.views.rebuild("queue")
    assert {old, young} & await tables(house.views) == {young}


async def test_a_fact_of_a_later_release_is_named_and_nothing_is_folded_over_it(house):
    """I25: whoever does not understand a fact does not step over it."""
    await house.views.catch_up()
    before, end = await hashes(house.views), await house.store.position()
    later = ("post-acme.later", 1, "scheduler.post_due.v9", b'{"recorded_at":"","id":"x","fact":{}}')
    columns = "(originator_id, originator_version, topic, state)"
    if house.log.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(house.log.removeprefix("sqlite:///"))) as db:
            db.execute(f"INSERT INTO stored_events {columns} VALUES (?,?,?,?)", later)
            db.commit()
    else:
        with connect(house.log) as db:
            db.execute(f"INSERT INTO stored_events {columns} VALUES (%s,%s,%s,%s)", later)
    with pytest.raises(FoldingStopped, match=r"scheduler\.post_due\.v9"):
        await beside.fold_beside(house.log, VIEWS, end + 1, refuse)
    with pytest.raises(UnknownShape, match=r"scheduler\.post_due\.v9"):
        await Refolded(VIEWS).read(house.store, end + 1)
    assert await hashes(house.views) == before


async def test_a_log_that_is_shorter_than_it_should_be_is_told(house):
    with pytest.raises(FoldingStopped, match="the log ends before position"):
        await beside.fold_beside(house.log, VIEWS, await house.store.position() + 1, refuse)


async def test_a_process_of_another_release_folds_nothing(house, monkeypatch):
    monkeypatch.setattr(queue, "shape", queue.shape + 1)
    with pytest.raises(FoldingStopped, match="queue: other code lies on the disk"):
        await beside.fold_beside(house.log, VIEWS, 1, refuse)


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
async def test_they_run_our_code_whatever_lies_in_the_working_directory(house, tmp_path, monkeypatch):
    for name in ("services", "marshal", "calendar", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('another one')")
    monkeypatch.chdir(tmp_path)
    await beside.fold_beside(house.log, [queue], 1, ignore)
    assert os.fspath(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (shares.HEAD.pack(shares.ROWS, 3) + b"\0\1\2", "cannot be read"),
        (shares.HEAD.pack(shares.STOPPED, 2) + b"\xff\xfe", "could not be folded"),
        (shares.HEAD.pack(shares.ROWS, 100) + b"half", "was ended"),
        (b"", "was ended"),
    ],
)
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
async def test_whatever_one_says_that_is_no_answer_the_view_is_folded_here(house, monkeypatch, said, told):
    await house.views.catch_up()
    before = await hashes(house.views)

    warned = []
    monkeypatch.setattr(beside, "spawn_asked", saying(said))
    monkeypatch.setattr(fold.rebuilding, "log", SimpleNamespace(warning=lambda *words, **more: warned.append(more)))
    await house.views.rebuild("queue")
    assert told in warned[0]["error"]
    assert await hashes(house.views) == before


def saying(said: bytes):
    """Another process in the place of one of ours."""
    head, more = said[:100], max(0, len(said) - 100)
    code = f"import os; left = {head!r} + bytes({more})\nwhile left: left = left[os.write(1, left):]"

    async def spawn(*asked):
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )

    return spawn


async def refuse(rows: bytes) -> None:
    raise AssertionError("there are no rows of a log that could not be read")


async def ignore(rows: bytes) -> None:
    return None


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_every_name_is_in_one_share_whatever_its_stream(of):
    names = [f"acme.spring-{number}" for number in range(100)]
    for name in names:
        kinds = [f"{kind}-{name}" for kind in ("post", "delivery", "measurement")]
        assert len({tuple(Share(number, of).has(stream) for number in range(of)) for stream in kinds}) == 1
        assert sum(Share(number, of).has(kinds[0]) for number in range(of)) == 1
    taken = [sum(Share(number, of).has(f"post-{name}") for name in names) for number in range(of)]
    assert min(taken) > 0


def test_the_longest_views_can_be_cut_into_shares():
    assert {view.table.name for view in VIEWS if view.keys is by_name} >= {"queue", "measured"}


def test_long_documents_are_handed_over_a_few_at_a_time():
    refolded = Refolded([parked])
    told = {"account": None, "open": True, "position": 1}
    refolded.documents["parked"] = {f"parked-{n}": {**told, "head": "x" * (PART_MAX // 3)} for n in range(10)}
    sizes = [len(rows) for _, rows in refolded.parts(2048)]
    assert sum(sizes) == 10
    assert max(sizes) <= 4
