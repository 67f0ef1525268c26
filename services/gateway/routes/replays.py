"""Facts of the log once more, for whoever missed them (S47). It calls no channel, sends no mail and changes no post."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from events.production import Name
from services.chassis.replay import ReplayStopped, ReplayWrong
from services.gateway.asking import Decided, Done
from services.gateway.bodies import Ask, Body, Door, answered
from services.gateway.desk import Desk, allow, allow_house
from services.gateway.problems import Problem, Wrong
from services.gateway.times import Moment, Whole


class Wanted(Body):
    """Positions, both included; recorded times from `after` to before `before`; a fact's type or a service's name."""

    since: Annotated[Whole, Field(alias="from", ge=1)] = 1
    until: Annotated[Whole, Field(ge=1)] | None = None
    after: Moment | None = None
    before: Moment | None = None
    account: Name | None = None
    type: Annotated[str, StringConstraints(max_length=64)] | None = None
    dry: bool = False


def replays(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/replays", tags=["operations"], route_class=Door)

    @router.post("")
    async def replay(asked: Ask, wanted: Wanted | None = None) -> JSONResponse:
        """Answers when all of it has been offered on `replay.<id>.>`; `dry` only counts what would be. What was offered
        to its end is not offered again under the same key."""
        wanted = wanted or Wanted()
        if wanted.account is None:
            allow_house(asked.by, "operate")
        else:
            allow(asked.by, "operate", account=wanted.account)

        async def offered() -> Decided:
            if desk.hooks.replay is None:
                raise Problem("no_feed", "This gateway runs without a broker, so there is nowhere to offer anything.")
            return Decided(Done(await desk.hooks.replay(wanted.model_dump(exclude_none=True))))

        try:
            return answered(await desk.asking.change(asked, offered))
        except ReplayWrong as wrong:
            raise Problem("invalid", str(wrong), errors=[Wrong(*str(wrong).split(": ", 1))]) from wrong
        except ReplayStopped as stopped:
            raise Problem("replay_stopped", str(stopped)) from stopped

    return router
