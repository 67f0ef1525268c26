"""A house is killed before it could answer. Whoever asks again, by the key and the Idempotency-Key of before, is
answered as if nothing had happened, and what was asked for is done once (I21)."""

from __future__ import annotations

import json

from services.chassis.settings import read_settings
from services.embedded import House
from tests.journeys.doors import approved, opened_doors

STORY = "acme.spring-042"
A_DAY_LATER = {"action": "reschedule", "posts": [{"id": STORY}], "shift": "P1D"}


async def test_what_was_asked_before_the_kill_is_done_once(tmp_path):
    settings = read_settings(data_dir=tmp_path / "data", port=0, nats_port=0)
    async with House(settings) as house:
        note = house.note.read_text()
        async with opened_doors(json.loads(note)) as doors:
            await doors.opened("acme", "linkedin")
            await doors.approve(approved("spring-042"))
            before = (await doors.in_status(STORY, "scheduled"))["scheduled_at"]
            first = await doors.done("POST", "/v1/posts/bulk", A_DAY_LATER, **{"Idempotency-Key": "once"})
            moved = (await doors.post(STORY))["scheduled_at"]
    assert moved > before
    house.note.write_text(note)  # as a house that is killed leaves it
    async with House(settings) as again, opened_doors(json.loads(again.note.read_text())) as doors:
        assert await doors.done("POST", "/v1/posts/bulk", A_DAY_LATER, **{"Idempotency-Key": "once"}) == first
        assert (await doors.post(STORY))["scheduled_at"] == moved


async def test_a_key_that_opens_no_more_is_not_taken_up_again(tmp_path):
    settings = read_settings(data_dir=tmp_path / "data", port=0, nats_port=0)
    async with House(settings) as house:
        note = house.note.read_text()
        await house.gateway.keys.revoke_all("up")
    house.note.write_text(note)
    async with House(settings) as again:
        assert again.api_key != house.api_key
        async with opened_doors(json.loads(again.note.read_text())) as doors:
            assert (await doors.get("/v1/accounts"))["items"] == []
