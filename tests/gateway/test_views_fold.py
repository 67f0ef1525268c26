"""However a log is folded, a view is the same: live, page by page, by two at once, anew, on any database (I6, S27)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, Text

from events import AccountChanged, PostCancelled, PostEdited, Told
from events.production import Content
from events.upcasts import UnknownShape
from services.chassis.bells import BelledStore
from services.gateway.views import approvals, fold, keeping, queue, rebuilding
from services.gateway.views.fold import UnknownView, Views
from services.gateway.views.keeping import ViewsAway
from services.gateway.views.question import Mark
from services.gateway.views.rebuilding import OfAnotherLog
from services.gateway.views.upserts import LENGTHS
from services.gateway.views.view import row_of, table_of, unpacked
from tests.gateway.lives import MONDAY, lives
from tests.gateway.telling import Teller


@pytest.fixture(scope="module")
async def told():
    """One seeded log of a few hundred facts. A test may add to its end; nothing ever goes."""
    teller = Teller(MONDAY)
    await lives(teller, seed=7, posts=60)
    return teller


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "memory":
        return None
    return (
        f"sqlite:///{tmp_path}/views.db" if request.param == "sqlite" else request.getfixturevalue("postgres_address")
    )


@pytest.fixture
async def opened(told):
    """Views over that log, closed at the end whatever happens."""
    async with contextlib.AsyncExitStack() as stack:

        def open_(url, store=told.store, **more):
            views = Views(store, url, clock=told.clock, **more)
            stack.push_async_callback(views.close)
            return views

        yield open_


async def hashes(views: Views) -> dict[str, str]:
    return {name: await views.hash(name) for name in views.names}


async def folded_afresh(told: Teller) -> dict[str, str]:
    views = Views(told.store, None, clock=told.clock)
    await views.catch_up()
    return await hashes(views)


async def test_every_database_holds_the_same_bytes(told, opened, url):
    views = opened(url)
    await views.catch_up()
    assert views.position == await told.store.position()
    assert await hashes(views) == await folded_afresh(told)


async def test_the_size_of_the_pages_makes_no_difference(told, opened, url, monkeypatch):
    monkeypatch.setattr(fold, "PAGE", 7)
    views = opened(url)
    await views.catch_up()
    assert await hashes(views) == await folded_afresh(told)


async def test_a_rebuild_gives_identical_rows(told, opened, url):
    views = opened(url)
    await views.catch_up()
    before = await hashes(views)
    for name in views.names:
        answer = await views.rebuild(name)
        assert answer["position"] == await told.store.position()
    assert await hashes(views) == before
    assert (await views.check("queue"))["equal"]


async def test_two_folding_the_same_log_at_once_fold_each_page_once(told, opened, tmp_path, monkeypatch):
    """As two gateways do on PostgreSQL, and here on one file: whoever comes second steps over what is folded."""
    monkeypatch.setattr(fold, "PAGE", 20)
    url = f"sqlite:///{tmp_path}/views.db"
    one, two = opened(url), opened(url)
    await asyncio.gather(one.catch_up(), two.catch_up(), one.rebuild("queue"), two.rebuild("timeline"))
    await asyncio.gather(one.catch_up(), two.catch_up())
    assert await hashes(one) == await hashes(two) == await folded_afresh(told)


async def test_what_another_process_has_folded_is_stepped_over(told, opened, tmp_path):
    """The second one still believes that it stands at the beginning; the position in the database says otherwise."""
    url = f"sqlite:///{tmp_path}/views.db"
    one, two = opened(url), opened(url)
    await one.catch_up()
    await two.catch_up()
    assert two.position == one.position
    assert await hashes(two) == await folded_afresh(told)


async def test_what_happens_after_the_shadow_was_written_is_in_it_when_it_serves(told, opened, url, monkeypatch):
    views = opened(url)
    await views.catch_up()
    story = (await views.rows(queue.table.select()))[0].key
    fill = rebuilding.Rebuild.fill

    async def and_then_something_happens(rebuild):
        await fill(rebuild)
        await told.of_post("post", story, PostEdited(content=Content(text="after the shadow"), content_hash="x"))

    monkeypatch.setattr(rebuilding.Rebuild, "fill", and_then_something_happens)
    answer = await views.rebuild("queue")
    assert answer["position"] == await told.store.position()
    assert (await views.post(story))["content"]["text"] == "after the shadow"
    assert (await views.check("queue"))["equal"]


async def test_a_shadow_that_was_overtaken_by_another_process_catches_up_first(told, opened, tmp_path, monkeypatch):
    """A view never goes back: what it has shown once, it goes on showing."""
    url = f"sqlite:///{tmp_path}/views.db"
    views, other = opened(url), opened(url)
    await views.catch_up()
    await other.catch_up()
    follow, calls = rebuilding.Rebuild.follow, iter(range(100))

    async def and_then_another_folds_on(rebuild):
        await follow(rebuild)
        if next(calls) == 1:  # the last look before the swap
            await told.of_post("post", "acme.overtaking", PostCancelled())
            await other.catch_up()

    monkeypatch.setattr(rebuilding.Rebuild, "follow", and_then_another_folds_on)
    answer = await views.rebuild("queue")
    assert answer["position"] == other.position == await told.store.position()
    assert next(calls) == 4, "it was overtaken, and looked once more"


async def test_a_restart_goes_on_where_it_stood(told, opened, url):
    first = opened(url)
    await first.catch_up()
    if url is None:
        return  # in memory nothing is left to go on from
    await told.of_post("post", "acme.late", PostCancelled())
    again = opened(url)
    assert again.position == first.position
    await again.catch_up()
    assert again.position == first.position + 1
    assert await hashes(again) == await folded_afresh(told)


async def test_the_old_rows_serve_and_live_folding_goes_on_while_a_view_is_rebuilt(told, opened, tmp_path):
    """The log is read through a gate that stands still in the middle of the rebuild."""
    views = opened(f"sqlite:///{tmp_path}/views.db", store := Gated(told.store))
    await views.catch_up()
    rows = len(await views.rows(queue.table.select()))
    store.gate.clear()
    rebuild = asyncio.create_task(views.rebuild("queue"))
    await store.waiting.wait()
    story = (await views.rows(queue.table.select()))[0].key
    edited = PostEdited(content=Content(text="in between"), content_hash="x")
    await told.of_post("post", story, edited)
    await views.catch_up()
    assert len(await views.rows(queue.table.select())) == rows
    assert (await views.post(story))["content"]["text"] == "in between"
    store.gate.set()
    assert (await rebuild)["position"] == views.position == await told.store.position()
    assert (await views.post(story))["content"]["text"] == "in between"
    assert await hashes(views) == await folded_afresh(told)


class Gated(BelledStore):
    """A rebuild begins at the beginning of the log; there it waits for the gate."""

    def __init__(self, store: BelledStore) -> None:
        super().__init__(store)
        self.gate, self.waiting = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def tail(self, after, limit=500):
        return await self._gated(after, await super().tail(after, limit))

    async def lines(self, after, limit=500, without=()):
        return await self._gated(after, await super().lines(after, limit, without))

    async def _gated(self, after, page):
        if after == 0 and not self.gate.is_set():
            self.waiting.set()
            await self.gate.wait()
        return page


async def test_rows_and_position_move_together_or_not_at_all(told, opened, tmp_path):
    """A fault in the middle of writing a page leaves neither: not even what another view of the page had written."""
    broken = SimpleNamespace(
        table=table_of("zz_last", Column("n", Text)), shape=1, hears=frozenset({AccountChanged}), initial={},
        keys=lambda told: ("x",), evolve=lambda document, told: {"n": 1}, columns=lambda document: 1 / 0,
    )  # fmt: skip
    views = opened(f"sqlite:///{tmp_path}/views.db", views=[queue, broken])
    with pytest.raises(ZeroDivisionError):
        await views.catch_up()
    assert views.position == 0
    assert not await views.rows(queue.table.select())
    broken.columns = lambda document: {"n": "1"}
    await views.catch_up()
    assert (await views.check("queue"))["equal"]


async def test_a_wrong_cell_is_named_and_a_rebuild_mends_it(told, opened, tmp_path):
    views = opened(f"sqlite:///{tmp_path}/views.db")
    await views.catch_up()
    [story] = [row.key for row in await views.rows(queue.table.select().limit(1))]
    true = (await views.post(story))["status"]
    with contextlib.closing(sqlite3.connect(tmp_path / "views.db")) as db:
        db.execute("UPDATE queue SET status='lost', body=json_set(body, '$.tries', 99) WHERE key=?", (story,))
        db.execute("DELETE FROM accounts WHERE key='acme'")
        db.commit()
    answer = await views.check("queue")
    assert not answer["equal"]
    assert {(each["key"], each["column"], each["view"]) for each in answer["differences"]} == {
        (story, "status", "lost"), (story, "body.tries", 99),
    }  # fmt: skip
    assert answer["differences"][1]["log"] == true
    assert (await views.check("accounts"))["differences"] == [
        {"key": "acme", "column": "key", "view": None, "log": "acme"}
    ]
    for name in ("queue", "accounts"):
        await views.rebuild(name)
        assert (await views.check(name))["equal"]


async def test_no_more_than_ten_differences_are_listed(told, opened, tmp_path):
    views = opened(f"sqlite:///{tmp_path}/views.db")
    await views.catch_up()
    with contextlib.closing(sqlite3.connect(tmp_path / "views.db")) as db:
        db.execute("UPDATE queue SET reason='wrong'")
        db.commit()
    assert len((await views.check("queue"))["differences"]) == 10


async def test_a_view_far_behind_is_rebuilt_instead_of_folded_page_by_page(told, opened, url, monkeypatch):
    monkeypatch.setattr(fold, "FAR_BEHIND", 50)
    views = opened(url)
    await views.catch_up()
    assert await hashes(views) == await folded_afresh(told)


async def test_the_views_of_another_log_are_folded_anew(told, opened, tmp_path):
    """A backup was restored, or the log exchanged: the position alone would look right (I26)."""
    url = f"sqlite:///{tmp_path}/views.db"
    await opened(url).catch_up()
    other = Teller(MONDAY)
    await lives(other, seed=8, posts=70)
    views = opened(url, other.store)
    await views.catch_up()
    assert await hashes(views) == await folded_afresh(other)


async def test_a_view_that_shows_more_than_the_log_has_is_refused_and_folded_anew_by_the_next_start(told, opened, url):
    """Its log was restored to an earlier day under it, or a lagging standby took over: no catching up would end."""
    views = opened(url)
    await views.catch_up()
    await views._keep.write(lambda db: db.execute(keeping.STANDING.update().values(position=10_000)))
    assert (await views.check("queue"))["position"] == 10_000
    with pytest.raises(OfAnotherLog, match="start the gateway again"):
        await views.rebuild("queue")
    if url is not None:
        again = opened(url)
        await again.catch_up()
        assert await hashes(again) == await folded_afresh(told)


async def test_a_view_of_another_shape_is_folded_anew(told, opened, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/views.db"
    await opened(url).catch_up()
    monkeypatch.setattr(queue, "shape", queue.shape + 1)
    views = opened(url)
    assert views.position == 0
    await views.catch_up()
    assert await hashes(views) == await folded_afresh(told)


async def test_what_a_rebuild_left_when_it_was_cut_off_goes_with_the_next(told, opened, tmp_path):
    views = opened(f"sqlite:///{tmp_path}/views.db")
    await views.catch_up()
    with contextlib.closing(sqlite3.connect(tmp_path / "views.db")) as db:
        db.execute("CREATE TABLE shadow_queue_4711 (key TEXT)")
        db.commit()
        await views.rebuild("queue")
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    assert tables == {*views.names, "standing"}


async def test_a_fact_a_view_cannot_take_leaves_its_row_and_all_others_alone(told, opened):
    def evolve(document, fact: Told):
        if fact.version == 2:
            raise ValueError("poison")
        return {"n": fact.version}

    touchy = SimpleNamespace(
        table=table_of("touchy", Column("n", Text)), shape=1, hears=None, initial={},
        keys=lambda told: (told.stream,), evolve=evolve, columns=lambda document: {"n": str(document["n"])},
    )  # fmt: skip
    views = opened(None, views=[touchy])
    await views.catch_up()
    assert views.position == await told.store.position()
    streams = [each.stream for each in await told.store.tail(0, 10_000)]
    numbers = {row.key: int(row.n) for row in await views.rows(touchy.table.select())}
    assert numbers == {name: 1 if streams.count(name) < 3 else streams.count(name) for name in streams}


async def test_an_unknown_shape_stops_the_fold_and_says_so_while_reading_goes_on(told, opened):
    stumbled = asyncio.Event()

    class Newer(BelledStore):
        async def tail(self, after, limit=500):
            if after:
                asyncio.get_running_loop().call_soon(stumbled.set)
                raise UnknownShape("scheduler.post_due.v9")
            return await super().tail(after, 50)

    views = opened(None, Newer(told.store))
    running = asyncio.create_task(views.run())
    await stumbled.wait()
    assert "v9" in views.stopped
    assert views.position == 50
    assert await views.rows(queue.table.select())
    assert await views.in_flight() is not None
    running.cancel()


async def test_a_database_that_is_away_is_told_in_its_own_words_and_what_was_asked_of_it_is_not(told, opened, tmp_path):
    views = opened(f"sqlite:///{tmp_path}/views.db")
    await views.catch_up()
    with contextlib.closing(sqlite3.connect(tmp_path / "views.db")) as db:
        db.execute("DROP TABLE queue")
    with pytest.raises(ViewsAway, match=r"^the views' database: no such table: queue$"):
        await views.post("acme.spring-1")


async def test_whoever_waits_for_a_position_wakes_when_it_is_shown(told, opened):
    views = opened(None, store := BelledStore(told.store))
    end = await store.position()
    assert not await views.reached(end, 0)
    waiting = asyncio.create_task(views.reached(end, 5))
    await views.catch_up()
    assert await waiting
    assert await views.in_flight() is None


async def test_waiting_for_a_position_ends_with_its_time(told, opened):
    views = opened(None)
    waiting = asyncio.create_task(views.reached(10_000, 5))
    await asyncio.sleep(0)
    told.clock.step_to(told.now + timedelta(seconds=6))
    assert not await waiting


async def test_a_view_nobody_knows_is_said_to_be_unknown(opened):
    with pytest.raises(UnknownView):
        await opened(None).check("horoscope")


async def test_what_awaits_approval_is_paged_the_same_on_every_database(told, opened, url):
    for story in ("acme.one", "bistro.one", "acme.two", "other.one"):
        await told.take_in(story, f"{story.partition('.')[0]}.x", "How it went", approval_required=True)
    views = opened(url)
    await views.catch_up()
    pages, after = [], None
    while rows := (await views.rows(approvals.page(None, account=None, after=after, limit=1)))[:1]:
        pages.append(rows[0].key)
        after = Mark(rows[0].position, rows[0].key)
    everything = await views.rows(approvals.page(None, account=None, after=None, limit=200))
    assert pages == [row.key for row in everything]
    assert pages[-4:] == ["acme.one", "bistro.one", "acme.two", "other.one"]
    of_acme = await views.rows(approvals.page(["acme", "bistro"], account="acme", after=None, limit=200))
    assert [row.key for row in of_acme] == [name for name in pages if name.startswith("acme.")]


def test_a_thousand_rows_of_any_view_have_fewer_values_than_sqlite_takes():
    taken = min(32_766, sqlite3.connect(":memory:").getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
    assert all(len(view.table.c) * max(LENGTHS) <= taken for view in fold.VIEWS)


def test_a_column_has_no_zero_character_and_the_document_still_does():
    """PostgreSQL keeps none in a text."""
    view: Any = SimpleNamespace(columns=lambda document: {"name": document["name"], "count": document["count"]})
    for name in ("\0Acme\0", "Acme"):
        document = {"name": name, "count": 3}
        row = row_of(view, "acme", document)
        assert (row["name"], row["count"], unpacked(row["body"])) == ("Acme", 3, document)
