"""A log is opened by its address, and read by a process that does not open it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from sqlite3 import OperationalError

import pytest

from services.chassis.bells import BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.opening import examine_store, migrate, open_store, read_only
from services.chassis.recorder_sqlite import read_only_file
from services.chassis.snapshot import of_file
from services.gateway.views.keeping import Keep
from tests.gateway.telling import Teller

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NAMES = ("var", "a b", "what?mode=rw", "50%25", "#1", "Größe")


@pytest.mark.parametrize("name", NAMES)
async def test_whatever_its_folder_is_called_the_same_file_is_written_and_read(tmp_path, name):
    folder = tmp_path / name
    address = f"sqlite:///{folder}/log.db"
    migrate(address)
    store = open_store(address, lambda: NINE)
    try:
        told = [await Teller(NINE, BelledStore(store), SteppingClock(NINE)).account("acme", "UTC")]
        with read_only(address) as pages:
            assert [(line.stream, line.position) for line in pages(0, 100, ())] == [
                (each.stream, each.position) for each in told
            ]
        assert examine_store(address)[0].startswith(f"{len(told)} facts in {folder}/log.db")
        with of_file(folder / "log.db") as snapshot:
            assert snapshot.last_position() == len(told)
    finally:
        await store.close()
    keep = Keep(f"sqlite:///{folder}/views.db")
    keep.close()
    assert {each.name for each in tmp_path.iterdir()} == {name}


async def test_who_reads_a_log_beside_its_writer_cannot_write_it(tmp_path):
    address = f"sqlite:///{tmp_path}/log.db"
    migrate(address)
    with closing(read_only_file(tmp_path / "log.db")) as db, pytest.raises(OperationalError, match="readonly"):
        db.execute("DELETE FROM checkpoint")
