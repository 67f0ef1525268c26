"""The house lets processes beside it fold what is long (D13)."""

from __future__ import annotations

from services.chassis.settings import read_settings
from services.embedded import House
from services.gateway.views import beside


async def test_a_house_has_a_view_folded_by_processes_that_read_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "WORTH_IT", 0)
    asked, spawn = [], beside.spawn_asked

    async def watched(module, words):
        asked.append(await spawn(module, words))
        return asked[-1]

    monkeypatch.setattr(beside, "spawn_asked", watched)
    async with House(read_settings(data_dir=tmp_path / "data", port=0, nats_port=0)) as house:
        assert (await house.views.rebuild("queue"))["position"] == await house.store.position() > 0
    assert [child.returncode for child in asked] == [0] * min(beside.cores(), beside.PROCESSES_MAX)
