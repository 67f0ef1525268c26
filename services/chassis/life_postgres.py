"""Which life of a log on PostgreSQL a process was started in, and whether it is still that one (I26, F22).

A promotion of the database is seen by its timeline, which every promotion raises: the promoted server may lack what
the old one had confirmed, and until somebody says so with `distribution restore --promoted` nothing is appended there.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from services.chassis.incarnation import NAME, AnotherLog
from services.chassis.recorder_postgres import Connection, server_of


@dataclass(frozen=True, slots=True)
class Life:
    id: str
    body: str
    """As it stands in its row, so that a commit compares text."""


def life_of(db: Connection) -> Life:
    """The life this log is in, on the server it belongs to."""
    row = db.execute("SELECT body FROM house WHERE name = %s", (NAME,)).fetchone()
    if row is None:
        raise AnotherLog("the log does not say which life it is in: run `distribution migrate`")
    _prove_server(db, row[0])
    return Life(str(orjson.loads(row[0])["id"]), row[0])


def prove_life(body: str, life: Life) -> None:
    """Asked under the lock of every append."""
    if body != life.body:
        raise AnotherLog(
            "this log began another life while this process ran: it was restored, or its database promoted. Start the "
            "process again"
        )


def prove_same_life(db: Connection, life: Life) -> None:
    prove_life(life_of(db).body, life)


def _prove_server(db: Connection, body: str) -> None:
    known, here = orjson.loads(body), server_of(db)
    if not here or "server" not in known:
        return
    if known["server"] != here["server"]:
        what = "this log was written on another database server and copied here"
    elif here["timeline"] is not None and known["timeline"] != here["timeline"]:
        what = f"this database was promoted since (timeline {known['timeline']}, now {here['timeline']})"
    else:
        return
    raise AnotherLog(
        f"{what}, and may lack facts that were told: stop every service, run `distribution restore --promoted`, and "
        "start them again; what may be live already is then looked up before anything is sent"
    )
