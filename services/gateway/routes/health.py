"""Is it alive, is it ready, and what do its instruments show: without a key."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.chassis.rows import CHECKPOINT, Pick
from services.chassis.store import StoreError
from services.gateway.desk import Desk
from services.gateway.problems import Problem, Wrong

ANSWER_S = 2.0
"""Whoever asks does not wait long, and takes no answer for a no; so the no is given, with its reason."""
SILENT = "the log does not answer"


def health(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/livez", response_class=PlainTextResponse)
    async def livez() -> str:
        return "alive\n"

    @router.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> str:
        """Ready when nothing is missing; otherwise each missing thing is named."""
        try:
            async with asyncio.timeout(ANSWER_S):
                missing = await everything_missing(desk)
        except TimeoutError:
            missing = [SILENT]
        if missing:
            raise Problem("not_ready", "; ".join(missing), errors=[Wrong("", each) for each in missing])
        return "ready\n"

    @router.get("/metrics")
    async def metrics() -> Response:
        """What this process has counted, and how far everybody has read; without the log, only the former."""
        with contextlib.suppress(StoreError, OSError):
            await show_positions(desk)
        return Response(generate_latest(desk.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def show_positions(desk: Desk) -> None:
    show = desk.metrics.position
    show.labels("views").set(desk.views.position)
    show.labels("log").set(await desk.store.position())
    for row in await desk.store.pick(Pick(CHECKPOINT)):
        show.labels(row["service"]).set(int(str(row["position"])))


async def everything_missing(desk: Desk) -> list[str]:
    """The log first, for without one nobody else can tell what is missing."""
    try:
        await desk.store.position()
        others = await desk.hooks.unready() if desk.hooks.unready else []
    except (StoreError, OSError):
        return [SILENT]
    return ["the views do not follow the log", *others] if desk.views.stopped else others
