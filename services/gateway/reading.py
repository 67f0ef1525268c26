"""What the API and the page ask of the views: the same question, the same answer, within what the asker may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from events import Told
from events.channels import CHANNELS
from events.envelope import Fact
from services.chassis.rows import PARKED_BODY, Pick
from services.gateway.desk import Desk, allow, allow_story
from services.gateway.principal import Principal
from services.gateway.problems import Problem, Wrong, not_found
from services.gateway.views import accounts, house, measured, question, queue, showing, timeline
from services.gateway.views import parked as parked_view
from services.gateway.views.question import Mark, NotACursor, Order, Question, cursor_of, mark_of
from services.gateway.views.sentences import sentence
from services.gateway.views.view import Document, instant, unpacked
from services.gateway.views.words import why

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""S42: when a published post is measured."""


def wrong(field: str, detail: str) -> Problem:
    return Problem("invalid", f"{field}: {detail}", errors=[Wrong(field, detail)])


def mark(order: Order, cursor: str | None) -> Mark | None:
    try:
        return mark_of(cursor, order) if cursor else None
    except NotACursor:
        raise wrong("cursor", "is not one this list has given; leave it out to begin at the beginning") from None


async def posts(desk: Desk, asked: Question, *, cursor: str | None, limit: int) -> tuple[list[Document], str | None]:
    """A page of the queue and where the next one begins: documents, to be shown as a list or as the page does."""
    after = mark(asked.order, cursor)
    await desk.views.fresh()
    rows = await desk.views.rows(question.page(asked, after=after, limit=limit))
    last = rows[limit - 1] if len(rows) > limit else None
    following = cursor_of(Mark(last.number, last.key), asked.order) if last else None
    return [unpacked(row.body) for row in rows[:limit]], following


async def items(desk: Desk, documents: Sequence[Document]) -> list[Document]:
    around = await desk.views.together(lambda db: showing.surroundings(db, documents, desk.grants.channels))
    return [showing.item(each, around) for each in documents]


async def counts(desk: Desk, asked: Question) -> dict[str, int]:
    """Every status is named, also one that nobody has."""
    await desk.views.fresh()
    return dict.fromkeys(queue.STATUSES, 0) | {row[0]: row[1] for row in await desk.views.rows(question.counts(asked))}


# One post.


async def document(desk: Desk, by: Principal, story: str) -> Document:
    """A post that is not there and somebody else's are the same nothing (I30)."""
    allow_story(by, "read", story)
    await desk.views.fresh()
    found = await desk.views.document(queue, story)
    if found is None:
        raise not_found()
    return found


async def post(desk: Desk, found: Document) -> Document:
    around = await desk.views.together(lambda db: showing.surroundings(db, [found], desk.grants.channels))
    return showing.post(found, around)


async def told(
    desk: Desk, story: str, *, cursor: str | None = None, limit: int | None = None
) -> tuple[list[Document], str | None]:
    """Every fact of the story in the order of the log (S23): all of them at once, unless a page is asked for."""
    after = mark("timeline", cursor)
    known = await desk.views.document(timeline, story)
    positions = [each for each in (known["positions"] if known else []) if after is None or each > after.number]
    page = positions[:limit]
    facts: list[Told] = []
    for first, count in runs(page):
        facts += await desk.store.tail(first - 1, count)
    following = cursor_of(Mark(page[-1], story), "timeline") if len(page) < len(positions) else None
    return [as_told(each) for each in facts], following


def runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Positions next to each other are read in one go: the first of them, and how many."""
    found: list[tuple[int, int]] = []
    for position in positions:
        first, count = found[-1] if found else (0, 0)
        if position == first + count and count:
            found[-1] = (first, count + 1)
        else:
            found.append((position, 1))
    return found


def as_told(each: Told) -> Document:
    fact: Fact = each.fact
    return {
        "position": each.position,
        "type": fact.type,
        "happened_at": instant(each.about.happened_at),
        "recorded_at": instant(each.recorded_at),
        "actor": each.about.actor,
        "cause": each.about.cause,
        "stream": each.stream,
        "id": each.id,
        "data": fact.model_dump(mode="json"),
        "sentence": sentence(fact),
    }


def why_of(found: Document) -> Document:
    return why(found)


async def metrics(desk: Desk, found: Document) -> Document:
    """Three windows, whether measured already or not; not offered is null, never 0 (S42)."""
    known = await desk.views.document(measured, found["id"])
    published_at = found["published_at"]
    windows = {
        name: {"due_at": _due(published_at, after), "metrics": None, "collected_at": None, "failed": None}
        | (known["windows"].get(name, {}) if known else {})
        for name, after in WINDOWS.items()
    }
    return {"id": found["id"], "published_at": published_at, "channel_post_id": found["channel_post_id"],
            "metrics": known["metrics"] if known else None, "closed": bool(known and known["closed"]),
            "windows": windows}  # fmt: skip


def _due(published_at: str | None, after: timedelta) -> str | None:
    return instant(datetime.fromisoformat(published_at) + after) if published_at else None


# An account; its connections are told by `allowances.py`.


async def account(desk: Desk, by: Principal, name: str) -> Document:
    allow(by, "read", account=name)
    await desk.views.fresh()
    found = await desk.views.document(accounts, name)
    if found is None or found["document"] is None:
        raise not_found()
    return found


# What is paused, and what is parked.


async def paused(desk: Desk, by: Principal) -> list[str]:
    """Where publishing is paused, as far as it concerns this asker, in a sentence each."""
    switched = await desk.views.documents(select(house.table.c.key, house.table.c.body))
    return [showing.pause(each) for each in switched if each["paused"] and concerns(by, each["scope"])]


def concerns(by: Principal, scope: str) -> bool:
    """A switch for everything or for a channel concerns everybody; one for an account whoever sees it."""
    return scope == showing.EVERYTHING or scope in CHANNELS or by.sees(scope)


async def parked(desk: Desk, by: Principal, *, cursor: str | None, limit: int) -> tuple[list[Document], str | None]:
    """Latest first; messages whose account is not known are for whoever sees all of them."""
    after = mark("parked", cursor)
    await desk.views.fresh()
    asked = parked_view.page(by.accounts, after=(after.number, after.key) if after else None, limit=limit)
    rows = await desk.views.rows(asked)
    last = rows[limit - 1] if len(rows) > limit else None
    following = cursor_of(Mark(last.position, last.key), "parked") if last else None
    return [unpacked(row.body) for row in rows[:limit]], following


async def with_body(desk: Desk, found: Document) -> Document:
    """A parked message with its whole body as text: to be mended and redriven."""
    rows = await desk.store.pick(Pick(PARKED_BODY, {"id": found["id"]}))
    body = rows[0]["body"] if rows else None
    return found | {"body": body.decode("utf-8", "replace") if isinstance(body, bytes) else None}
