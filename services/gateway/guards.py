"""What every request passes on its way in and every answer on its way out, whatever the route.

A body is bounded, a change that a browser sends must come from our own page, and every answer says what a browser
may do with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.sparing import StoreFull
from services.chassis.store import StoreError
from services.gateway.bodies import SAFE
from services.gateway.problems import MEDIA_TYPE, Problem, Wrong, invalid, not_found, refusing, unauthenticated

BODY_BYTES_MAX = 1_000_000
MORE_THAN_TOLD = ("/login", "/oauth/", "/v1/events")
"""A GET of these uses up what is good once, or never ends."""
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
CSP = "; ".join(
    ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
     "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
)  # fmt: skip
HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

log = structlog.get_logger("gateway")


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    more = {"www-authenticate": "Bearer"} if problem.code == "unauthenticated" else {}
    return Response(orjson.dumps(problem.body()), problem.status, {**more, **(headers or {})}, MEDIA_TYPE)


class Guards:
    """The outermost layer, so that a refusal carries the same headers as every other answer."""

    def __init__(self, app: ASGIApp, *, cookies: Sequence[str]) -> None:
        self._app, self._cookies = app, tuple(cookies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, send = Request(scope), with_headers(send)
        refused = too_large(request) or nothing_is_called_so(request) or self._cross_site(request)
        if refused:
            await answer(refused)(scope, receive, send)
            return
        if request.method == "HEAD":
            scope, send = as_get(scope), without_body(send)
        await self._app(scope, bounded(receive), send)

    def _cross_site(self, request: Request) -> Problem | None:
        """A browser sends the cookie along by itself, so it has to say that our own page asked (A8)."""
        by_cookie = "authorization" not in request.headers and any(name in request.cookies for name in self._cookies)
        if request.method in SAFE or not (by_cookie or request.url.path == "/login"):
            return None
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        own = site == "same-origin" if site else bool(origin) and urlsplit(origin).netloc == request.headers.get("host")
        return None if own else Problem("cross_site", "Send it from the page itself, or with an API key.")


AWAY = "The log, or its views, do not answer just now; ask again under the same Idempotency-Key."


def too_large(request: Request) -> Problem | None:
    length = request.headers.get("content-length", "0")
    return None if length.isdecimal() and int(length) <= BODY_BYTES_MAX else over()


def nothing_is_called_so(request: Request) -> Problem | None:
    """No name holds a zero character, and PostgreSQL would not even look for one (G26)."""
    if "\0" in request.scope["path"]:
        return not_found()
    wrong = [Wrong(name, "holds a zero character; leave it out") for name, value in request.query_params.multi_items()
             if "\0" in name + value]  # fmt: skip
    return refusing(wrong) if wrong else None


def over() -> Problem:
    return Problem("too_large", f"A body may hold {BODY_BYTES_MAX} bytes.")


def bounded(receive: Receive) -> Receive:
    """A body that tells no length is counted as it comes."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES_MAX:
            raise HTTPException(413)
        return message

    return receiving


def with_headers(send: Send) -> Send:
    """Ours where the route set none of its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", [])}
            more = [pair for pair in HEADERS if pair[0] not in there]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sending


def as_get(scope: Scope) -> Scope:
    """What HEAD asks, GET knows; where a GET does more than tell, nobody answers HEAD."""
    return scope if scope["path"].startswith(MORE_THAN_TOLD) else {**scope, "method": "GET"}


def without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


def allowed(request: Request) -> dict[str, str]:
    """What is offered at this address, whichever route offers it: each of them knows only its own (RFC 9110)."""
    routes, scope = request.app.routes, request.scope
    offered = [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    if "GET" in offered and as_get(scope) is not scope:
        offered.append("HEAD")
    return {"allow": ", ".join(offered)}


def install(app: FastAPI) -> None:
    """Every way a request can go wrong ends in a problem."""

    @app.exception_handler(Problem)
    async def said_no(request: Request, problem: Problem) -> Response:
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    async def not_as_asked(request: Request, wrong: RequestValidationError) -> Response:
        return answer(invalid(wrong.errors()))

    @app.exception_handler(HTTPException)
    async def no_such_door(request: Request, wrong: HTTPException) -> Response:
        match wrong.status_code:
            case 401:
                return answer(unauthenticated())
            case 404:
                return answer(not_found())
            case 405:
                return answer(Problem("method_not_allowed", f"{request.method} is not offered here."), allowed(request))
            case 413:
                return answer(over())
            case _:
                return answer(Problem("invalid", str(wrong.detail)))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, left: ClientDisconnect) -> Response:
        """Whoever leaves in the middle of a body has broken nothing, and hears no answer."""
        log.debug("a client left before its body had come", path=request.url.path)
        return answer(Problem("invalid", "body: ended before all of it had come"))

    @app.exception_handler(StoreError)
    async def not_now(request: Request, broken: StoreError) -> Response:
        """Nothing is promised; a full disk or a lost database heals, and then it may be asked again (I28)."""
        log.error("a request found the log or its views away", path=request.url.path, error=str(broken))
        return answer(Problem("not_ready", str(broken) if isinstance(broken, StoreFull) else AWAY))

    @app.exception_handler(Exception)
    async def ours(request: Request, broken: Exception) -> Response:
        log.error("a request broke", path=request.url.path, fault=type(broken).__name__)
        return answer(Problem("fault", "It is not your request; the log says more."))
