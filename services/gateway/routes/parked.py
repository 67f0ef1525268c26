"""What could not be taken in, to read; and the views, rebuilt and compared (S2, S27)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from services.gateway import reading
from services.gateway.bodies import Door
from services.gateway.desk import Asker, Desk, allow, allow_house
from services.gateway.problems import not_found
from services.gateway.views import parked as view
from services.gateway.views.fold import UnknownView
from services.gateway.views.question import LIMIT_MAX

Name = Annotated[str, Path(max_length=64)]


def parked(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["operations"], route_class=Door)

    @router.get("/parked")
    async def every(
        by: Asker, limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 50,
        cursor: Annotated[str | None, Query(max_length=1024)] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Messages and facts that are parked now, latest first, each with its reason."""
        allow(by, "read")
        found, following = await reading.parked(desk, by, cursor=cursor, limit=limit)
        return {"items": found, "next_cursor": following}

    @router.get("/parked/{id}")
    async def one(id: Name, by: Asker) -> dict[str, Any]:
        """One of them, with its whole body as text: to be mended and redriven."""
        allow(by, "read")
        await desk.views.fresh()
        found = await desk.views.document(view, id)
        if found is None or not by.sees(found["account"]):
            raise not_found()
        return await reading.with_body(desk, found)

    @router.post("/views/{name}/rebuild")
    async def rebuild(name: Name, by: Asker) -> dict[str, Any]:
        """Fold it from the whole log beside the one that serves, and swap. Readers notice nothing."""
        allow_house(by, "operate")
        try:
            return await desk.views.rebuild(name)
        except UnknownView:
            raise not_found() from None

    @router.get("/views/{name}/check")
    async def check(name: Name, by: Asker) -> dict[str, Any]:
        """Whether its rows say what the log says; the first ten wrong cells are named."""
        allow_house(by, "operate")
        try:
            return await desk.views.check(name)
        except UnknownView:
            raise not_found() from None

    return router
