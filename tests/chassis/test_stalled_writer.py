"""A writer that stands still inside its transaction holds everybody's lock, and PostgreSQL cuts it off (F24, G9)."""

from __future__ import annotations

import contextlib
import select

import psycopg
import pytest

from services.chassis.recorder_postgres import STALLED_S, connect
from tests.journeys.doors import until


async def test_a_client_that_stands_still_after_a_pipeline_is_cut_off(postgres_address):
    """psycopg's own way of leaving a pipeline would leave it the lock for ever."""
    stalled = connect(postgres_address)
    with contextlib.closing(stalled), psycopg.connect(postgres_address, autocommit=True) as looking:
        assert stalled.execute("SHOW idle_in_transaction_session_timeout").fetchone() == (f"{STALLED_S}s",)
        stalled.execute("SET idle_in_transaction_session_timeout = '300ms'")
        with stalled.pipeline():
            stalled.execute("BEGIN")
            there = stalled.execute("SELECT pid FROM pg_stat_activity WHERE pid = %s", [stalled.info.backend_pid])
        [(pid,)] = there.fetchall()

        def gone() -> bool:
            return not looking.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall()

        await until(gone, what="it is cut off", within=10)


def refused_early(db) -> None:
    """The server answers BEGIN, and says no, while the pipeline is still open."""
    with db.pipeline():
        db.execute("BEGIN")
        db.execute("SELECT 1 / %s", [0])
        select.select([db.fileno()], [], [], 10)


def test_a_refusal_that_comes_before_the_pipeline_ends_leaves_the_connection_whole(postgres_address):
    """The server answers first where this machine has much to do."""
    with contextlib.closing(connect(postgres_address)) as db:
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero):
                refused_early(db)
            db.rollback()
            assert db.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.timeout(30)
def test_what_the_server_has_no_room_for_yet_is_sent_as_soon_as_it_has(postgres_address):
    """Two megabytes while it is busy: what was not sent would keep the lock for ever, since the server waits for it."""
    with contextlib.closing(connect(postgres_address)) as db:
        with db.pipeline():
            db.execute("SELECT pg_sleep(0.2)")
            told = db.execute("SELECT length(%s)", ["x" * 2_000_000])
        assert told.fetchone() == (2_000_000,)
