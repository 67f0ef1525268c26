"""An account's sheet: its choices, previewed before they are saved (S22), and its windows, explained (S16)."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.gateway import reading
from services.gateway.desk import Desk, allow
from services.gateway.page import choices, sheets
from services.gateway.page.rendering import HEADERS, is_part, said, sheet
from services.gateway.problems import Problem
from services.gateway.routes.accounts import patched
from services.gateway.routes.learned import on_offer
from services.gateway.routes.page import Id, Sheet, Visitor
from services.gateway.routes.page_actions import Asking, Fields
from services.gateway.routes.preview import previewed


def page_accounts(desk: Desk) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=Sheet)

    async def shown(request: Request, by: Visitor, id: str, *, status: int = 200, **more: Any) -> Response:
        found = await choices.sheet(desk, by, id)
        offers = await on_offer(desk, await reading.account(desk, by, id))
        what = {"preview": None, "wrong": None, "patch": "", **found, **more}
        return sheet(request, "account.html", status=status, pauses=await reading.paused(desk, by), offers=offers,
                     week_of=choices.week_of, **what)  # fmt: skip

    @router.get("/page/accounts")
    async def names(request: Request, by: Visitor) -> Response:
        """What may be typed where there are too many to choose from."""
        allow(by, "read")
        return sheet(request, "_accounts.html", names=await sheets.account_names(desk, by))

    @router.get("/accounts/{id}")
    async def account(request: Request, id: Id, by: Visitor) -> Response:
        return await shown(request, by, id)

    @router.post("/page/accounts/{id}/preview")
    async def preview(request: Request, id: Id, by: Visitor, form: Fields) -> Response:
        """What was typed stays in the form, whether it can be previewed or not."""
        allow(by, "configure", account=id)
        fields = {name: value for name, value in form.items() if name != "version"}
        try:
            patch = choices.patch_of(form)
            found = await choices.diff(desk, (await previewed(desk, by, id, patch)).told(choices.MOVES_MAX))
        except Problem as problem:
            if problem.status != 422:
                raise
            typed = (await choices.sheet(desk, by, id))["fields"] | fields
            return await shown(request, by, id, status=422, fields=typed, wrong=problem.detail)
        typed = (await choices.sheet(desk, by, id))["fields"] | fields
        return await shown(request, by, id, fields=typed, preview=found, patch=orjson.dumps(patch).decode())

    @router.post("/page/accounts/{id}/save")
    async def save(request: Request, id: Id, asked: Asking, form: Fields) -> Response:
        """Exactly what was previewed: the form it comes from carries the change, and the version it was made for."""
        try:
            patch = orjson.loads(form.get("choices", ""))
        except orjson.JSONDecodeError:
            raise Problem("invalid", "choices: preview the change first, then save it") from None
        if not isinstance(patch, dict):
            raise Problem("invalid", "choices: preview the change first, then save it")
        done = await patched(desk, asked, id, patch)
        if is_part(request):
            moved = done.body["moved"]["sentence"] if "moved" in done.body else "Whatever has to move is planned again."
            return said(f"Saved. {moved}")
        return Response(status_code=303, headers={"location": f"/accounts/{id}", **HEADERS})

    return router
