"""What a connection may still do: posts and calls used and left, until when, and how the coming week fills up.

Posts are counted as the cap counts them, in the channel's own day or over any 24 hours (S17a, S18); calls as whoever
calls has booked them (I17). The week is the planner's own: nothing here plans anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from events import AccountDocument
from events.channels import CHANNELS, channel_of
from services.chassis.budget import begins_of, counting, ends_of, used, window_of
from services.chassis.rows import BUDGET, Pick
from services.gateway.desk import Desk
from services.gateway.views import accounts, channels, learning, question, showing
from services.gateway.views.ahead import forecast_of
from services.gateway.views.view import Document, instant, moment, unpacked
from services.planning.forecast import DAYS, ahead
from services.planning.posting_day import FULL_DAY
from services.planning.terms import ONE_DAY, Terms, terms_of
from services.planning.zones import date_at


@dataclass(frozen=True, slots=True)
class Known:
    """One connection as the views have it, and on which terms it posts."""

    document: Document
    terms: Terms

    @property
    def id(self) -> str:
        return self.document["id"]


async def connections(desk: Desk, names: Sequence[str] | None, *, forecast: bool = False) -> list[Document]:
    """Of these accounts, or of all: their state, what waits for them, and what they may still do."""
    now = desk.now()

    def ask(db: Connection) -> list[Document]:
        there = known(db, names)
        held = {row[0]: row[1] for row in db.execute(question.held([each.id for each in there]))}
        found = []
        for each in there:
            shown = showing.connection(each.document, held=held.get(each.id, 0), posts=_posts(db, each, now))
            found.append(shown | ({"forecast": _forecast(db, each, now)} if forecast else {}))
        return found

    found = await desk.views.together(ask)
    return [each | {"budget": await budget(desk, each["id"])} for each in found]


def known(db: Connection, names: Sequence[str] | None) -> list[Known]:
    """The connections of these accounts, or of all."""
    found = [unpacked(row.body) for row in db.execute(channels.select_connections(names))]
    owners = sorted({each["account"] for each in found})
    rows = db.execute(accounts.table.select().where(accounts.table.c.key.in_(owners)))
    choices = {row.key: unpacked(row.body)["document"] for row in rows}
    rows = db.execute(learning.table.select().where(learning.table.c.key.in_([each["id"] for each in found])))
    profiles = {row.key: learning.profile_of(unpacked(row.body)) for row in rows}
    there = []
    for each in found:
        own = choices.get(each["account"])
        document = AccountDocument.model_validate(own) if own else AccountDocument(id=each["account"], zone="UTC")
        there.append(Known(each, terms_of(each["id"], document, profiles.get(each["id"]))))
    return there


def _posts(db: Connection, known: Known, now: datetime) -> Document:
    """What is or may be visible in the window that this moment belongs to; `left` is None where there is no cap."""
    cap = known.terms.cap
    since, until = cap.counted_at(now)
    at = [row[0] for row in db.execute(question.taken(known.id, since, until))]
    first = moment(min(at)) + FULL_DAY if at else None
    return {
        "window": "PT24H" if cap.rolling else "P1D",
        "zone": None if cap.rolling else str(cap.zone),
        "max": cap.posts_max,
        "used": len(at),
        "left": None if cap.posts_max is None else max(cap.posts_max - len(at), 0),
        "resets_at": instant(first if cap.rolling else until),
    }


def _forecast(db: Connection, known: Known, now: datetime) -> Document:
    """The coming week as it is planned: which days are full, and where what does not fit has gone."""
    terms = known.terms
    today = date_at(now, terms.zone)
    rows = db.execute(question.moves(known.id, today, today + DAYS * ONE_DAY))
    moves = {(date.fromisoformat(row.wanted), date.fromisoformat(row.day)): int(row.posts) for row in rows}
    around = question.taken(known.id, now - 2 * FULL_DAY, now + (DAYS + 2) * FULL_DAY)
    taken = sorted(moment(row[0]) for row in db.execute(around))
    return forecast_of(ahead(terms, moves, taken, now=now))


async def budget(desk: Desk, connection: str) -> list[Document]:
    """Calls used and left in every window the channel has, as whoever calls has booked them (I17)."""
    of = CHANNELS[channel_of(connection)].budget
    if of is None:
        return []
    rows = await desk.store.pick(
        Pick(BUDGET, {"connection": connection, "window": window_of(of)}, order=("starts_at",))
    )
    there = counting(rows, of, desk.now())
    return [{"window": window_of(of), "starts_at": instant(begins_of(there[0])) if there else None,
             "calls_max": of.calls_max, "used": used(there), "left": max(of.calls_max - used(there), 0),
             "resets_at": instant(ends_of(of, begins_of(there[0]))) if there else None}]  # fmt: skip
