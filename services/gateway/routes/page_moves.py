"""Moving a post on the page, by a drag, by the dialog or by a form, and taking it back (S25): the API's own asks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from events.channels import account_of
from services.gateway import reading
from services.gateway.asking import Asked
from services.gateway.desk import Desk, allow_story
from services.gateway.page import moving, sheets
from services.gateway.page.rendering import HEADERS, is_part, said, sheet, told
from services.gateway.problems import Problem
from services.gateway.routes.asks import Move, rescheduled
from services.gateway.routes.bulk import undone
from services.gateway.routes.page import Id, Sheet, Visitor
from services.gateway.routes.page_actions import ASKED, Asking, Fields, Form, done, of


def page_moves(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/page", include_in_schema=False, route_class=Sheet)

    @router.get("/posts/{id}/move")
    async def dialog(request: Request, id: Id, by: Visitor) -> Response:
        return sheet(request, "_move.html", **await moving.dialog(desk, by, id))

    @router.post("/posts/{id}/reschedule")
    async def reschedule(request: Request, id: Id, asked: Asking, form: Fields) -> Response:
        return await moved(request, id, asked, form)

    @router.post("/moves")
    async def dropped(request: Request, asked: Asking, form: Fields) -> Response:
        """What a drag asks: the post is in the form, for there is one form for all of them."""
        return await moved(request, form.get("post", ""), asked, form)

    @router.post("/bulks/{id}/undo")
    async def undo(
        request: Request, id: Annotated[str, Path(max_length=64)], asked: Asking, form: Fields
    ) -> Response:  # fmt: skip
        answer = await undone(desk, asked, id)
        items = orjson.loads(bytes(answer.body))["items"]
        for problem in [each["problem"] for each in items if "problem" in each]:
            raise Problem(problem["code"], problem["detail"])
        if answer.status_code == 202 or len(items) != 1:
            return done(request, answer, "It was undone.", "/")
        document = await reading.document(desk, asked.by, items[0]["id"])
        return done(request, answer, moving.undone(document), f"/posts/{items[0]['id']}")

    async def moved(request: Request, id: str, asked: Asked, form: Form) -> Response:
        allow_story(asked.by, "queue", id)
        zone = (await reading.account(desk, asked.by, account_of(id)))["document"]["zone"]
        before = await reading.document(desk, asked.by, id)
        wish, wanted = wish_of(form, zone)
        if wanted and (no := await moving.over_the_cap(desk, before, wanted)):
            raise Problem("no_slot", no)
        answer: JSONResponse = await rescheduled(desk, asked, id, wish)
        if not is_part(request):
            return Response(status_code=303, headers={"location": f"/posts/{id}", **HEADERS})
        if answer.status_code == 202:
            return said(ASKED)
        # Without a slot before there is nothing to go back to.
        undo = asked.mark if before["scheduled_at"] else None
        return told(moving.moved(orjson.loads(bytes(answer.body)), wanted=wanted), undo=undo, post=id)

    return router


def wish_of(form: Form, zone: str) -> tuple[Move, datetime | None]:
    """What was typed is a time on the wall of the account; a slot that was chosen is an instant."""
    match form.get("how"):
        case "slot":
            move = of(Move, {"not_before": form.get("slot", "")})
            return move, move.not_before
        case "at":
            return of(Move, {"at": sheets.instant_in(form.get("at", ""), zone)}), None
        case _:
            return of(Move, {"not_before": sheets.instant_in(form.get("from", form.get("at", "")), zone)}), None
