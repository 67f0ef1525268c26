"""A backup is the whole house of one moment, and put back it is a house in quarantine (I26, I27, G20)."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from services.chassis import seal
from services.chassis.backups import BackupUnfit, prove_backup, write_backup
from services.chassis.bells import BelledStore
from services.chassis.chain import ChainBroken
from services.chassis.inbox import Inbox
from services.chassis.incarnation import AnotherLog, incarnation_of
from services.chassis.opening import migrate, open_store
from services.chassis.quarantine import Restored, restored_of, suspects
from services.chassis.restoring import LogNotEmpty, promoted, restore
from services.chassis.rows import ALARM, BUDGET, CHECKPOINT, HOUSE, LEASE, LINE, PARKED_BODY, READY, VAULT, Pick, Put
from services.chassis.store import Append, Read, StoreError
from services.chassis.verifying import snapshot_of, verify
from tests.chassis.test_chain import append, vandal
from tests.chassis.test_store import NINE, Wall

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
ROWS = [
    Put(VAULT, {"connection": "acme.x", "purpose": "grant", "version": 1, "ciphertext": b"\x00sealed\xff"}),
    Put(PARKED_BODY, {"id": "p", "body": b"{", "subject": "production.post_approved"}),
    Put(BUDGET, {"connection": "acme.x", "window": "15m", "starts_at": NINE, "used": 3, "calls_max": 100}),
    Put(ALARM, {"service": "scheduler", "name": "due-a", "due_at": NINE, "ring": '{"ring":"due","story":"acme.a"}',
                "holder": "dead", "lease_until": NINE}),
    Put(ALARM, {"service": "scheduler", "name": "due-b", "due_at": NOW + timedelta(days=1),
                "ring": '{"ring":"due","story":"acme.b"}'}),
    Put(ALARM, {"service": "publisher", "name": "look-acme.c", "due_at": NOW + timedelta(days=1),
                "ring": '{"ring":"look","story":"acme.c"}'}),
    Put(READY, {"story": "acme.d", "connection": "acme.x", "account": "acme", "channel": "x", "turn": 1, "due_at": NINE,
                "position": 3, "round": 1, "taken": 0}),
    Put(LINE, {"connection": "acme.x", "epoch": 7, "holder": "dead", "lease_until": NINE}),
    Put(LEASE, {"name": "relay", "holder": "dead", "until": NINE, "epoch": 4}),
]  # fmt: skip
KEPT = (VAULT, PARKED_BODY, READY)


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture(params=["sqlite", "postgres"])
def address(request, tmp_path):
    return new_address(request, request.param, tmp_path, "log")


@pytest.fixture(params=["sqlite", "postgres"])
def elsewhere(request, tmp_path):
    """Where it is put back: also in the other database."""
    return new_address(request, request.param, tmp_path, "elsewhere", "another_postgres_address")


def new_address(request, kind, folder, name, fixture="postgres_address"):
    return f"sqlite:///{folder}/{name}.db" if kind == "sqlite" else request.getfixturevalue(fixture)


@pytest.fixture
def another_postgres_address(postgres_server):
    from tests.servers_postgres import schema

    with schema(postgres_server, "elsewhere") as made:
        yield made


async def furnished(address: str, wall: Wall) -> None:
    migrate(address)
    store = open_store(address, wall.now)
    for number in range(12):
        await store.append(append(number, 1 + number % 3))
    last = (await store.tail(9, 1))[0]
    await store.append(Append(rows=ROWS, read=Read("publisher", 0, last.position, last.id)))
    await store.close()


def backup_of(address: str, path, *, force: bool = False):
    with snapshot_of(address) as snapshot:
        return write_backup(snapshot, path, release="1", made_at=NOW, force=force)


async def test_put_back_it_is_the_same_log_and_the_same_rows_in_either_database(address, elsewhere, wall, tmp_path):
    await furnished(address, wall)
    manifest, found = backup_of(address, tmp_path / "a.backup")
    assert (manifest.position, manifest.head) == (found.head.position, str(found.head))
    done = restore(tmp_path / "a.backup", elsewhere, house_time=lambda kept: NOW)
    assert (done.restored.point, done.restored.since, done.restored.at) == (manifest.position, NINE, NOW)
    with snapshot_of(elsewhere) as snapshot:
        assert verify(snapshot).head == found.head
    before, after = open_store(address, wall.now), open_store(elsewhere, wall.now)
    assert await after.tail(0) == await before.tail(0)
    for table in KEPT:
        assert await after.pick(Pick(table)) == await before.pick(Pick(table))
    [told] = await after.append(append(99))
    assert told.position == manifest.position + 1
    await before.close()
    await after.close()


async def test_put_back_it_is_in_quarantine(address, wall, tmp_path):
    """A new life; nobody holds anything, budgets are spent, and whoever was on the way is a suspect (I26, I27)."""
    await furnished(address, wall)
    backup_of(address, tmp_path / "a.backup")
    store = open_store(address, wall.now)
    earlier = await incarnation_of(store)
    await store.close()
    done = restore(tmp_path / "a.backup", address, house_time=lambda kept: NOW, replace=True)
    store = open_store(address, wall.now)
    assert await restored_of(store) == done.restored
    assert await suspects(store) == ["acme.a", "acme.c", "acme.d"]
    life = await incarnation_of(store)
    assert life != earlier
    [checkpoint] = await store.pick(Pick(CHECKPOINT))
    assert (checkpoint["position"], checkpoint["incarnation"]) == (10, life)
    assert [row["used"] for row in await store.pick(Pick(BUDGET))] == [100]
    assert [(row["holder"], row["epoch"]) for row in await store.pick(Pick(LINE))] == [(None, 7)]
    assert await store.pick(Pick(LEASE)) == []
    assert {row["holder"] for row in await store.pick(Pick(ALARM))} == {None}
    await store.close()


async def test_put_back_again_it_still_knows_what_the_earlier_restore_had_forgotten(address, elsewhere, wall, tmp_path):
    """A post that went out in the hours of the first may wait here for longer than until the second (I27)."""
    await furnished(address, wall)
    backup_of(address, tmp_path / "a.backup")
    first = restore(tmp_path / "a.backup", address, house_time=lambda kept: NOW, replace=True).restored
    wall.moment = NOW + timedelta(hours=1)
    store = open_store(address, wall.now)
    await store.append(append(99))
    await store.close()
    backup_of(address, tmp_path / "b.backup")
    later = NOW + timedelta(hours=2)
    done = restore(tmp_path / "b.backup", elsewhere, house_time=lambda kept: later)
    store = open_store(elsewhere, wall.now)
    assert await restored_of(store) == done.restored
    assert done.restored == Restored(first.point + 1, wall.moment, later, earlier=first)
    await store.close()


async def test_it_is_taken_while_many_write_and_is_of_one_moment(address, wall, tmp_path):
    migrate(address)
    store = open_store(address, wall.now)
    grown, number = asyncio.Event(), 0
    store.on_append.append(lambda position: grown.set() if position >= 100 * (number + 1) else None)
    writing = asyncio.ensure_future(_write_for_ever(store))
    for number in range(3):
        grown.clear()
        await grown.wait()
        manifest, _ = await asyncio.to_thread(backup_of, address, tmp_path / f"{number}.backup")
        assert manifest.position >= 100 * (number + 1)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await store.close()


async def _write_for_ever(store) -> None:
    number = 0
    while True:
        await asyncio.gather(*(store.append(append(number + each, 2)) for each in range(8)))
        number += 8


async def test_a_log_that_is_there_is_only_replaced_when_asked_and_kept_beside(address, wall, tmp_path):
    await furnished(address, wall)
    backup_of(address, tmp_path / "a.backup")
    with pytest.raises(LogNotEmpty, match="--replace"):
        restore(tmp_path / "a.backup", address, house_time=lambda kept: NOW)
    store = open_store(address, wall.now)
    await store.append(append(50))
    await store.close()
    done = restore(tmp_path / "a.backup", address, house_time=lambda kept: NOW, replace=True)
    with snapshot_of(address) as snapshot:
        assert snapshot.last_position() == done.restored.point
    if done.kept:
        with snapshot_of(f"sqlite:///{done.kept}") as kept:
            assert kept.last_position() == done.restored.point + 1
        again = restore(tmp_path / "a.backup", address, house_time=lambda kept: NOW, replace=True)
        with snapshot_of(f"sqlite:///{done.kept}") as kept:
            assert kept.last_position() == done.restored.point + 1, "the first one is still kept"
        with snapshot_of(f"sqlite:///{again.kept}") as kept:
            assert kept.last_position() == done.restored.point


async def test_a_backup_is_written_over_only_when_asked(address, wall, tmp_path):
    await furnished(address, wall)
    backup_of(address, tmp_path / "a.backup")
    with pytest.raises(BackupUnfit, match="--force"):
        backup_of(address, tmp_path / "a.backup")
    backup_of(address, tmp_path / "a.backup", force=True)
    assert (tmp_path / "a.backup").stat().st_mode & 0o777 == 0o600


async def test_no_backup_is_made_of_a_log_that_was_changed_and_the_last_good_one_stays(address, wall, tmp_path):
    await furnished(address, wall)
    good = tmp_path / "a.backup"
    backup_of(address, good)
    before = good.read_bytes()
    with vandal(address) as execute:
        execute("UPDATE stored_events SET topic = 'x' WHERE rowid = 5")
    with pytest.raises(ChainBroken) as found:
        backup_of(address, good, force=True)
    assert found.value.position == 4
    assert good.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.part")] == []


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_a_damaged_backup_is_refused_and_nothing_is_replaced(address, wall, tmp_path):
    await furnished(address, wall)
    path = tmp_path / "a.backup"
    backup_of(address, path)
    path.write_bytes(path.read_bytes().replace(b"reason 7", b"reason 8", 1))
    with pytest.raises(BackupUnfit, match="damaged from position"):
        restore(path, address, house_time=lambda kept: NOW, replace=True)
    with snapshot_of(address) as snapshot:
        verify(snapshot)
    (tmp_path / "no.backup").write_bytes(b"something else")
    with pytest.raises(Exception, match="cannot be read"):
        prove_backup(tmp_path / "no.backup")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE manifest")
    with pytest.raises(BackupUnfit, match="no manifest"):
        prove_backup(path)


async def test_of_an_alarm_that_is_another_one_now_nothing_is_put_back(address, wall, tmp_path):
    """No link of the chain is over the rows beside the facts."""
    await furnished(address, wall)
    path = tmp_path / "a.backup"
    backup_of(address, path)
    path.write_bytes(path.read_bytes().replace(b'"story":"acme.b"', b'"story":"acme.c"'))
    with pytest.raises(BackupUnfit, match=r"damaged: every fact .* beside .* take another backup"):
        restore(path, address, house_time=lambda kept: NOW, replace=True)
    store = open_store(address, wall.now)
    assert await restored_of(store) is None
    await store.close()


async def test_not_one_bit_of_a_backup_may_be_another(address, wall, tmp_path):
    """Fifty used bytes and fifty that hold nothing, drawn by a seed."""
    await furnished(address, wall)
    path = tmp_path / "a.backup"
    backup_of(address, path)
    good, luck = path.read_bytes(), random.Random(20)
    places: list[list[int]] = [[], []]
    for place, byte in enumerate(good):
        places[byte == 0].append(place)
    for place in [*luck.sample(places[0], 50), *luck.sample(places[1], 50)]:
        flipped = bytearray(good)
        flipped[place] ^= 1 << luck.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(StoreError):
            prove_backup(path)
    path.write_bytes(good + b"\0")
    with pytest.raises(BackupUnfit):
        prove_backup(path)
    path.write_bytes(good)
    prove_backup(path)


@pytest.mark.parametrize("before", [0, 1, 90, 99, 100, 101, 199, 250])
def test_a_seal_is_over_every_byte_wherever_it_stands(before, tmp_path, monkeypatch):
    monkeypatch.setattr(seal, "AT_ONCE", 100)
    path, standing = tmp_path / "sealed", seal.unsealed()
    path.write_bytes(b"x" * before + standing.encode() + b"y" * 77)
    sealed = seal.seal(path, standing)
    assert path.read_bytes() == b"x" * before + sealed.encode() + b"y" * 77
    assert sealed == hashlib.sha256(b"x" * before + b"0" * 64 + b"y" * 77).hexdigest()
    assert seal.seal_of(path, sealed) == sealed


async def test_a_backup_of_an_earlier_format_is_refused_by_name(address, wall, tmp_path):
    await furnished(address, wall)
    path = tmp_path / "a.backup"
    backup_of(address, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE manifest SET body = json_set(json_remove(body, '$.sha256'), '$.format', 1)")
    with pytest.raises(BackupUnfit, match=r"format 1 .* release 1"):
        prove_backup(path)


async def test_a_database_that_was_promoted_refuses_every_service_until_somebody_owns_up_to_it(postgres_address, wall):
    """F22: its timeline is another one than the log was written on; a promotion may have lost what was confirmed."""
    await furnished(postgres_address, wall)
    with psycopg.connect(postgres_address, autocommit=True) as db:
        db.execute(
            "UPDATE house SET body = jsonb_set(body::jsonb, '{timeline}', '41')::text WHERE name = 'incarnation'"
        )
    with pytest.raises(AnotherLog, match=r"was promoted .*restore --promoted"):
        open_store(postgres_address, wall.now)
    done = promoted(postgres_address, house_time=lambda kept: NOW)
    assert (done.restored.how, done.suspects) == ("promotion", 3)
    await open_store(postgres_address, wall.now).close()
    assert promoted(postgres_address, house_time=lambda kept: NOW).restored.earlier == done.restored


async def test_a_process_that_lived_through_a_restore_writes_nothing_any_more(postgres_address, wall, tmp_path):
    """Also when its connection comes back to it: what it remembers is of an earlier life (I26)."""
    await furnished(postgres_address, wall)
    backup_of(postgres_address, tmp_path / "a.backup")
    old = open_store(postgres_address, wall.now)
    restore(tmp_path / "a.backup", postgres_address, house_time=lambda kept: NOW, replace=True)
    with pytest.raises(AnotherLog, match="Start the process again"):
        await old.append(append(77))
    await old.close()
    with snapshot_of(postgres_address) as snapshot:
        assert snapshot.last_position() == verify(snapshot).head.position == 24


async def test_a_reader_whose_checkpoint_is_of_another_log_stops_and_says_so(store):
    """I26: it never goes on in a log it has not read."""
    for number in range(3):
        await store.append(append(number))
    life = await incarnation_of(store)
    for wrong, words in (
        ({"position": 2, "fact": "f9-0", "incarnation": life}, "has another one there"),
        ({"position": 9, "fact": "f2-0", "incarnation": life}, "has another one there, or none"),
        ({"position": 2, "fact": "f1-0", "incarnation": "an earlier one"}, "another life of this log"),
    ):
        await store.append(Append(rows=[Put(CHECKPOINT, {"service": "reader", **wrong})]))
        inbox = Inbox(BelledStore(store), "reader", {}, clock=None, new_id=str)  # type: ignore[arg-type]
        with pytest.raises(AnotherLog, match=words):
            await inbox.catch_up()
    assert await store.pick(Pick(HOUSE, {"name": "restored"})) == []
