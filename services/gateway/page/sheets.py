"""What each sheet of the page shows, gathered from the views within what the visitor may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, select, true

from services.gateway import reading
from services.gateway.approval import Gate
from services.gateway.desk import Desk
from services.gateway.page.rendering import excerpt, moment
from services.gateway.principal import Principal
from services.gateway.views import accounts, approvals, queue
from services.gateway.views.question import Question
from services.gateway.views.turns import section
from services.gateway.views.view import Document, unpacked
from services.planning.zones import instant, zone_called

ROWS: Final = 50
LISTED_MAX: Final = 50
"""So many accounts are a list to choose from."""
OPEN: Final = ("limited", "retrying")
"""Reasons under *scheduled* with no attempt open: such a post may still be changed (S28)."""


async def known_accounts(desk: Desk, by: Principal, named: Iterable[str] | None = None) -> dict[str, Document]:
    """Their choices, of all or of those that are named."""
    c = accounts.table.c
    asked = select(c.key, c.body).where(_seen(by)).order_by(c.key)
    rows = await desk.views.rows(asked if named is None else asked.where(c.key.in_(set(named))))
    found = {row.key: unpacked(row.body)["document"] for row in rows}
    return {name: document for name, document in found.items() if document}


async def account_names(desk: Desk, by: Principal, limit: int | None = None) -> list[str]:
    c = accounts.table.c
    rows = await desk.views.rows(select(c.key).where(_seen(by)).order_by(c.key).limit(limit))
    return [row.key for row in rows]


def _seen(by: Principal) -> ColumnElement[bool]:
    return true() if by.accounts is None else accounts.table.c.key.in_(by.accounts)


def listed(names: Sequence[str]) -> Sequence[str] | None:
    """None for more than anybody would look through: of so many, one is typed (`/page/accounts` knows them)."""
    return names if len(names) <= LISTED_MAX else None


def zones(known: Mapping[str, Document]) -> dict[str, str]:
    return {name: document["zone"] for name, document in known.items()}


async def paused(desk: Desk, by: Principal) -> list[str]:
    """Where publishing is paused, as far as it concerns this visitor."""
    return await reading.paused(desk, by)


# The queue.


async def queue_sheet(desk: Desk, by: Principal, asked: Question, cursor: str | None) -> dict[str, Any]:
    documents, following = await reading.posts(desk, replace(asked, order="turn"), cursor=cursor, limit=ROWS)
    known = await known_accounts(desk, by, {document["account"] for document in documents})
    rows = await lines(desk, documents, zones(known))
    counts = await reading.counts(desk, replace(asked, status=None))
    grouped = groupby(rows, key=lambda row: section(row["status"], row["reason"]))
    return {
        "sections": [(name, list(group)) for name, group in grouped],
        "counts": counts,
        "total": sum(counts.values()),
        "following": following,
        "accounts": listed(await account_names(desk, by, LISTED_MAX + 1)),
        "statuses": queue.STATUSES,
    }


async def lines(desk: Desk, documents: Sequence[Document], zone_of: Mapping[str, str]) -> list[Document]:
    """Items of the queue with what a person recognises them by."""
    items = await reading.items(desk, documents)
    return [
        item | {"excerpt": excerpt(document["content"]["title"] or document["content"]["text"]), **when(item, zone_of)}
        for item, document in zip(items, documents, strict=True)
    ]


def when(item: Document, zone_of: Mapping[str, str]) -> Document:
    """The day and the clock of an item, on the wall of its account."""
    zone = zone_of.get(item["account"], "UTC")
    at = item["published_at"] or item["scheduled_at"]
    if at is None:
        return {"at": None, "date": None, "day": None, "clock": None, "zone": zone}
    return {"at": at, "date": moment(at, zone, "%Y-%m-%d"), "day": moment(at, zone, "%a %-d %b"),
            "clock": moment(at, zone, "%H:%M"), "zone": zone}  # fmt: skip


# One post.


@dataclass(frozen=True, slots=True)
class Action:
    """What can be asked of a post as it stands; `main` is the one that helps most."""

    name: str
    label: str
    main: bool = False


def actions(document: Document) -> list[Action]:
    """The decision is the scheduler's or the publisher's; here is only what makes sense to offer."""
    status, reason = document["status"], document["reason"]
    helps = (document["error"] or {}).get("action")
    match status:
        case "failed":
            return [Action("retry", "Retry", helps != "edit"), Action("edit", "Edit", helps == "edit")]
        case "scheduled" if reason == "outcome_unknown":
            return [Action("settle", "Settle", True)]
        case "scheduled" if document["open"]:
            return []
        case "scheduled" | "pending":
            missed = reason == "missed"
            return [Action("reschedule", "Move", missed), Action("edit", "Edit"), Action("cancel", "Cancel")]
        case "awaiting_approval":
            return [Action("edit", "Edit"), Action("cancel", "Cancel")]
        case _:
            return []


def words(gate: Gate, by: Principal) -> list[Action]:
    """What can be said at the gate; the decision is in `approval.py`."""
    if not gate.awaits:
        return []
    reviews = [Action("approve", "Approve", True), Action("reject", "Reject")] if by.may("review") else []
    return [*reviews, Action("comments", "Comment")] if by.may("comment") else reviews


async def post_sheet(desk: Desk, by: Principal, story: str) -> dict[str, Any]:
    document = await reading.document(desk, by, story)
    zone = zones(await known_accounts(desk, by, [document["account"]])).get(document["account"], "UTC")
    shown = await reading.post(desk, document)
    thread = await desk.views.document(approvals, story)
    return {
        "post": shown | when(shown, {shown["account"]: zone}),
        "zone": zone,
        "why": reading.why_of(document),
        "days": _by_day((await reading.told(desk, story))[0], zone),
        "metrics": await reading.metrics(desk, document) if document["status"] == "published" else None,
        "comments": thread["comments"] if thread else [],
        "actions": [
            *(words(approvals.gate_of(thread), by) if thread else []),
            *(actions(document) if by.may("queue") else []),
        ],
    }


def _by_day(facts: Sequence[Document], zone: str) -> list[tuple[str, list[Document]]]:
    """The timeline under its days, on the wall of the account."""
    told = [fact | {"day": moment(fact["happened_at"], zone, "%A %-d %B %Y"),
                    "clock": moment(fact["happened_at"], zone, "%H:%M:%S")} for fact in facts]  # fmt: skip
    return [(day, list(group)) for day, group in groupby(told, key=lambda fact: fact["day"])]


# The week; what it shows is gathered in `board.py`.


def monday_of(text: str | None, now: datetime) -> date:
    """The week somebody asks for by any of its days, or this one."""
    try:
        day = date.fromisoformat(text) if text else now.date()
        monday = day - timedelta(days=day.weekday())
        if not date(1971, 1, 1) < monday < date(2200, 1, 1):
            raise ValueError
        return monday
    except (ValueError, OverflowError):
        raise reading.wrong("from", "write a date as 2026-11-23") from None


def instant_in(wall: str, zone: str) -> datetime:
    """What somebody typed as a date and a time means on the wall of the account, as the planner means it (S19)."""
    try:
        typed = datetime.fromisoformat(wall)
        if typed.tzinfo is None:
            return instant(typed.date(), typed.time(), zone_called(zone))
    except (ValueError, OverflowError):
        raise reading.wrong("at", "choose a date and a time") from None
    raise reading.wrong("at", f"write the time as the clock of {zone} shows it, without an offset")
