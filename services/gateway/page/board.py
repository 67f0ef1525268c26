"""The week as a board: a row for each connection, a column for each day, every slot with who has it or why nobody may.

A slot is a time that the planner itself would offer; whether it is free is asked of the planner as well (S14, S17a).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from services.gateway import allowances
from services.gateway.desk import Desk
from services.gateway.page import sheets
from services.gateway.page.rendering import moment
from services.gateway.principal import Principal
from services.gateway.views import question, queue
from services.gateway.views.question import Question
from services.gateway.views.showing import DISPLAY
from services.gateway.views.view import Document, instant, micros
from services.gateway.views.view import moment as instant_at
from services.planning.plan import LEAD
from services.planning.posting_day import refused
from services.planning.terms import ONE_DAY, Terms
from services.planning.zones import date_at

POSTS_MAX: Final = 1000
ROWS_MAX: Final = 60
WAITING_MAX: Final = 200
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


async def week(desk: Desk, by: Principal, asked: Question, monday: date) -> dict[str, Any]:
    """Seven days, each post on the date its own account's wall shows; whatever has no slot waits in front of them."""
    await desk.views.fresh()
    known = await sheets.known_accounts(desk, by)
    zone_of = sheets.zones(known)
    since = datetime.combine(monday, time(), desk.now().tzinfo)
    span = replace(asked, since=since - timedelta(days=1), until=since + timedelta(days=8))
    dated = await desk.views.documents(question.by_time(span, limit=POSTS_MAX))
    without = await desk.views.documents(question.page(replace(asked, order="turn", status="pending"), after=None,
                                                       limit=WAITING_MAX))  # fmt: skip
    without = [each for each in without[:WAITING_MAX] if each["scheduled_at"] is None]
    cards = await cards_of(desk, [*dated, *without], zone_of)
    days = [monday + timedelta(days=number) for number in range(7)]
    shown = [each for each in cards if each["date"] is None or monday <= date.fromisoformat(each["date"]) <= days[-1]]
    rows, more = await rows_of(desk, list(known), asked, shown, days)
    thin = [not any(alive(row["days"][number]) for row in rows) for number in range(7)]
    return {
        "days": [{"date": day, "thin": empty} for day, empty in zip(days, thin, strict=True)],
        "rows": rows,
        "more": more,
        "waiting": any(row["waiting"] for row in rows),
        "tally": tally(shown),
        "today": desk.now().date(),
        "monday": monday,
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "accounts": sheets.listed(list(known)),
    }


def alive(day: Document) -> bool:
    """Whether there is anything to see on it, or to be had."""
    return bool(day["posts"] or day["ahead"])


async def cards_of(desk: Desk, documents: Sequence[Document], zone_of: Mapping[str, str]) -> list[Document]:
    lines = await sheets.lines(desk, documents, zone_of)
    return [line | card(document, line) for document, line in zip(documents, lines, strict=True)]


def card(document: Document, line: Document) -> Document:
    """What a card says beside its text: its mark, the word for it, and why it stays where it is, if it does."""
    status, reason = document["status"], document["reason"]
    kind = status if status == "failed" else reason or status
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


def tally(cards: Iterable[Document]) -> list[tuple[str, int]]:
    """How many posts of the week stand how: the key to the marks, too."""
    found: dict[str, int] = dict.fromkeys(SHOWN_FIRST, 0)
    for each in cards:
        found[each["mark"]] = found.get(each["mark"], 0) + 1
    return list(found.items())


async def rows_of(
    desk: Desk, accounts: Sequence[str], asked: Question, cards: Sequence[Document], days: Sequence[date]
) -> tuple[list[Document], int]:
    """A row for each connection, and how many rows there was no room for."""
    names = [name for name in accounts if asked.account in (None, name)]
    now = desk.now()
    since, until = (datetime.combine(day, time(), now.tzinfo) for day in (days[0], days[-1] + ONE_DAY))
    found, taken = await desk.views.together(
        lambda db: (allowances.known(db, names), taken_between(db, names, since - AROUND, until + AROUND))
    )
    known = {each.id: each for each in found if asked.channel in (None, each.document["channel"])}
    of: dict[str, list[Document]] = defaultdict(list)
    for each in cards:
        of[each["connection"]].append(each)
    every = sorted({*known, *of})
    kept = every if len(every) <= ROWS_MAX else [name for name in every if of[name]][:ROWS_MAX]
    return [row(name, known.get(name), of[name], taken[name], days, now) for name in kept], len(every) - len(kept)


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


def row(
    name: str, known: allowances.Known | None, cards: Sequence[Document], taken: Sequence[datetime],
    days: Sequence[date], now: datetime,
) -> Document:  # fmt: skip
    account, channel = name.split(".")[:2]
    terms = known.terms if known else None
    today = date_at(now, terms.zone) if terms else now.date()
    title = f"{DISPLAY[channel]} of {account}"
    limited = known.document["limited_until"] if known else None
    return {
        "id": name,
        "account": account,
        "channel": channel,
        "title": title,
        "status": known.document["status"] if known else "not_connected",
        "zone": str(terms.zone) if terms else "UTC",
        "limited_until": limited if limited and limited > (instant(now) or "") else None,
        "waiting": [each for each in cards if each["date"] is None],
        "days": [_day(title, each, terms, cards, taken, today, now) for each in days],
    }


def _day(
    title: str, day: date, terms: Terms | None, cards: Sequence[Document], taken: Sequence[datetime], today: date,
    now: datetime,
) -> Document:  # fmt: skip
    slots = ticks(terms, day, taken, now=now) if terms else []
    return {
        "date": day,
        "today": day == today,
        "posts": [each for each in cards if each["date"] == day.isoformat()],
        "slots": slots,
        "ahead": any(each.state != "over" for each in slots),
        "free": sum(each.state == "free" for each in slots),
        "none": nothing_free(title, day, slots, today=today),
    }
