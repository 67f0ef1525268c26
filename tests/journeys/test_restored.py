"""A house that is lost and put back from a backup, its channels having gone on: nothing is published twice (I27)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.chassis.backups import write_backup
from services.chassis.restoring import restore
from services.chassis.verifying import snapshot_of, verify
from tests.journeys.doors import approved, until
from tests.journeys.places import one_process

TEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""In Berlin, the slot of the first post; the house is lost three hours later."""
LOST = TEN + timedelta(hours=3)
FIRST, SECOND, LATER = "acme.first", "acme.second", "acme.later"


async def test_a_house_put_back_from_a_backup_finds_what_it_had_forgotten_and_sends_it_no_second_time(tmp_path):
    path = tmp_path / "monday.backup"
    async with one_process(tmp_path) as place:
        doors, database = place.doors, place.house.settings.database
        await doors.opened("acme", "linkedin", zone="Europe/Berlin")
        await doors.approve(approved("first"), approved("later", not_before="2026-11-24T06:00:00Z"))
        for story in (FIRST, LATER):
            await doors.in_status(story, "scheduled")
        with snapshot_of(database) as snapshot:
            manifest, _ = write_backup(snapshot, path, release="1", made_at=place.clock.now())
        await doors.approve(approved("second"))
        await doors.in_status(SECOND, "scheduled")
        await place.until(LOST)
        ids = {story: (await doors.in_status(story, "published"))["channel_post_id"] for story in (FIRST, SECOND)}

    done = restore(path, database, house_time=lambda kept: LOST, replace=True)
    assert (done.restored.point, done.suspects) == (manifest.position, 1)

    async with one_process(tmp_path, start=LOST) as place:
        doors = place.doors
        ready, said = await doors.ask("GET", "/readyz")
        assert ready == 503
        assert "1 posts are looked up on their channels" in str(said)
        await doors.approve(approved("second"))
        await place.until(LOST + timedelta(minutes=10))
        assert (await doors.in_status(FIRST, "published"))["channel_post_id"] == ids[FIRST]
        assert "attempt_started" not in await doors.said(FIRST)
        await until(lambda: _ready(doors), what="the quarantine is over")
        # The second one was forgotten altogether. Production missed its receipt and has said it again.
        await place.until(TEN + timedelta(days=1, hours=3))
        assert (await doors.in_status(SECOND, "published"))["channel_post_id"] == ids[SECOND]
        await doors.in_status(LATER, "published")
        standing = [live["text"] for live in await doors.standing("linkedin")]
        assert sorted(standing) == ["This is acme.first.", "This is acme.later.", "This is acme.second."]
    with snapshot_of(database) as snapshot:
        verify(snapshot)


async def _ready(doors) -> bool:
    return (await doors.ask("GET", "/readyz"))[0] == 200
