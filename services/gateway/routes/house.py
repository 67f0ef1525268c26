"""The kill switch and the clock: what concerns the house while it runs (D7, S49)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from events import Fact, PublishingPaused, PublishingResumed, draft
from events.channels import CHANNELS
from events.envelope import About
from events.production import Name
from events.subjects import account_stream, house_stream
from services.chassis.store import Append, Say
from services.gateway.asking import Asked, Decided, Done
from services.gateway.bodies import Ask, Body, Door, answered
from services.gateway.desk import Desk, allow, allow_house
from services.gateway.problems import Problem, not_found

EVERYTHING = "all"


class Reach(Body):
    """`all`, a channel, or an account."""

    scope: Name = EVERYTHING
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


def house(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/house", tags=["operations"], route_class=Door)

    @router.post("/pause")
    async def pause(asked: Ask, reach: Reach | None = None) -> JSONResponse:
        """No new call starts within its reach until it is resumed; calls already open are finished."""
        reach = reach or Reach()
        fact = PublishingPaused(scope=reach.scope, reason=reach.reason)
        return await switched(desk, asked, reach.scope, fact)

    @router.post("/resume")
    async def resume(asked: Ask, reach: Reach | None = None) -> JSONResponse:
        reach = reach or Reach()
        return await switched(desk, asked, reach.scope, PublishingResumed(scope=reach.scope))

    @router.post("/clock/accept")
    async def accept(asked: Ask) -> dict[str, Any]:
        """The wall clock jumped and an operator says that it is right now: attempts start again (I22)."""
        allow_house(asked.by, "operate")
        if desk.hooks.accept_clock is None:
            raise Problem("clock_not_ours", "This house is not led by the wall's clock; there is nothing to accept.")
        desk.hooks.accept_clock()
        return {"now": desk.now().isoformat()}

    return router


async def switched(desk: Desk, asked: Asked, scope: str, fact: Fact) -> JSONResponse:
    """A switch that stands as asked is left alone."""

    async def decide() -> Decided:
        await authorized(desk, asked, scope)
        stream = house_stream(scope)
        told = await desk.store.read(stream)
        paused = isinstance(fact, PublishingPaused)
        done = Done({"scope": scope, "paused": paused})
        if bool(told and isinstance(told[-1].fact, PublishingPaused)) == paused:
            return Decided(done)
        account = None if scope == EVERYTHING or scope in CHANNELS else scope
        about = About(story="", actor=asked.by.name, happened_at=desk.now(), account=account,
                      channel=scope if scope in CHANNELS else None)  # fmt: skip
        return Decided(done, Append([Say(stream, len(told), draft((fact,), about, asked.ids()))]))

    return answered(await desk.asking.change(asked, decide))


async def authorized(desk: Desk, asked: Asked, scope: str) -> None:
    """An account of old may be called like a channel; then the switch reaches both, and takes a key for all of them."""
    if scope == EVERYTHING or scope in CHANNELS:
        allow_house(asked.by, "operate")
        return
    allow(asked.by, "operate", account=scope)
    if not await desk.store.read(account_stream(scope)):
        raise not_found()
