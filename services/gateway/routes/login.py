"""Signing a browser in and out: by the address that `up` prints, or by an API key typed into the form."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader

from services.gateway.desk import Desk
from services.gateway.keys import SESSION_S

TEMPLATES = Path(__file__).parents[1] / "page" / "templates"
PLEASE = "Paste an API key, or open the address that `distribution up` printed."
USED = "This address was used already, or is older than ten minutes. Paste an API key, or start again."
WRONG = "That is not a key of this house, or it was revoked."


def login(desk: Desk) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    template = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("login.html")

    def form(reason: str, status: int) -> Response:
        return HTMLResponse(template.render(reason=reason), status)

    @router.get("/login")
    async def once(once: str | None = None) -> Response:
        if once is None:
            return form(PLEASE, 200)
        session = await desk.keys.begin(once)
        return signed_in(desk, session) if session else form(USED, 401)

    @router.post("/login")
    async def with_key(request: Request) -> Response:
        typed = parse_qs((await request.body()).decode("utf-8", "replace")).get("key", [""])[0]
        principal = await desk.keys.authenticated(typed.strip())
        return signed_in(desk, desk.keys.session(principal)) if principal else form(WRONG, 401)

    @router.post("/logout")
    async def out(request: Request) -> Response:
        desk.keys.end(request.cookies.get(desk.keys.cookie, ""))
        gone = RedirectResponse("/login", 303)
        gone.delete_cookie(desk.keys.cookie, path="/", secure=desk.keys.https, httponly=True, samesite="lax")
        return gone

    return router


def signed_in(desk: Desk, session: str) -> Response:
    """Lax, because an owner comes back from a channel's consent page by a link of that channel's."""
    answer = RedirectResponse("/", 303)
    answer.set_cookie(desk.keys.cookie, session, max_age=int(SESSION_S), path="/", secure=desk.keys.https,
                      httponly=True, samesite="lax")  # fmt: skip
    return answer
