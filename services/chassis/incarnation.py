"""Which life of the log this is. A restore and a promotion begin a new one, and whoever remembers a position of an
earlier life stops instead of going on in another log (I26)."""

from __future__ import annotations

import secrets
from typing import Any

import orjson

from services.chassis import codec
from services.chassis.rows import CHECKPOINT, HOUSE, Pick, Put, Row
from services.chassis.store import Read, Store, StoreError

NAME = "incarnation"


class AnotherLog(StoreError):
    """What is remembered of this log is not of this log."""


def incarnation_row(**about: Any) -> Put:
    """A new life; one that is there already stays."""
    body = orjson.dumps({"id": secrets.token_hex(16), **about}).decode()
    return Put(HOUSE, {"name": NAME, "body": body}, over=False)


def incarnation_in(body: str) -> str:
    return str(orjson.loads(body)["id"])


async def incarnation_of(store: Store) -> str:
    rows = await store.pick(Pick(HOUSE, {"name": NAME}, limit=1))
    return incarnation_in(str(rows[0]["body"])) if rows else ""


async def origin_of(store: Store) -> str | None:
    """The id of its first fact, by which a log is known through all its lives; None before anything was said."""
    first = await store.lines(0, 1)
    return codec.id_of(first[0].state) if first else None


def checkpoint_row(read: Read, life: str) -> Put:
    return Put(CHECKPOINT, {"service": read.service, "position": read.position, "fact": read.fact, "incarnation": life})


async def prove_checkpoint(store: Store, row: Row) -> None:
    """A checkpoint is a place in one life of one log; anything else stops its reader, who says so."""
    service, position, life = row["service"], int(str(row["position"])), await incarnation_of(store)
    if row["incarnation"] != life:
        raise AnotherLog(
            f"the {service} has read to {position} in another life of this log ({row['incarnation']}, and this one is "
            f"{life}): put a backup back with `distribution restore`, which sees to it"
        )
    if position == 0:
        return
    there = await store.lines(position - 1, 1)
    if not there or there[0].position != position or codec.id_of(there[0].state) != row["fact"]:
        raise AnotherLog(
            f"the {service} has read fact {row['fact']} at position {position}, and this log has another one there, or "
            "none: `distribution log verify` tells from where on it is not what was written"
        )
