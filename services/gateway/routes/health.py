"""Is it alive, is it ready, and what do its instruments show: without a key."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.chassis.store import StoreError
from services.gateway.desk import Desk
from services.gateway.problems import Problem, Wrong


def health(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/livez", response_class=PlainTextResponse)
    async def livez() -> str:
        return "alive\n"

    @router.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> str:
        """Ready when nothing is missing; otherwise each missing thing is named."""
        missing = [*await own(desk), *(await desk.hooks.unready() if desk.hooks.unready else [])]
        if missing:
            raise Problem("not_ready", "; ".join(missing), errors=[Wrong("", each) for each in missing])
        return "ready\n"

    @router.get("/metrics")
    async def metrics() -> Response:
        desk.metrics.position.labels("views").set(desk.views.position)
        return Response(generate_latest(desk.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def own(desk: Desk) -> list[str]:
    """What the gateway itself needs: a log that answers, and views that follow it."""
    try:
        await desk.store.position()
    except (StoreError, OSError):
        return ["the log does not answer"]
    return ["the views do not follow the log"] if desk.views.stopped else []
