"""Moving one post by hand: the slots it may have, told before anything is asked, and where it went, told after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from services.gateway import allowances, reading
from services.gateway.desk import Desk, allow_story
from services.gateway.page import board, sheets
from services.gateway.page.board import Tick
from services.gateway.page.rendering import excerpt
from services.gateway.principal import Principal
from services.gateway.views.view import Document
from services.gateway.views.words import day as said_day
from services.planning.posting_day import refused
from services.planning.zones import date_at, shown

DAYS: Final = 14
"""So far ahead free slots are listed; for later ones there is a field."""


async def dialog(desk: Desk, by: Principal, story: str) -> dict[str, Any]:
    """What the dialog shows; whoever may not move posts is told so."""
    allow_story(by, "queue", story)
    document = await reading.document(desk, by, story)
    zone = sheets.zones(await sheets.known_accounts(desk, by, [document["account"]])).get(document["account"], "UTC")
    shown = await reading.post(desk, document)
    return {
        "post": shown | sheets.when(shown, {shown["account"]: zone}),
        "excerpt": excerpt(shown["title"] or shown["text"], 60),
        "zone": zone,
        "fixed": board.fixed(document),
        "days": await free_days(desk, document),
    }


async def free_days(desk: Desk, document: Document) -> list[tuple[str, list[Tick]]]:
    """The free slots of its connection, under their days; the one it has is not among them."""
    now = desk.now()
    own, taken = await _without_it(desk, document, now, now + timedelta(days=DAYS))
    return free(own, taken, now, has=document["scheduled_at"]) if own else []


async def over_the_cap(desk: Desk, document: Document, slot: datetime) -> str | None:
    """Why the cap refuses it this slot though it would leave its own; None where it does not."""
    own, taken = await _without_it(desk, document, slot, slot)
    why = refused(slot, taken, own.terms.cap) if own else None
    if own is None or why in (None, "taken"):
        return None
    return f"{shown(slot, own.terms.zone):%H:%M on %A %-d %B} is {why}. Nothing was moved."


async def _without_it(
    desk: Desk, document: Document, since: datetime, until: datetime
) -> tuple[allowances.Known | None, list[datetime]]:
    """Its connection, and what is taken there by others: a post that moves gives its own slot up."""
    known, taken = await desk.views.together(
        lambda db: (
            allowances.known(db, [document["account"]]),
            board.taken_between(db, [document["account"]], since - board.AROUND, until + board.AROUND),
        )
    )
    others = taken[document["connection"]]
    if (has := document["scheduled_at"]) and (at := datetime.fromisoformat(has)) in others:
        others.remove(at)
    return next((each for each in known if each.id == document["connection"]), None), others


def free(
    own: allowances.Known, taken: Sequence[datetime], now: datetime, *, has: str | None
) -> list[tuple[str, list[Tick]]]:
    today = date_at(now, own.terms.zone)
    days = [today + timedelta(days=number) for number in range(DAYS)]
    found = [(day, tick) for day in days for tick in board.ticks(own.terms, day, taken, now=now)]
    open_ones = [(day, tick) for day, tick in found if tick.state == "free" and tick.at != has]
    return [
        (f"{day:%A %-d %B}", [tick for _, tick in ticks]) for day, ticks in groupby(open_ones, key=lambda each: each[0])
    ]


def moved(item: Document, *, wanted: datetime | None) -> str:
    """Where it went; and if that is not the slot that was chosen, that somebody was quicker."""
    slot = item.get("slot")
    if not slot:
        return "It was moved."
    where = f"Moved to {said_day(slot['local'])}."
    if wanted is not None and datetime.fromisoformat(item["scheduled_at"]) != wanted:
        return f"{where} The slot you chose went to another post meanwhile."
    return where


def undone(item: Document) -> str:
    slot = item.get("slot")
    return f"Undone: it goes out on {said_day(slot['local'])} again." if slot else "It was undone."
