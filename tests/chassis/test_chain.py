"""Nobody changes the log unseen: the chain over it, whatever the store (I5, F21, A37)."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, contextmanager

import psycopg
import pytest

from events import About, Draft, PostCancelled
from services.chassis.chain import ChainBroken, Head, walked
from services.chassis.opening import migrate, open_store
from services.chassis.rows import CHAIN, Pick
from services.chassis.store import Append, Read, Say
from services.chassis.store_memory import MemoryStore
from services.chassis.store_sqlite import SqliteStore
from services.chassis.verifying import snapshot_of, verify
from tests.chassis.test_store import NINE, Wall

FACTS = 40
FLIPS = 200


def append(number: int, facts: int = 1) -> Append:
    """Commits of one fact and of several."""
    about = About(story=f"acme.{number}", actor="tester", happened_at=NINE, account="acme")
    return Append([Say(f"post-acme.{number}", 0, [
        Draft(f"f{number}-{each}", PostCancelled(reason=f"reason {number}"), about) for each in range(facts)
    ])])  # fmt: skip


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture(params=["sqlite", "postgres"])
async def address(request, wall, tmp_path):
    """A log of forty facts, which one service has read, and nobody has open."""
    made = f"sqlite:///{tmp_path}/log.db"
    if request.param == "postgres":
        made = request.getfixturevalue("postgres_address")
    migrate(made)
    await written(made, wall)
    return made


async def written(address: str, wall: Wall) -> None:
    store, said = open_store(address, wall.now), 0
    while said < FACTS:
        facts = 1 + said % 3
        await store.append(append(said, facts))
        said += facts
    last = (await store.tail(20, 1))[0]
    await store.append(Append(read=Read("publisher", 0, last.position, last.id)))
    await store.close()


@contextmanager
def vandal(address: str):
    """Somebody with the rights of an owner, who has switched the protection off."""
    if address.startswith("sqlite"):
        with closing(sqlite3.connect(address.removeprefix("sqlite:///"), isolation_level=None)) as db:
            for table in ("stored_events", "chain"):
                for verb in ("update", "delete"):
                    db.execute(f"DROP TRIGGER IF EXISTS {table}_never_{verb}")
            yield db.execute
    else:
        with psycopg.connect(address, autocommit=True) as db:
            for table in ("stored_events", "chain"):
                db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
            yield lambda sql, values=(): db.execute(sql.replace("?", "%s").replace("rowid", "notification_id"), values)


def broken(address: str, head: Head | None = None) -> ChainBroken:
    with pytest.raises(ChainBroken) as found, snapshot_of(address) as snapshot:
        verify(snapshot, head=head)
    return found.value


async def test_the_chain_holds_for_every_store(store):
    for number in range(5):
        await store.append(append(number, 1 + number % 2))
    links = [
        Head(int(row["position"]), bytes(row["hash"])) for row in await store.pick(Pick(CHAIN, order=("position",)))
    ]
    assert [each.position for each in links] == [1, 3, 4, 6, 7]
    assert list(walked(await store.lines(0), links)) == links


async def test_the_same_facts_make_the_same_chain_in_every_store(wall, address):
    memory = MemoryStore(wall.now)
    with snapshot_of(address) as snapshot:
        facts, last = list(snapshot.facts()), snapshot.last_link()
    said = 0
    while said < FACTS:
        await memory.append(append(said, 1 + said % 3))
        said += 1 + said % 3
    assert await memory.lines(0) == facts
    assert [row["hash"] for row in await memory.pick(Pick(CHAIN, {"position": last.position}))] == [last.hash]


async def test_a_whole_log_is_said_to_be_whole(address):
    with snapshot_of(address) as snapshot:
        found = verify(snapshot)
        again = verify(snapshot, head=found.head)
    assert found == again
    assert found.facts == found.head.position >= FACTS
    assert found.incarnation


async def test_nobody_is_let_to_change_or_remove_a_fact_or_a_link(address):
    connect = sqlite3.connect if address.startswith("sqlite") else psycopg.connect
    with closing(connect(address.removeprefix("sqlite:///"))) as db:
        for statement in ("UPDATE stored_events SET topic = 'x'", "DELETE FROM stored_events", "DELETE FROM chain",
                          "UPDATE chain SET position = 0"):  # fmt: skip
            with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match="never changed"):
                db.execute(statement)  # type: ignore[arg-type]
            db.rollback()


async def test_each_of_two_hundred_changed_bytes_is_found_and_its_commit_named(address):
    """Anywhere in a stored row: its stream, version, topic or state, or in a link of the chain."""
    chance = random.Random(5)
    with snapshot_of(address) as snapshot:
        rows, links = list(snapshot.facts()), list(snapshot.links())
    with vandal(address) as execute:
        for _ in range(FLIPS if address.startswith("sqlite") else FLIPS // 5):
            what = chance.choice(("originator_id", "originator_version", "topic", "state", "state", "state", "hash"))
            row, link = chance.choice(rows), chance.choice(links)
            if what == "hash":
                table, key, position, before = "chain", "position", link.position, link.hash
            else:
                table, key, position = "stored_events", "rowid", row.position
                before = row[("originator_id", "originator_version", "rowid", "topic", "state").index(what)]
            execute(f"UPDATE {table} SET {what} = ? WHERE {key} = ?", (flipped(before, chance), position))
            found = broken(address)
            commit = next(each for each in links if each.position >= position)
            first = max([each.position for each in links if each.position < commit.position], default=0) + 1
            assert first <= found.position <= commit.position, (what, position, found.why)
            execute(f"UPDATE {table} SET {what} = ? WHERE {key} = ?", (before, position))
    with snapshot_of(address) as snapshot:
        verify(snapshot)


def flipped(value, chance: random.Random):
    """One bit of one byte; text stays text, a whole number stays one."""
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(16))
    data = bytearray(value if isinstance(value, bytes) else value.encode())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(6)
    return bytes(data) if isinstance(value, bytes) else data.decode().replace("\x00", "\x01")


@pytest.mark.parametrize("position", [1, 7, 20, 39])
async def test_a_missing_fact_is_found(address, position):
    with vandal(address) as execute:
        execute("DELETE FROM stored_events WHERE rowid = ?", (position,))
    assert position - 3 < broken(address).position <= position


async def test_an_added_fact_is_found(address):
    with vandal(address) as execute:
        execute("INSERT INTO stored_events (originator_id, originator_version, topic, state)"
                " SELECT 'post-acme.x', 1, topic, state FROM stored_events WHERE rowid = 3")  # fmt: skip
    with snapshot_of(address) as snapshot:
        last = snapshot.last_link().position
    assert broken(address).position == last + 1


async def test_two_facts_that_changed_places_are_found(address):
    with vandal(address) as execute:
        for now, then in ((7, 1000), (8, 7), (1000, 8)):
            execute("UPDATE stored_events SET rowid = ? WHERE rowid = ?", (then, now))
    assert broken(address).position in (6, 7)


async def test_a_link_that_was_removed_is_found(address):
    with vandal(address) as execute:
        execute("DELETE FROM chain WHERE position = (SELECT MIN(position) FROM chain WHERE position > 10)")
    assert 10 <= broken(address).position <= 13


async def test_a_changed_fact_with_a_chain_made_to_fit_is_another_log_than_the_one_noted(address):
    with snapshot_of(address) as snapshot:
        noted = verify(snapshot).head
    with vandal(address) as execute:
        execute("UPDATE chain SET hash = ? WHERE position = ?", (bytes(32), noted.position))
    assert broken(address, head=noted).position <= noted.position


async def test_an_end_that_was_cut_off_with_its_links_is_found_by_whoever_remembers_it(address):
    """A service has read beyond it; and whoever noted the head elsewhere knows of the rest."""
    with snapshot_of(address) as snapshot:
        noted = verify(snapshot).head
        links = [each.position for each in snapshot.links()]
    cut = next(each for each in reversed(links) if each > 21 and each < links[-1])
    with vandal(address) as execute:
        execute("DELETE FROM stored_events WHERE rowid > ?", (cut,))
        execute("DELETE FROM chain WHERE position > ?", (cut,))
        found = broken(address, head=noted)
        assert found.position == cut + 1
        assert "cut, restored or forked" in found.why
        cut = max(each for each in links if each < 20)
        execute("DELETE FROM stored_events WHERE rowid > ?", (cut,))
        execute("DELETE FROM chain WHERE position > ?", (cut,))
    assert "the publisher has read to 21" in broken(address).why


class Refusing:
    """A connection whose database refuses one statement once: of these, the first that begins so."""

    def __init__(self, db: sqlite3.Connection, statement: str) -> None:
        self._db, self._refused = db, statement

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if self._refused and sql.startswith(self._refused):
            self._refused = ""
            raise sqlite3.OperationalError("the disk says no")
        return self._db.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)


@pytest.mark.parametrize("refused", ["INSERT INTO stored_events", 'INSERT INTO "chain"', "COMMIT"])
async def test_after_a_write_that_failed_the_log_goes_on_where_it_ends(tmp_path, wall, refused):
    """The only writer remembers the end, and what was not written is not part of it."""
    store = SqliteStore(tmp_path / "log.db", wall.now)
    await store.append(append(0, 2))
    store._recorder.writer = Refusing(store._recorder.writer, refused)  # type: ignore[assignment]
    with pytest.raises(sqlite3.OperationalError):
        await store.append(append(1, 2))
    [told] = await store.append(append(2))
    assert (told.position, [line.position for line in await store.lines(0)]) == (3, [1, 2, 3])
    await store.close()
    with snapshot_of(f"sqlite:///{tmp_path}/log.db") as snapshot:
        assert verify(snapshot).facts == 3


async def test_the_librarys_own_door_with_nothing_to_say_leaves_the_chain_whole(tmp_path, wall):
    store = SqliteStore(tmp_path / "log.db", wall.now)
    await store.append(append(0))
    assert store._recorder.insert_events([]) == []
    await store.append(append(1))
    await store.close()
    with snapshot_of(f"sqlite:///{tmp_path}/log.db") as snapshot:
        assert verify(snapshot).facts == 2
