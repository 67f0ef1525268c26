"""The sheets of the page: the queue, the week, one post, the channels, what is parked, and the files they need."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import ValidationError

from services.gateway import reading
from services.gateway.bodies import once_and_known
from services.gateway.desk import Desk, allow
from services.gateway.page import board, sheets
from services.gateway.page import channels as channels_sheet
from services.gateway.page.rendering import Static, refused, sheet, to_login
from services.gateway.principal import Principal
from services.gateway.problems import Problem, invalid, not_found
from services.gateway.routes.posts import Filters
from services.gateway.views.measured import COUNTERS

Id = Annotated[str, Path(max_length=129)]


class SignedOut(Exception):
    """Nobody we know: to the door."""


class Sheet(APIRoute):
    """A route of the page: whatever goes wrong is said to a person."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def said(request: Request) -> Response:
            try:
                return await handle(request)
            except SignedOut:
                return to_login(request)
            except Problem as problem:
                return refused(request, problem)
            except RequestValidationError as wrong:
                return refused(request, invalid(wrong.errors()))

        return said


async def visitor(request: Request) -> Principal:
    desk: Desk = request.app.state.desk
    found = await desk.keys.principal_of(request)
    if found is None:
        raise SignedOut
    return found


Visitor = Annotated[Principal, Depends(visitor)]
"""Whoever is signed in; everybody else is sent to the door."""


def filters_of(request: Request) -> Filters:
    """A form sends its empty fields along; they filter nothing."""
    once_and_known(request)
    given = {name: value for name, value in request.query_params.items() if value and name != "cursor"}
    try:
        return Filters.model_validate(given)
    except ValidationError as wrong:
        raise invalid(wrong.errors(), drop=0) from None


def linking(filters: Filters, *kept: str) -> Callable[..., str]:
    """An address of the same sheet under the same filters, with some of them changed."""
    now = {name: value for name, value in filters.model_dump(by_alias=True).items() if value and name in kept}

    def link(**changed: Any) -> str:
        asked = {name: value for name, value in (now | changed).items() if value}
        return f"?{urlencode(asked)}" if asked else ""

    return link


def page(desk: Desk) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=Sheet)
    static = Static()

    async def shown(request: Request, by: Principal, name: str, **what: Any) -> Response:
        return sheet(request, name, pauses=await reading.paused(desk, by), **what)

    @router.get("/")
    async def queue(request: Request, by: Visitor) -> Response:
        filters, cursor = filters_of(request), request.query_params.get("cursor")
        found = await sheets.queue_sheet(desk, by, filters.question(by), cursor)
        link = linking(filters, "account", "channel", "bucket", "from", "to")
        return await shown(request, by, "queue.html", filters=filters, cursor=cursor, link=link, **found)

    @router.get("/week")
    async def week(request: Request, by: Visitor) -> Response:
        filters = filters_of(request)
        monday = sheets.monday_of(filters.since, desk.now())
        found = await board.week(desk, by, filters.model_copy(update={"since": None}).question(by), monday)
        link = linking(filters, "account", "channel")
        return await shown(request, by, "week.html", filters=filters, link=link, may=by.may("queue"), **found)

    @router.get("/posts/{id}")
    async def post(request: Request, id: Id, by: Visitor) -> Response:
        return await shown(request, by, "post.html", counters=COUNTERS, **await sheets.post_sheet(desk, by, id))

    @router.get("/channels")
    async def channels(request: Request, by: Visitor) -> Response:
        allow(by, "read")
        return await shown(request, by, "channels.html", spoken=desk.grants.channels,
                           **await channels_sheet.sheet(desk, by))  # fmt: skip

    @router.get("/parked")
    async def parked(request: Request, by: Visitor) -> Response:
        found, following = await reading.parked(desk, by, cursor=request.query_params.get("cursor"), limit=sheets.ROWS)
        whole = [await reading.with_body(desk, each) for each in found]
        return await shown(request, by, "parked.html", parked=whole, following=following,
                           may_operate=by.may("operate"))  # fmt: skip

    @router.get("/page/static/{name:path}")
    async def file(name: str, request: Request) -> Response:
        """Without a key: there is nothing in them but the look of the page."""
        found = static.answer(name, request.headers.get("if-none-match"))
        if found is None:
            raise not_found()
        return found

    return router
