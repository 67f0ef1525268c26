"""What people do on the page: the same asks as the API's, sent by a form and answered in a sentence.

Moving a post, and taking that back, stand in `page_moves.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from services.gateway.asking import Asked
from services.gateway.desk import Desk
from services.gateway.page.rendering import HEADERS, is_part, said, sheet
from services.gateway.problems import Problem, invalid, not_found
from services.gateway.routes.approvals import Comment, Refusal, Sight, approved, commented, rejected
from services.gateway.routes.asks import Edit, Reason, Settle, cancelled, edited, retried, settled
from services.gateway.routes.connecting import BlogKey, authorize_url, blog_connected, named
from services.gateway.routes.page import Id, Sheet, Visitor
from services.gateway.routes.redrive import Redrive, redriven

Form = Mapping[str, str]
Act = Callable[[Desk, Asked, str, Form], Awaitable[JSONResponse]]
FIELDS_MAX = 128


async def form_of(request: Request) -> Form:
    """The fields of a form, each once. Browsers write line ends as CR LF; a post's text has LF."""
    try:
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except (ValueError, UnicodeDecodeError):
        raise Problem("invalid", "The form could not be read; reload the page and try again.") from None
    return {name: value.replace("\r\n", "\n") for name, value in fields}


Fields = Annotated[Form, Depends(form_of)]


async def asked_of(request: Request, by: Visitor, form: Fields) -> Asked:
    """Each sending of a form is one request of its own, that relies on the version it was shown with."""
    desk: Desk = request.app.state.desk
    mark = hashlib.sha256(f"{request.url.path}\n{sorted(form.items())}".encode()).hexdigest()
    return Asked(by, desk.new_id(), mark, form.get("version") or None)


Asking = Annotated[Asked, Depends(asked_of)]


async def _retry(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    return await retried(desk, asked, id)


async def _cancel(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    reason = form.get("reason", "").strip()
    return await cancelled(desk, asked, id, of(Reason, {"reason": reason} if reason else {}))


async def _edit(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    """An emptied title or link is taken away; a form that has no title says nothing about it."""
    given: dict[str, Any] = {name: form[name] or None for name in ("title", "link") if name in form}
    return await edited(desk, asked, id, of(Edit, given | {"text": form.get("text", "")}))


async def _settle(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    where = form.get("where", "").strip()
    place = {"url" if where.startswith(("https://", "http://")) else "channel_post_id": where} if where else {}
    return await settled(desk, asked, id, of(Settle, {"as": form.get("as"), **place}))


async def _approve(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    """The version the form was shown with says which content was read."""
    return await approved(desk, asked, id, Sight())


async def _reject(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    return await rejected(desk, asked, id, of(Refusal, {"comment": form.get("comment", "")}))


async def _comment(desk: Desk, asked: Asked, id: str, form: Form) -> JSONResponse:
    """It is about the post, whatever has become of it meanwhile."""
    return await commented(desk, replace(asked, expected=None), id, of(Comment, {"text": form.get("text", "")}))


ACTS: Mapping[str, tuple[Act, str]] = {
    "retry": (_retry, "It is tried again."),
    "cancel": (_cancel, "It is cancelled."),
    "edit": (_edit, "The changes are saved."),
    "settle": (_settle, "It is settled."),
    "approve": (_approve, "It is approved, and takes the next slot."),
    "reject": (_reject, "It goes back to Production, with the comments."),
    "comments": (_comment, "Your comment is in the thread."),
}
"""What can be asked of a post, and what is said when it is done."""
ASKED = "Asked; not yet decided. The sheet shows it as soon as it is."


def of(kind: Any, fields: Mapping[str, Any]) -> Any:
    """The same body that the API takes, with the same complaints."""
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as wrong:
        raise invalid(wrong.errors(), drop=0) from None


def done(request: Request, answer: JSONResponse, sentence: str, back: str) -> Response:
    """In the page a sentence; without scripts the sheet itself, which shows what became of it."""
    if is_part(request):
        return said(ASKED if answer.status_code == 202 else sentence)
    return Response(status_code=303, headers={"location": back, **HEADERS})


def page_actions(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/page", include_in_schema=False, route_class=Sheet)

    @router.post("/posts/{id}/{action}")
    async def act(request: Request, id: Id, action: str, asked: Asking, form: Fields) -> Response:
        if action not in ACTS:
            raise not_found()
        do, sentence = ACTS[action]
        return done(request, await do(desk, asked, id, form), sentence, f"/posts/{id}")

    @router.post("/accounts/{account}/connect/blog")
    async def connect_blog(request: Request, account: Id, asked: Asking, form: Fields) -> Response:
        key = of(BlogKey, {name: form.get(name, "").strip() for name in ("site", "user", "key")})
        return done(request, await blog_connected(desk, asked, account, key), "The blog is connected.",
                    "/channels")  # fmt: skip

    @router.post("/accounts/{account}/connect/{channel}")
    async def connect(request: Request, account: Id, channel: str, asked: Asking) -> Response:
        """A link to follow, not a way to be sent: what leads to another host is a person's own step."""
        url = await authorize_url(desk, asked, named(account, channel, None))
        name = "_consent.html" if is_part(request) else "consent.html"
        return sheet(request, name, url=url, account=account, channel=channel, pauses=[])

    @router.post("/parked/{id}/redrive")
    async def again(request: Request, id: Annotated[str, Path(max_length=64)], asked: Asking, form: Fields) -> Response:
        how = Redrive(body=form["body"]) if form.get("body") else Redrive()
        return done(request, await redriven(desk, asked, id, how), "It was taken in.", "/parked")

    @router.post("/parked/{id}/discard")
    async def discard(request: Request, id: Annotated[str, Path(max_length=64)], asked: Asking) -> Response:
        answer = await redriven(desk, asked, id, Redrive(discard=True))
        return done(request, answer, "It was given up.", "/parked")

    return router
