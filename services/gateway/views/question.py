"""The queue as somebody asks for it: which posts, in which order, from where on (S24).

A page is a keyset query: it names the last row seen instead of counting rows, so nothing is shown twice or left out
when posts come and go in between. `newest` orders by intake, which never changes; `turn` is the order of the page.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import Select, and_, func, or_, select

from services.gateway.views.queue import table
from services.gateway.views.view import micros

LIMIT_MAX = 200
Order = Literal["newest", "turn", "parked", "approvals", "timeline"]


@dataclass(frozen=True, slots=True)
class Question:
    """`accounts` is what the asker may see, None for all. `since` is inside the range, `until` just outside."""

    accounts: Sequence[str] | None = None
    account: str | None = None
    status: str | None = None
    channel: str | None = None
    bucket: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    connection: str | None = None
    reason: str | None = None
    order: Order = "newest"


@dataclass(frozen=True, slots=True)
class Mark:
    """The last row of a page: where the next one goes on."""

    number: int
    key: str


class NotACursor(ValueError):
    """It was not made by us, or for another order."""


def cursor_of(mark: Mark, order: Order) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, mark.number, mark.key])).rstrip(b"=").decode()


def mark_of(cursor: str, order: Order) -> Mark:
    try:
        made = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as wrong:
        raise NotACursor from wrong
    match made:
        case [str() as for_order, int() as number, str() as key] if for_order == order and "\0" not in key:
            # Yes is a whole number in Python and none in PostgreSQL; no row of ours has one below zero.
            whole = not isinstance(number, bool) and 0 <= number < 2**63
            if whole and cursor_of(Mark(number, key), order) == cursor:
                return Mark(number, key)
    raise NotACursor


def instant_of(text: str, *, end: bool) -> datetime:
    """RFC 3339, or a date: the beginning of that day in UTC, and as the end of a range the whole of it."""
    if len(text) == 10:
        day = date.fromisoformat(text)
        return datetime.combine(day, time(), UTC) + timedelta(days=end)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} names no zone")
    return moment.astimezone(UTC)


def _where(question: Question) -> list[Any]:
    c = table.c
    equal = {
        c.account: question.account,
        c.status: question.status,
        c.channel: question.channel,
        c.bucket: question.bucket,
        c.connection: question.connection,
        c.reason: question.reason,
    }
    found = [column == value for column, value in equal.items() if value is not None]
    if question.accounts is not None:
        found.append(c.account.in_(question.accounts))
    if question.since is not None:
        found.append(c["at"] >= micros(question.since))
    if question.until is not None:
        found.append(c["at"] < micros(question.until))
    return found


def page(question: Question, *, after: Mark | None, limit: int) -> Select:
    """One row more than asked for tells whether there is a next page."""
    c = table.c
    number = c.taken_in if question.order == "newest" else c.turn
    found = select(c.key, number.label("number"), c.body).where(*_where(question)).limit(limit + 1)
    if question.order == "newest":
        found = found.order_by(number.desc(), c.key.desc())
        if after is not None:
            found = found.where(or_(number < after.number, and_(number == after.number, c.key < after.key)))
    else:
        found = found.order_by(number, c.key)
        if after is not None:
            found = found.where(or_(number > after.number, and_(number == after.number, c.key > after.key)))
    return found


def dated(question: Question) -> Select:
    """Everything of a span of time in its order: as little of each as the week board needs to count it."""
    return _light(question).order_by(table.c["at"], table.c.key)


def without_slot(question: Question) -> Select:
    """Whatever waits and has no slot, in the order of the page."""
    waits = replace(question, status="pending", since=None, until=None)
    return _light(waits).where(table.c["at"].is_(None)).order_by(table.c.turn, table.c.key)


def _light(question: Question) -> Select:
    c = table.c
    return select(c.key, c.account, c.connection, c.status, c.reason, c["at"]).where(*_where(question))


def named(posts: Sequence[str]) -> Select:
    return select(table.c.key, table.c.body).where(table.c.key.in_(posts))


def counts(question: Question) -> Select:
    return select(table.c.status, func.count()).where(*_where(question)).group_by(table.c.status)


def held(connections: Sequence[str]) -> Select:
    """How many posts wait for each of these connections."""
    c = table.c
    return (
        select(c.connection, func.count())
        .where(c.connection.in_(connections), c.status == "pending", c.reason == "held")
        .group_by(c.connection)
    )


def taken(connection: str, since: datetime, until: datetime) -> Select:
    """When each post of a connection was out, or has its slot, within a span of time."""
    c = table.c
    within = (c["at"] >= micros(since), c["at"] < micros(until))
    return select(c["at"]).where(c.connection == connection, c.status.in_(("scheduled", "published")), *within)


def moves(connection: str, since: date, until: date) -> Select:
    """How many posts that were wanted on one date stand on which later one: of all that touch these dates (S18)."""
    c = table.c
    touched = or_(
        c.wanted.between(since.isoformat(), until.isoformat()), c.day.between(since.isoformat(), until.isoformat())
    )
    return (
        select(c.wanted, c.day, func.count().label("posts"))
        .where(c.connection == connection, c.status.in_(("scheduled", "published")), c.wanted < c.day, touched)
        .group_by(c.wanted, c.day)
    )
