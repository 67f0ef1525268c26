"""Accounts with their connections, and what was learned from what they published (S8, S43, S44)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from events import AccountDocument
from services.gateway import allowances, reading
from services.gateway.bodies import Door
from services.gateway.desk import Asker, Desk, allow
from services.gateway.routes.posts import bound
from services.gateway.views import accounts, learning, measured, offers
from services.gateway.views.question import LIMIT_MAX
from services.gateway.views.view import Document, micros, unpacked
from services.planning.terms import terms_of
from services.planning.windows import WEEKDAYS

Id = Annotated[str, Path(max_length=64)]
GROUPS: dict[str, str] = {"channels": "channel", "buckets": "bucket", "campaigns": "campaign"}
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula (A27)."""


class Span(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: Annotated[str | None, Field(alias="from", max_length=64)] = None
    until: Annotated[str | None, Field(alias="to", max_length=64)] = None
    format: Literal["json", "csv"] = "json"

    @property
    def bounds(self) -> dict[str, int | None]:
        return {"since": micros(bound("from", self.since, end=False)),
                "until": micros(bound("to", self.until, end=True))}  # fmt: skip


def learned(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Door)

    @router.get("")
    async def every(
        by: Asker, limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 50,
        cursor: Annotated[str | None, Query(max_length=64, pattern="^[a-z0-9-]*$")] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The accounts this key may see, by name; each is its whole document."""
        allow(by, "read")
        await desk.views.fresh()
        c = accounts.table.c
        asked = select(c.key, c.body).order_by(c.key).limit(limit + 1)
        if by.accounts is not None:
            asked = asked.where(c.key.in_(by.accounts))
        rows = await desk.views.rows(asked.where(c.key > cursor) if cursor else asked)
        documents = [unpacked(row.body)["document"] for row in rows[:limit]]
        following = rows[limit - 1].key if len(rows) > limit else None
        return {"items": [each for each in documents if each], "next_cursor": following}

    @router.get("/{id}/connections")
    async def connections(id: Id, by: Asker) -> dict[str, Any]:
        """Status, expiry, posts and calls used and left and until when, who is held, and how the coming week fills up.

        `posts` counts as the channel's cap does. `forecast` says of each of seven days how many posts were `planned`
        for it, how many of them `fit`, how many `moved` to a later day because it was full, and what `room` is left.
        """
        await reading.account(desk, by, id)
        return {"items": await allowances.connections(desk, [id], forecast=True), "next_cursor": None}

    @router.get("/{id}/weights")
    async def weights(id: Id, by: Asker) -> dict[str, Any]:
        """What the next content cycle should prefer; none as long as nothing was measured to its end."""
        await reading.account(desk, by, id)
        found = await desk.views.document(learning, id)
        nothing: Document = {"account": id, "weights": {}, "inputs": {}, "previous": None, "at": None}
        return {name: (found or nothing)[name] for name in nothing}

    @router.get("/{id}/windows")
    async def windows(id: Id, by: Asker) -> dict[str, Any]:
        """The times on offer, connection by connection, in the mode that takes effect, with what it rests on (S13)."""
        found = await reading.account(desk, by, id)
        return {"items": await on_offer(desk, found), "next_cursor": None}

    @router.get("/{id}/insights")
    async def insights(id: Id, by: Asker, span: Annotated[Span, Query()]) -> Response:
        """What came back per channel, bucket and campaign, and the windows learned. `format=csv` lists every post."""
        await reading.account(desk, by, id)
        if span.format == "csv":
            return exported(await desk.views.documents(measured.posts(id, **span.bounds)))
        found: dict[str, Any] = {"account": id}
        for name, column in GROUPS.items():
            rows = await desk.views.rows(measured.sums(id, column, **span.bounds))
            found[name] = [summed(row._mapping) for row in rows]
        profiles = await desk.views.documents(learning.profiles(id))
        return JSONResponse(found | {"windows": [{**each, "kind": None} for each in profiles]})

    return router


async def on_offer(desk: Desk, found: Document) -> list[dict[str, Any]]:
    """Each connection of an account as the views have it."""
    document = AccountDocument.model_validate(found["document"])
    known = {each["connection"]: each for each in await desk.views.documents(learning.profiles(document.id))}
    return [offered(name, document, known.get(name)) for name in found["connections"]]


def offered(name: str, document: AccountDocument, profile: Document | None) -> dict[str, Any]:
    """As the planner itself would offer them: Adaptive without enough data is Best Practice here too (S16)."""
    terms = terms_of(name, document, learning.profile_of(profile) if profile else None)
    week = {
        day: [
            {"at": offer.wall.isoformat("minutes"), "window": offer.window, "weight": offer.weight} for offer in offers
        ]
        for day, offers in zip(WEEKDAYS, terms.week, strict=True)
    }
    learned = {"at": profile["at"], "inputs": profile["inputs"]} if profile and terms.mode == "adaptive" else None
    return {"connection": name, "mode": terms.mode, "zone": document.zone, "week": week, "learned": learned,
            "windows": offers.windows_of(terms, profile, document),
            "sentence": offers.sentence(terms, profile, document)}  # fmt: skip


def summed(row: Any) -> dict[str, Any]:
    """A sum over posts whose channel does not offer the figure is null. PostgreSQL counts in decimals."""
    counted = {name: None if row[name] is None else int(row[name]) for name in measured.COUNTERS}
    return {"name": row["name"], "posts": row["posts"], "metrics": counted}


def exported(found: Iterable[Document]) -> Response:
    """One line a post, its last figures; no cell can be taken for a formula."""
    sheet = io.StringIO()
    lines = csv.writer(sheet, lineterminator="\r\n")
    told = ("id", "channel", "bucket", "campaign", "published_at", "closed")
    lines.writerow([*told, *measured.COUNTERS])
    for each in found:
        counted = each["metrics"] or {}
        lines.writerow([cell(each[name]) for name in told] + [cell(counted.get(name)) for name in measured.COUNTERS])
    headers = {"content-disposition": 'attachment; filename="insights.csv"'}
    return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(DANGEROUS):
        return f"'{value}"
    return value
