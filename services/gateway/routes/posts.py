"""The queue and each post in it, to read (S23, S24)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.gateway import reading
from services.gateway.bodies import Door, etag
from services.gateway.desk import Asker, Desk, allow
from services.gateway.principal import Principal
from services.gateway.reading import wrong
from services.gateway.views.question import LIMIT_MAX, Question, instant_of
from services.gateway.views.showing import version

Status = Literal["awaiting_approval", "pending", "scheduled", "published", "failed", "cancelled", "rejected"]
Channel = Literal["linkedin", "x", "facebook", "instagram", "tiktok", "youtube", "pinterest", "blog"]
Id = Annotated[str, Path(max_length=129)]


class Filters(BaseModel):
    """`from` and `to` bound the published, or else the scheduled instant: RFC 3339, or a date in UTC. `from` is inside
    the range, `to` just outside; as a date it is inside, whole."""

    model_config = ConfigDict(extra="forbid")

    account: Annotated[str | None, Field(max_length=64)] = None
    status: Status | None = None
    channel: Channel | None = None
    bucket: Annotated[str | None, Field(max_length=128)] = None
    since: Annotated[str | None, Field(alias="from", max_length=64)] = None
    until: Annotated[str | None, Field(alias="to", max_length=64)] = None

    def question(self, by: Principal, **more: Any) -> Question:
        bucket = self.bucket.replace("\0", "") if self.bucket else self.bucket
        return Question(
            accounts=by.accounts, account=self.account, status=self.status, channel=self.channel, bucket=bucket,
            since=bound("from", self.since, end=False), until=bound("to", self.until, end=True), **more,
        )  # fmt: skip


class Paging(Filters):
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = 50
    cursor: Annotated[str | None, Field(max_length=1024)] = None


def bound(name: str, text: str | None, *, end: bool) -> datetime | None:
    """In an address a plus sign is a space, so `08:00:00+01:00` may come as `08:00:00 01:00`."""
    if not text:
        return None
    try:
        return instant_of(text.replace(" ", "+"), end=end)
    except (ValueError, OverflowError):
        raise wrong(name, "write an instant as 2026-11-23T08:00:00Z, or a date as 2026-11-23") from None


def posts(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/posts", tags=["posts"], route_class=Door)

    @router.get("")
    async def queue(by: Asker, asked: Annotated[Paging, Query()]) -> dict[str, Any]:
        """The queue, latest intake first. The order never changes, so paging by `cursor` shows no post twice and leaves
        none out, whatever happens to the posts meanwhile."""
        allow(by, "read")
        found, following = await reading.posts(desk, asked.question(by), cursor=asked.cursor, limit=asked.limit)
        return {"items": await reading.items(desk, found), "next_cursor": following}

    @router.get("/counts")
    async def counts(by: Asker, asked: Annotated[Filters, Query()]) -> dict[str, int]:
        """How many posts stand in each status, under the same filters."""
        allow(by, "read")
        return await reading.counts(desk, asked.question(by))

    @router.get("/{id}")
    async def one(id: Id, by: Asker) -> JSONResponse:
        """One post with its content. `ETag` is the version a change may rely on with `If-Match`."""
        found = await reading.document(desk, by, id)
        return JSONResponse(await reading.post(desk, found), headers=etag(version(found)))

    @router.get("/{id}/timeline")
    async def timeline(
        id: Id, by: Asker, limit: Annotated[int | None, Query(ge=1, le=LIMIT_MAX)] = None,
        cursor: Annotated[str | None, Query(max_length=1024)] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Every fact of its story in the order of the log, each with a plain sentence; without a `limit` all of it."""
        await reading.document(desk, by, id)
        found, following = await reading.told(desk, id, cursor=cursor, limit=limit)
        return {"items": found, "next_cursor": following}

    @router.get("/{id}/why")
    async def why(id: Id, by: Asker) -> dict[str, Any]:
        """How its slot was chosen: the mode, the window, the slots looked at before and why they were not taken."""
        return reading.why_of(await reading.document(desk, by, id))

    @router.get("/{id}/metrics")
    async def metrics(id: Id, by: Asker) -> dict[str, Any]:
        """What came back after 1 hour, 24 hours and 7 days. What the channel does not offer is null, never 0."""
        return await reading.metrics(desk, await reading.document(desk, by, id))

    return router
