"""A view that is folded from the beginning of a long log is folded by processes beside the one that serves (D13)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from types import SimpleNamespace

import pytest

from events import PostEdited
from events.production import Content
from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.opening import migrate, open_store
from services.gateway.views import beside, fold, queue
from services.gateway.views.beside import FoldingStopped
from services.gateway.views.every import VIEWS, called
from services.gateway.views.fold import Views
from services.gateway.views.refolding import Share
from services.gateway.views.view import by_name
from tests.gateway.lives import MONDAY, lives
from tests.gateway.telling import Teller


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request, tmp_path, monkeypatch):
    """A seeded log where other processes can read it, its views beside it; `children` are the processes asked."""
    monkeypatch.setattr(beside, "WORTH_IT", 0)
    log = views_at = f"sqlite:///{tmp_path}/log.db"
    if request.param == "postgres":
        log = views_at = request.getfixturevalue("postgres_address")
        migrate(log)
    else:
        views_at = f"sqlite:///{tmp_path}/views.db"
    children, spawn = [], beside.spawn_asked

    async def watched(*asked):
        children.append(await spawn(*asked))
        return children[-1]

    monkeypatch.setattr(beside, "spawn_asked", watched)
    clock = SteppingClock(MONDAY)
    store = BelledStore(open_store(log, clock.now))
    told = Teller(MONDAY, store, clock)
    await lives(told, seed=7, posts=30)
    views = Views(store, views_at, clock=clock, log=log)
    yield SimpleNamespace(told=told, store=store, views=views, children=children, log=log)
    await views.close()
    await store.close()


async def hashes(views: Views) -> dict[str, str]:
    return {name: await views.hash(name) for name in views.names}


async def folded_here(house) -> dict[str, str]:
    views = Views(house.store, None, clock=house.told.clock)
    await views.catch_up()
    return await hashes(views)


async def test_what_processes_beside_have_folded_is_what_is_folded_here(house):
    await house.views.catch_up()
    for name in house.views.names:
        answer = await house.views.rebuild(name)
        assert answer["position"] == await house.store.position()
        assert answer["rows"] == len(await house.views.rows(called(name).table.select()))
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
    monkeypatch.setattr(beside.os, "cpu_count", lambda: 3)
    await house.views.catch_up()
    assert len(house.children) == 3
    assert await hashes(house.views) == await folded_here(house)


async def test_what_is_said_while_they_fold_is_in_the_view_when_it_serves(house, monkeypatch):
    await house.views.catch_up()
    story = (await house.views.rows(queue.table.select()))[0].key
    folded = beside.fold_beside

    async def and_then_something_happens(*args):
        await folded(*args)
        await house.told.of_post("post", story, PostEdited(content=Content(text="meanwhile"), content_hash="x"))

    monkeypatch.setattr(beside, "fold_beside", and_then_something_happens)
    answer = await house.views.rebuild("queue")
    assert answer["position"] == await house.store.position()
    assert (await house.views.post(story))["content"]["text"] == "meanwhile"
    assert (await house.views.check("queue"))["equal"]


async def test_one_that_is_ended_leaves_the_view_as_it_was_and_it_can_be_rebuilt_again(house, monkeypatch):
    await house.views.catch_up()
    before, spawn = await hashes(house.views), beside.spawn_asked

    async def ended(*asked):
        child = await spawn(*asked)
        child.kill()
        return child

    with monkeypatch.context() as patched:
        patched.setattr(beside, "spawn_asked", ended)
        with pytest.raises(FoldingStopped, match="was ended"):
            await house.views.rebuild("queue")
    assert await hashes(house.views) == before
    await house.views.rebuild("queue")
    assert await hashes(house.views) == before


async def test_a_rebuild_that_is_given_up_leaves_no_process(house, monkeypatch):
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
    assert house.children
    assert all(child.returncode is not None for child in house.children)


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
async def test_a_fact_of_a_later_release_stops_them_and_is_named(house, tmp_path):
    """Nothing is folded over what nobody here understands (I25)."""
    await house.views.catch_up()
    before = await hashes(house.views)
    end = await house.store.position()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as db:
        later = (end + 1, "post-acme.later", 1, "scheduler.post_due.v9", b'{"recorded_at":"","id":"x","fact":{}}')
        columns = "(rowid, originator_id, originator_version, topic, state)"
        db.execute(f"INSERT INTO stored_events {columns} VALUES (?,?,?,?,?)", later)
        db.commit()
    with pytest.raises(FoldingStopped, match=r"scheduler\.post_due\.v9"):
        await beside.fold_beside(house.log, VIEWS, end + 1, refuse)
    assert await hashes(house.views) == before


async def refuse(rows: bytes) -> None:
    raise AssertionError("there are no rows of a log that could not be read")


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
