"""Facts of the log once more, for whoever missed them (S47). It calls no channel, sends no mail and changes no post."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from events.production import Name
from events.wire import on_the_wire
from services.chassis.replay import PAGE, ReplayStopped, ReplayWrong, page_of
from services.gateway.asking import Decided, Done
from services.gateway.bodies import Ask, Body, Door, answered
from services.gateway.desk import Asker, Desk, allow, allow_house
from services.gateway.principal import Principal
from services.gateway.problems import Problem, Wrong
from services.gateway.times import Moment, Whole

LINES_MAX = PAGE
POSITION_MAX = 2**62
Type = Annotated[str, StringConstraints(max_length=64)]


class Wanted(Body):
    """Positions, both included; recorded times from `after` to before `before`; a fact's type or a service's name."""

    since: Annotated[Whole, Field(alias="from", ge=1)] = 1
    until: Annotated[Whole, Field(ge=1)] | None = None
    after: Moment | None = None
    before: Moment | None = None
    account: Name | None = None
    type: Type | None = None
    dry: bool = False


class Lines(BaseModel):
    """The same choice as a question; `cursor` is where the next page begins."""

    model_config = ConfigDict(extra="forbid")

    since: int = Field(1, alias="from", ge=1, le=POSITION_MAX)
    until: int | None = Field(None, ge=1, le=POSITION_MAX)
    after: AwareDatetime | None = None
    before: AwareDatetime | None = None
    account: Name | None = None
    type: Type | None = None
    limit: int = Field(LINES_MAX, ge=1, le=LINES_MAX)
    cursor: int | None = Field(None, ge=1, le=POSITION_MAX)


def replays(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/replays", tags=["operations"], route_class=Door)

    @router.get("")
    async def lines(by: Asker, asked: Annotated[Lines, Query()]) -> Response:
        """The same facts as CloudEvents, a page at a time, for whoever keeps them in a file. A page may be empty while
        there is a `next_cursor`: so much of the log was looked through for it."""
        may_replay(by, asked.account)
        choice = asked.model_dump(exclude={"cursor"}, exclude_none=True)
        choice["since"] = asked.cursor or asked.since
        try:
            told, following = await page_of(desk.store, **choice)
        except ReplayWrong as wrong:
            raise refused(wrong) from wrong
        items = b",".join(map(on_the_wire, told))
        body = b'{"items":[%b],"next_cursor":%b}' % (items, orjson.dumps(following and str(following)))
        return Response(body, media_type="application/json")

    @router.post("")
    async def replay(asked: Ask, wanted: Wanted | None = None) -> JSONResponse:
        """Answers when all of it has been offered on `replay.<id>.>`; `dry` only counts what would be. What was offered
        to its end is not offered again under the same key."""
        wanted = wanted or Wanted()
        may_replay(asked.by, wanted.account)

        async def offered() -> Decided:
            if desk.hooks.replay is None:
                raise Problem("no_feed", "This gateway runs without a broker, so there is nowhere to offer anything.")
            return Decided(Done(await desk.hooks.replay(wanted.model_dump(exclude_none=True))))

        try:
            return answered(await desk.asking.change(asked, offered))
        except ReplayWrong as wrong:
            raise refused(wrong) from wrong
        except ReplayStopped as stopped:
            raise Problem("replay_stopped", str(stopped)) from stopped

    return router


def may_replay(by: Principal, account: str | None) -> None:
    """Facts of one account are for whoever operates it, all of them for whoever operates the house."""
    if account is None:
        allow_house(by, "operate")
    else:
        allow(by, "operate", account=account)


def refused(wrong: ReplayWrong) -> Problem:
    return Problem("invalid", str(wrong), errors=[Wrong(*str(wrong).split(": ", 1))])
