"""`distribution topology`: what it changes is told as JSON alone on stdout, whatever is logged meanwhile."""

from __future__ import annotations

from tests.journeys.houses import command
from tests.servers_nats import broker


async def test_what_is_changed_is_told_as_json_alone(tmp_path):
    async with broker(tmp_path) as empty:
        made = await command("topology", "apply", "--output", "json", nats_url=empty.url)
        again = await command("topology", "apply", "--output", "json", nats_url=empty.url)
    assert len(made.json) > 1
    assert "the topology was changed" in made.err
    assert again.json == []
