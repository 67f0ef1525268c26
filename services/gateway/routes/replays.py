"""Facts of the log once more, for whoever missed them (S47). It calls no channel, sends no mail and changes no post."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from events.production import Name
from services.chassis.replay import ReplayStopped, ReplayWrong
from services.gateway.bodies import Body, Door
from services.gateway.desk import Asker, Desk, allow, allow_house
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
    async def replay(by: Asker, wanted: Wanted | None = None) -> dict[str, Any]:
        """Answers when all of it has been offered on `replay.<id>.>`; `dry` only counts what would be."""
        wanted = wanted or Wanted()
        if wanted.account is None:
            allow_house(by, "operate")
        else:
            allow(by, "operate", account=wanted.account)
        if desk.hooks.replay is None:
            raise Problem("no_feed", "This gateway runs without a broker, so there is nowhere to offer anything.")
        try:
            return dict(await desk.hooks.replay(wanted.model_dump(exclude_none=True)))
        except ReplayWrong as wrong:
            raise Problem("invalid", str(wrong), errors=[Wrong(*str(wrong).split(": ", 1))]) from wrong
        except ReplayStopped as stopped:
            raise Problem("replay_stopped", str(stopped)) from stopped

    return router
