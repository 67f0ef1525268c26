"""A database that says nothing: whoever waits for it finds out, asks another connection, and can say why (F22, F24)."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from events import About, Draft, PostCancelled
from services.chassis import readers_postgres, store_postgres
from services.chassis.opening import migrate
from services.chassis.recorder_postgres import ANSWER_S, StoreUnreachable, connect, conninfo
from services.chassis.store import Append, Say
from services.chassis.store_postgres import PostgresStore

pytestmark = pytest.mark.timeout(60)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """That server process takes what is sent to it, and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def append_of(story: str) -> Append:
    about = About(story, "test", datetime.now(UTC), None, "acme")
    return Append([Say(f"post-{story}", 0, [Draft(f"id-{story}", PostCancelled(), about)])])


@pytest.fixture
async def store(postgres_address, monkeypatch):
    for each in (readers_postgres, store_postgres):
        monkeypatch.setattr(each, "ANSWER_S", 0.5)
    migrate(postgres_address)
    store = PostgresStore(postgres_address, lambda: datetime.now(UTC))
    yield store
    await store.close()


def test_a_connection_without_an_answer_is_closed_and_says_so(postgres_address):
    with contextlib.closing(connect(postgres_address, patience_s=0.3)) as db:
        with stopped(db.info.backend_pid), pytest.raises(psycopg.OperationalError, match="no answer in"):
            db.execute("SELECT 1")
        assert db.closed


async def test_a_question_that_nobody_answers_is_asked_of_another_connection(store, postgres_address):
    """The one that fell silent is dropped; the server itself is well."""
    await store.append(append_of("acme.1"))
    silent = await store._readers.read(lambda db: db.info.backend_pid)
    with stopped(silent):
        assert await store.position() == 1


async def test_an_append_that_nobody_answers_is_written_once_by_another_connection(store):
    await store.append(append_of("acme.1"))
    with stopped(store._writer.info.backend_pid):
        [told] = await store.append(append_of("acme.2"))
    assert (told.position, await store.position()) == (2, 2)


def test_a_machine_that_vanishes_is_noticed():
    """Nothing closes such a connection; the system itself looks, as soon as it has heard nothing for five seconds."""
    given = psycopg.conninfo.conninfo_to_dict(conninfo("postgresql://distribution@127.0.0.1/log"))
    assert (given["keepalives_idle"], int(str(given["tcp_user_timeout"])) / 1000) == ("5", ANSWER_S / 2)
    own = conninfo("postgresql://distribution@127.0.0.1/log?keepalives_idle=60")
    assert psycopg.conninfo.conninfo_to_dict(own)["keepalives_idle"] == "60"


CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'distribution'"


async def test_at_whatever_moment_a_connection_is_cut_the_store_says_that_it_is_away(store, postgres_address):
    """Whoever appends knows what to do then: wait, and go on. Any other error would end the process."""
    over = threading.Event()

    def cut_again_and_again() -> None:
        with psycopg.connect(postgres_address, autocommit=True) as db:
            while not over.is_set():
                db.execute(CUT_OFF)

    cutting, away = threading.Thread(target=cut_again_and_again), 0
    cutting.start()
    try:
        for number in range(100):
            try:
                await store.append(append_of(f"acme.{number}"))
                await store.position()
            except StoreUnreachable:
                away += 1
    finally:
        over.set()
        cutting.join()
    assert away
    await store.append(append_of("acme.afterwards"))


async def test_a_database_that_takes_nothing_for_now_is_away_and_comes_back(store, postgres_address):
    """An old primary, or one whose disk is full."""
    with psycopg.connect(postgres_address, autocommit=True) as db:
        name = sql.Identifier(db.info.dbname)
        db.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        try:
            db.execute(CUT_OFF)
            with pytest.raises(StoreUnreachable, match="read-only"):
                await store.append(append_of("acme.1"))
        finally:
            db.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
    assert [told.position for told in await store.append(append_of("acme.1"))] == [1]
