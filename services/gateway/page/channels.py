"""Every account with its channels, and what stands behind Reconnect: who is released by it, in order, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from services.gateway import allowances
from services.gateway.desk import Desk
from services.gateway.page import sheets
from services.gateway.page.board import AROUND, taken_between
from services.gateway.page.rendering import excerpt
from services.gateway.principal import Principal
from services.gateway.releasing import Released, released
from services.gateway.views import question, queue
from services.gateway.views.question import Question
from services.gateway.views.view import Document, unpacked

SHOWN_MAX: Final = 20


async def sheet(desk: Desk, by: Principal) -> dict[str, Any]:
    """Every account with its connections, and the channels it could still connect."""
    await desk.views.fresh()
    known = await sheets.known_accounts(desk, by)
    found = await allowances.connections(desk, list(known) if by.accounts is not None else None)
    by_account: dict[str, list[Document]] = {name: [] for name in known}
    for each in found:
        by_account.setdefault(each["account"], []).append(each)
    spoken = desk.grants.channels
    return {
        "accounts": [
            {
                "id": name,
                "document": document,
                "connections": by_account[name],
                "open": [each for each in spoken if each not in {own["channel"] for own in by_account[name]}],
            }
            for name, document in known.items()
        ],
        "plans": await plans(desk, found),
        "may_connect": by.may("connect"),
        "now": desk.now(),
    }


async def plans(desk: Desk, found: Sequence[Document]) -> dict[str, dict[str, Any]]:
    """By connection, for those that send nothing now and have something to send."""
    gone = [each for each in found if each["status"] == "disconnected"]
    if not gone:
        return {}
    now = desk.now()
    return await desk.views.together(lambda db: {each["id"]: plan(db, each, now) for each in gone})


def plan(db: Connection, connection: Document, now: datetime) -> dict[str, Any]:
    name, account = connection["id"], connection["account"]
    known = {each.id: each for each in allowances.known(db, [account])}
    rows = db.execute(question.page(Question(connection=name, status="pending", reason="held", order="turn"),
                                    after=None, limit=SHOWN_MAX))  # fmt: skip
    held = [unpacked(row.body) for row in rows][:SHOWN_MAX]
    # However far ahead: what is held goes behind everything that has its slot.
    taken = taken_between(db, [account], now - AROUND)[name]
    return {
        "items": [shown(each) for each in released(held, taken, known[name].terms, now=now, most=SHOWN_MAX)],
        "more": max(connection["held"] - SHOWN_MAX, 0),
        "to_come": to_come(db, name),
        "zone": str(known[name].terms.zone),
    }


def shown(each: Released) -> dict[str, Any]:
    content = each.document["content"]
    return {"id": each.document["id"], "excerpt": excerpt(content["title"] or content["text"], 70),
            "local": each.slot.local if each.slot else None, "missed": each.missed}  # fmt: skip


def to_come(db: Connection, name: str) -> int:
    """How many of its posts have a slot that is still to come."""
    c = queue.table.c
    asked = select(func.count()).where(c.connection == name, c.status == "scheduled")
    return int(db.execute(asked).scalar_one())
