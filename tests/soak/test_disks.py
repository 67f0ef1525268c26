"""`make soak` fills disks and cuts the power many times; here once each, where the machine lets us."""

from __future__ import annotations

from tests import absent, volatile
from tests.disks import NoDisk
from tests.soak.disks import full
from tests.soak.power import flush, power


async def test_a_house_on_a_full_disk_reads_cancels_and_goes_on_by_itself(tmp_path):
    try:
        found = await full(tmp_path, 1)
    except NoDisk as none:
        absent.needs(str(none), ["mount"])
        raise
    for tried in found:
        assert tried.kept, tried


async def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path):
    absent.needs("a disk that forgets what was not flushed", volatile.missing())
    for tried in await power(tmp_path, 1):
        assert tried.kept, tried


async def test_a_flush_that_fails_stops_the_house_before_it_acknowledges_anything(tmp_path):
    absent.needs("a disk that forgets what was not flushed", volatile.missing())
    for tried in await flush(tmp_path, 1):
        assert tried.kept, tried
