"""A backup: one SQLite file with the log, its chain and every row beside it, of a house on SQLite or on PostgreSQL.

It is a snapshot of one moment, taken while the house goes on, and proven before it gets its name: the facts by their
chain, and every byte, the rows beside them included, by the seal in its manifest. Secrets are in it only as the vault
keeps them; the key that opens them never is. Leases are left out: they are of processes, not of the house.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from services.chassis.chain import ChainBroken, Head
from services.chassis.recorder_sqlite import SCHEMA, statements
from services.chassis.rows import CHAIN, LEASE, TABLES
from services.chassis.seal import LETTERS, seal, seal_of, unsealed
from services.chassis.snapshot import Snapshot, SqliteSnapshot, of_file
from services.chassis.store import StoreError
from services.chassis.verifying import Said, Verified, quiet, verify

FORMAT = 2
AT_ONCE = 2000
KEPT = tuple(table for table in TABLES if table not in (LEASE, CHAIN))


class BackupUnfit(StoreError):
    """This file is no backup that may be put back, or must not be written over."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`head` is the chain's, `position` the last fact's, `sha256` the seal; all are proven whenever it is read."""

    format: int
    release: str
    schema: int
    kind: str
    incarnation: str
    position: int
    head: str
    made_at: str
    sha256: str


def write_backup(
    snapshot: Snapshot, path: Path, *, release: str, made_at: datetime, force: bool = False, said: Said = quiet
) -> tuple[Manifest, Verified]:
    """Under a name of its own until it is proven; a backup that is there already is only written over by `force`."""
    if path.exists() and not force:
        raise BackupUnfit(f"{path} is there already: choose another name, or write over it with --force")
    part = _begun(path)
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as db:
            manifest = _fill(db, snapshot, release, made_at, said)
        manifest = replace(manifest, sha256=seal(part, manifest.sha256))
        found = _proven(part, said)
        flushed(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    flushed(path.parent)
    return manifest, found


def _begun(path: Path) -> Path:
    """The empty file that becomes the backup."""
    if path.is_dir():
        raise BackupUnfit(f"{path} is a folder: name a file in it")
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
    except OSError as error:
        raise BackupUnfit(f"{path} cannot be written ({error.strerror}): name a file in a folder that is there and may "
                          "be written to") from error  # fmt: skip
    return part


def _proven(part: Path, said: Said) -> Verified:
    """What was copied is as damaged as what it was copied from."""
    try:
        return prove_backup(part, said=said)[1]
    except BackupUnfit as unfit:
        raise (unfit.__cause__ if isinstance(unfit.__cause__, ChainBroken) else unfit) from None


def prove_backup(path: Path, *, said: Said = quiet) -> tuple[Manifest, Verified]:
    """Every byte of it, every fact and link, and that it ends where its manifest says."""
    if not path.is_file():
        raise BackupUnfit(f"there is no backup at {path}: name the file that `distribution backup` wrote")
    with of_file(path) as backup:
        manifest = _manifest_of(backup, path)
        whole = seal_of(path, manifest.sha256) == manifest.sha256
        try:
            position, _, link = manifest.head.partition(":")
            found = verify(backup, head=Head(int(position), bytes.fromhex(link)), said=said)
        except ChainBroken as broken:
            raise BackupUnfit(f"{path} is damaged from position {broken.position} on ({broken.why}): take another "
                              "backup") from broken  # fmt: skip
        except Exception as broken:
            if whole:
                raise
            raise BackupUnfit(
                f"{path} is damaged so that it cannot be read ({broken}): take another backup"
            ) from broken
    if not whole:
        raise BackupUnfit(
            f"{path} is damaged: every fact is as it was written, and something beside the facts (an alarm, a grant, a "
            "post on its way, or the file around them) is not: take another backup"
        )
    return manifest, found


def _fill(db: sqlite3.Connection, snapshot: Snapshot, release: str, made_at: datetime, said: Said) -> Manifest:
    db.execute("PRAGMA synchronous=OFF")  # flushed as a whole, before it gets its name
    for statement in statements():
        db.execute(statement)
    db.execute("CREATE TABLE manifest (body TEXT)")
    db.execute("BEGIN")
    last, of = 0, snapshot.last_position()
    fact = "INSERT INTO stored_events (originator_id, originator_version, rowid, topic, state) VALUES (?,?,?,?,?)"
    for page in pages(snapshot.facts()):
        db.executemany(fact, page)
        last = page[-1].position
        said(last, of)
    head = Head(0, bytes(32))
    for page in pages(snapshot.links()):
        db.executemany("INSERT INTO chain (position, hash) VALUES (?,?)", [(each.position, each.hash) for each in page])
        head = page[-1]
    for table in KEPT:
        marks = ",".join("?" * len(table.columns))
        for page in pages(snapshot.rows(table)):
            db.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', page)  # noqa: S608 - names of rows.py
    life = json.loads(db.execute("SELECT body FROM house WHERE name = 'incarnation'").fetchone()[0])["id"]
    manifest = Manifest(FORMAT, release, SCHEMA, snapshot.kind, life, last, str(head), made_at.isoformat(),
                        unsealed())  # fmt: skip
    db.execute("INSERT INTO manifest VALUES (?)", (json.dumps(asdict(manifest)),))
    db.execute(f"PRAGMA user_version={SCHEMA}")
    db.execute("COMMIT")
    return manifest


def _manifest_of(backup: SqliteSnapshot, path: Path) -> Manifest:
    try:
        kept = json.loads(str(backup.single("SELECT body FROM manifest")))
        found = (kept["format"], kept["schema"])
        if found == (FORMAT, SCHEMA):
            manifest = Manifest(**kept)
            if len(bytes.fromhex(manifest.sha256)) != LETTERS // 2:
                raise ValueError("its seal is cut")
            return manifest
    except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as unfit:
        raise BackupUnfit(f"{path} is no backup: it has no manifest that can be read ({unfit})") from unfit
    raise BackupUnfit(
        f"{path} is of format {found[0]} and schema {found[1]}, made by release {kept.get('release')}; "
        f"this release reads format {FORMAT} and schema {SCHEMA}: restore it with the release that made it"
    )


def pages(rows: Iterable[Any]) -> Iterator[Sequence[Any]]:
    coming = iter(rows)
    while page := list(islice(coming, AT_ONCE)):
        yield page


def flushed(path: Path) -> None:
    """Durable, whatever happens to the machine next."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
