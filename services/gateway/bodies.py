"""A request as it is read: JSON that means one thing only, and who asked for what under which key.

What two parsers could read differently (a name twice, NaN, half a character) is refused before anybody looks at it
(A25), and so is what is deeper than anything we ask for (A24).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from services.gateway.asking import Asked, Done
from services.gateway.desk import Asker, Desk

DEPTH_MAX = 32


class Body(BaseModel):
    """One input for one action; what it does not name is refused (A20)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_json(raw: bytes) -> Any:
    """Raises `json.JSONDecodeError` with what is wrong, for whatever could not be kept and read back the same."""
    try:
        value = json.loads(raw, object_pairs_hook=_once_each, parse_constant=_no_number)
        orjson.dumps(value)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError(f"is nested deeper than {DEPTH_MAX} levels", "", 0) from None
    except (ValueError, TypeError) as wrong:
        raise json.JSONDecodeError(str(wrong), "", 0) from None
    if _deeper(value, DEPTH_MAX):
        raise json.JSONDecodeError(f"is nested deeper than {DEPTH_MAX} levels", "", 0)
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"names {next(name for name in names if names.count(name) > 1)[:64]} twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _deeper(value: Any, levels: int) -> bool:
    """Level by level, so that no depth overcomes the check itself."""
    layer = [value]
    for _ in range(levels):
        layer = [
            each
            for outer in layer
            if isinstance(outer, dict | list)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return any(isinstance(each, dict | list) for each in layer)


class StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return read_json(await self.body())
        except json.JSONDecodeError:
            desk: Desk = self.app.state.desk
            if await desk.keys.principal_of(self) is None:  # a stranger learns nothing, not even what is misspelt
                raise HTTPException(401) from None
            raise


class Door(APIRoute):
    """Every route of ours reads its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


async def asked_of(
    request: Request,
    by: Asker,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=256)] = None,
    if_match: Annotated[str | None, Header(max_length=256)] = None,
) -> Asked:
    """Without a key of its own a request is one of a kind."""
    desk: Desk = request.app.state.desk
    said = "\n".join((request.method, request.url.path, request.url.query, if_match or ""))
    fingerprint = hashlib.sha256(said.encode() + b"\n" + await request.body()).hexdigest()
    return Asked(by, idempotency_key or desk.new_id(), fingerprint, tag(if_match))


Ask = Annotated[Asked, Depends(asked_of)]
"""A route's argument of this type is one request for a change, by somebody we know."""


def tag(if_match: str | None) -> str | None:
    """The version inside an `If-Match`; `*` asks for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix("W/").strip('"')


def answered(done: Done) -> JSONResponse:
    """200, with the version as an ETag."""
    return JSONResponse(dict(done.body), headers=etag(done.version))


def etag(version: str | None) -> dict[str, str]:
    return {"etag": f'"{version}"'} if version else {}
