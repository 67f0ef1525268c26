"""The week as a board: a row for each connection, a column for each day, every slot with who has it or why nobody may.

A slot is a time that the planner itself would offer; whether it is free is asked of the planner as well (S14, S17a).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from services.gateway import allowances
from services.gateway.desk import Desk
from services.gateway.page import sheets
from services.gateway.page.places import (
    Cell,
    Place,
    cells_of,
    documents,
    left_out,
    mark_of,
    places,
    queue_of,
    with_room,
)
from services.gateway.page.rendering import moment
from services.gateway.principal import Principal
from services.gateway.views import queue
from services.gateway.views.question import Question
from services.gateway.views.showing import DISPLAY
from services.gateway.views.view import Document, instant, micros
from services.gateway.views.view import moment as instant_at
from services.planning.plan import LEAD
from services.planning.posting_day import refused
from services.planning.terms import ONE_DAY, Terms
from services.planning.zones import date_at, zone_called
from services.planning.zones import instant as instant_of

POSTS_MAX: Final = 1000
ROWS_MAX: Final = 60
WAITING_MAX: Final = 200
"""So many cards are shown, on their days and in front of them; of the others it is said how many they are."""
AROUND: Final = timedelta(days=2)
"""A cap looks a day back from the first moment and a day ahead of the last, in a zone that may be a day away."""
COUNTED: Final = ("scheduled", "published")
SHOWN_FIRST: Final = ("scheduled", "held", "limited", "missed")
"""Named even where there is none: whoever looks for them sees that there is none."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One slot of a day. `state`: free, taken, full (the cap) or over (its time has come)."""

    at: str
    clock: str
    state: str
    why: str = ""


def ticks(terms: Terms, day: date, taken: Sequence[datetime], *, now: datetime) -> list[Tick]:
    """Every slot that the connection's windows offer on that day, in order; `taken` is in order too."""
    found = []
    for each in terms.offered_on(day).offers:
        at, clock = instant(each.at) or "", each.slot.local[11:]
        if each.at < now + LEAD:
            found.append(Tick(at, clock, "over", "is over"))
        elif why := refused(each.at, taken, terms.cap):
            state = "taken" if why == "taken" else "full"
            found.append(Tick(at, clock, state, f"is {why}"))
        else:
            found.append(Tick(at, clock, "free"))
    return found


def nothing_free(name: str, day: date, found: Sequence[Tick], *, today: date) -> str:
    """Why a post that is dropped on this day finds no slot."""
    when = f"{day:%A %-d %B}"
    if day < today:
        return f"{when} is over. Nothing was moved."
    if not found:
        return f"{name} offers no slot on {when}: it lies outside its windows. “Move …” can set an exact time."
    if all(each.state == "over" for each in found):
        return f"Every slot of {name} on {when} is over. Nothing was moved."
    why = next((each.why for each in found if each.state == "full"), "is taken")
    return f"{name} has no free slot on {when}: every time {why}. Nothing was moved."


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one look at the views has found: all posts, those with a row, and those with a card."""

    every: Sequence[Place]
    connections: Sequence[str]
    more: int
    cells: Mapping[Cell, Sequence[Place]]
    documents: Sequence[Document]
    known: Mapping[str, allowances.Known]
    taken: Mapping[str, Sequence[datetime]]
    zone_of: Mapping[str, str]


async def week(desk: Desk, by: Principal, asked: Question, monday: date) -> dict[str, Any]:
    """Seven days, each post on the date its own account's wall shows; whatever has no slot waits in front of them."""
    await desk.views.fresh()
    accounts = await sheets.known_accounts(desk, by)
    zone_of = sheets.zones(accounts)
    days = [monday + timedelta(days=number) for number in range(7)]
    names = [name for name in accounts if asked.account in (None, name)]
    found = await desk.views.together(lambda db: gathered(db, asked, names, days, zone_of))
    cards = await cards_of(desk, found.documents, zone_of)
    rows = rows_of(found, cards, days, asked, desk.now())
    thin = [not any(alive(row["days"][number]) for row in rows) for number in range(7)]
    return {
        "days": [{"date": day, "thin": empty} for day, empty in zip(days, thin, strict=True)],
        "rows": rows,
        "more": found.more,
        "waiting": any(row["waiting"] for row in rows),
        "tally": tally(found.every),
        "today": desk.now().date(),
        "monday": monday,
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "accounts": sheets.listed(list(accounts)),
    }


def gathered(
    db: Connection, asked: Question, names: Sequence[str], days: Sequence[date], zone_of: Mapping[str, str]
) -> Gathered:
    """A row for each connection, as many as there is room for; and in each row a card for as many posts."""
    every = places(db, asked, days, zone_of)
    known = {each.id: each for each in allowances.known(db, names) if asked.channel in (None, each.document["channel"])}
    busy = {each.cell[0] for each in every}
    rows = sorted({*known, *busy})
    kept = rows if len(rows) <= ROWS_MAX else sorted(busy)[:ROWS_MAX]
    cells = cells_of(every, set(kept))
    dated = {cell: posts for cell, posts in cells.items() if cell[1]}
    waiting = {cell: posts for cell, posts in cells.items() if not cell[1]}
    shown = documents(db, [*with_room(dated, POSTS_MAX), *with_room(waiting, WAITING_MAX)])
    since, until = (datetime.combine(day, time(), UTC) for day in (days[0], days[-1] + ONE_DAY))
    taken = taken_between(db, names, since - AROUND, until + AROUND)
    return Gathered(every, kept, len(rows) - len(kept), cells, shown, known, taken, zone_of)


def alive(day: Document) -> bool:
    """Whether there is anything to see on it, or to be had."""
    return bool(day["posts"] or day["ahead"])


async def cards_of(desk: Desk, documents: Sequence[Document], zone_of: Mapping[str, str]) -> list[Document]:
    lines = await sheets.lines(desk, documents, zone_of)
    return [line | card(document, line) for document, line in zip(documents, lines, strict=True)]


def card(document: Document, line: Document) -> Document:
    """What a card says beside its text: its mark, the word for it, and why it stays where it is, if it does."""
    status, reason = document["status"], document["reason"]
    kind = mark_of(status, reason)
    until = (document["waiting"] or {}).get("until")
    word = kind.replace("_", " ")
    if until and kind in ("limited", "retrying", "checking"):
        word += f" until {moment(until, line['zone'], '%H:%M')}"
    return {"mark": kind, "word": word, "fixed": fixed(document)}


def fixed(document: Document) -> str | None:
    """Why a post cannot be moved; None when it can. Who decides in the end is the scheduler."""
    if any(each.name == "reschedule" for each in sheets.actions(document)):
        return None
    match document["status"]:
        case "published":
            return "It is published; nothing is left to move."
        case "failed":
            return "It has failed and waits for nothing; edit or retry it instead."
        case "cancelled":
            return "It is cancelled; there is nothing to move."
        case "rejected":
            return "It was returned to Production; it comes back as a new post."
        case "awaiting_approval":
            return "It is not approved; it takes a slot once it is."
        case _ if document["reason"] == "outcome_unknown":
            return "Nobody knows whether it went out; settle that first."
        case _:
            return "An attempt to publish is under way; wait for its outcome."


def tally(found: Iterable[Place]) -> list[tuple[str, int]]:
    """How many posts of the week stand how, with a card or without: the key to the marks, too."""
    counted: dict[str, int] = dict.fromkeys(SHOWN_FIRST, 0)
    for each in found:
        counted[each.mark] = counted.get(each.mark, 0) + 1
    return list(counted.items())


def taken_between(
    db: Connection, accounts: Sequence[str], since: datetime, until: datetime | None = None
) -> dict[str, list[datetime]]:
    """What is or may be visible on each connection, in order; without `until` however far ahead."""
    c = queue.table.c
    within = [c["at"] >= micros(since), *([c["at"] < micros(until)] if until else [])]
    asked = select(c.connection, c["at"]).where(c.account.in_(accounts), c.status.in_(COUNTED), *within)
    found: dict[str, list[datetime]] = defaultdict(list)
    for row in db.execute(asked.order_by(c["at"])):
        found[row[0]].append(instant_at(row[1]))
    return found


def rows_of(
    found: Gathered, cards: Sequence[Document], days: Sequence[date], asked: Question, now: datetime
) -> list[Document]:
    of: dict[str, list[Document]] = defaultdict(list)
    for each in cards:
        of[each["connection"]].append(each)
    return [row(name, found, of[name], days, asked, now) for name in found.connections]


def row(
    name: str, found: Gathered, cards: Sequence[Document], days: Sequence[date], asked: Question, now: datetime
) -> Document:
    account, channel = name.split(".")[:2]
    known = found.known.get(name)
    terms = known.terms if known else None
    limited = known.document["limited_until"] if known else None
    made: Document = {
        "id": name,
        "account": account,
        "channel": channel,
        "title": f"{DISPLAY[channel]} of {account}",
        "status": known.document["status"] if known else "not_connected",
        "zone": found.zone_of.get(account, "UTC"),
        "limited_until": limited if limited and limited > (instant(now) or "") else None,
        "waiting": [each for each in cards if each["date"] is None],
    }
    waiting = left_out(found.cells, (name, None), len(made["waiting"]), queue_of(asked, account, channel, "pending"))
    return made | {"more": waiting, "days": [_day(made, each, found, cards, terms, asked, now) for each in days]}


def _day(
    row: Document, day: date, found: Gathered, cards: Sequence[Document], terms: Terms | None, asked: Question,
    now: datetime,
) -> Document:  # fmt: skip
    slots = ticks(terms, day, found.taken.get(row["id"], ()), now=now) if terms else []
    zone = zone_called(row["zone"])
    today = date_at(now, zone)
    posts = [each for each in cards if each["date"] == day.isoformat()]
    begins, ends = (instant(instant_of(each, time(), zone)) for each in (day, day + ONE_DAY))
    there = queue_of(asked, row["account"], row["channel"], **{"from": begins, "to": ends})
    return {
        "date": day,
        "today": day == today,
        "posts": posts,
        "more": left_out(found.cells, (row["id"], day), len(posts), there),
        "slots": slots,
        "ahead": any(each.state != "over" for each in slots),
        "free": sum(each.state == "free" for each in slots),
        "none": nothing_free(row["title"], day, slots, today=today),
    }
