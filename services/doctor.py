"""What is well with this house, what is not, and the command that mends it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import zoneinfo
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiohttp

from services.chassis import quarantine
from services.chassis.opening import examine_store, path_of
from services.chassis.rows import SUSPECT, VAULT, Put
from services.chassis.settings import Settings
from services.chassis.snapshot import house_value
from services.chassis.store import Append, StoreError
from services.chassis.store_memory import MemoryStore
from services.chassis.vault import KeyFileWrong, opened_vault
from services.chassis.verifying import snapshot_of

DISK_FREE_MIN = 512 * 1024 * 1024
"""Below half a gigabyte the log may soon have nowhere to go."""


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Literal["good", "note", "bad"]
    what: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


async def examine(settings: Settings) -> list[Finding]:
    return [
        _python(),
        _zones(),
        _disk(settings.data_dir),
        *await _store(settings),
        _broker(settings),
        _egress(settings),
        _channels(settings),
        await _running(settings.data_dir),
    ]


def _python() -> Finding:
    return Finding("good", f"Python {'.'.join(map(str, sys.version_info[:3]))}")


def _zones() -> Finding:
    try:
        zoneinfo.ZoneInfo("Pacific/Apia")
    except zoneinfo.ZoneInfoNotFoundError:
        return Finding("bad", "no time zone data", "run `make setup`: the tzdata package is part of the lock")
    return Finding("good", f"{len(zoneinfo.available_timezones())} time zones")


def _disk(data: Path) -> Finding:
    place = next(parent for parent in (data.resolve(), *data.resolve().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if free < DISK_FREE_MIN:
        return Finding("bad", f"{free // 2**20} MB free under {place}", "make room, or set DISTRIBUTION_DATA_DIR")
    return Finding("good", f"{free // 2**30} GB free under {place}")


async def _store(settings: Settings) -> list[Finding]:
    kind = "SQLite" if settings.embedded else "PostgreSQL"
    try:
        found = [Finding("good", f"{kind}: {line}") for line in examine_store(settings.database)]
        return [*found, *(Finding("note", line) for line in _quarantine(settings)), *await _vault(settings)]
    except (StoreError, OSError) as error:
        return [Finding("bad", f"{kind}: {error}", "run `distribution migrate`")]
    except sqlite3.DatabaseError as damaged:
        what = f"{kind}: {path_of(settings.database)} cannot be read as a log: {damaged}"
        return [Finding("bad", what, "`distribution restore FILE --replace` puts a backup in its place")]


def _quarantine(settings: Settings) -> list[str]:
    """I27: what a restored house still has to look up, whether it runs or not."""
    if _nothing_kept(settings):
        return []
    with snapshot_of(settings.database) as snapshot:
        body = house_value(snapshot, quarantine.NAME)
        left = sum(1 for _ in snapshot.rows(SUSPECT))
    said = quarantine.in_quarantine(left, quarantine.restored_in(body) if body else None)
    return [said] if said else []


async def _vault(settings: Settings) -> list[Finding]:
    """Whether a start would find the key: it is in no backup, so a restored house is easily without it (D20).

    A start itself is asked, of a copy; where nothing is sealed, or the key is owned to be lost, it would make one.
    """
    if settings.vault_key_lost or _nothing_kept(settings):
        return []
    with snapshot_of(settings.database) as snapshot:
        sealed = [Put(VAULT, dict(zip(VAULT.columns, row, strict=True))) for row in snapshot.rows(VAULT)]
    if not sealed:
        return []
    copy = MemoryStore(lambda: datetime.now(UTC))
    await copy.append(Append(rows=sealed))
    try:
        await opened_vault(copy, settings.vault_key_file or settings.data_dir / "vault.key")
    except (KeyFileWrong, OSError) as wrong:
        # Of services in processes of their own the scheduler needs none, and this may be its machine.
        level = "bad" if settings.embedded else "note"
        return [Finding(level, "what the vault keeps does not open, and no house starts without it", str(wrong))]
    return [Finding("good", "the vault's key is the one that sealed what it keeps")]


def _nothing_kept(settings: Settings) -> bool:
    return settings.embedded and not path_of(settings.database).exists()


def _broker(settings: Settings) -> Finding:
    if settings.nats_url is not None:
        return Finding(
            "note", f"broker {settings.nats_url} is yours: see that its streams run with sync_interval always"
        )
    return Finding("good", "the broker is a child of the house, with sync_interval always")


def _egress(settings: Settings) -> Finding:
    if settings.egress_allow:
        return Finding("note", f"typed addresses may also reach {', '.join(settings.egress_allow)}")
    return Finding("good", "typed addresses reach public hosts only")


def _channels(settings: Settings) -> Finding:
    if settings.sandbox == "0":
        if settings.clients_file is None:
            return Finding("bad", "real channels without our registrations", "set DISTRIBUTION_CLIENTS_FILE")
        return Finding("good", "real channels")
    return Finding("note", "simulated channels: nothing leaves this machine")


async def _running(data: Path) -> Finding:
    try:
        page = str(json.loads((data / "up.json").read_text())["page"])
    except OSError:
        return Finding("note", "no house is running here", "start one with `make up`")
    except (ValueError, LookupError, TypeError):
        return Finding("bad", "up.json is not as a running house writes it", "start the house again with `make up`")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
            session.get(page.rstrip("/") + "/readyz") as answer,
        ):
            if answer.status == 200:
                return Finding("good", f"a house answers at {page}")
            return Finding("bad", f"the house at {page} is not ready: {(await answer.text())[:300]}")
    except (aiohttp.ClientError, TimeoutError):
        return Finding("bad", f"up.json names {page}, and nobody answers there", "start it again with `make up`")
