"""A request as it is read: an address and a body that mean one thing only, and who asked for what under which key.

What two parsers could read differently (a name twice, NaN, half a character) is refused before anybody looks at it
(A25), and so is what is deeper than anything we ask for (A24).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Collection, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationError

from events.twice import twice
from services.gateway.asking import Asked, Done
from services.gateway.desk import Asker, Desk
from services.gateway.problems import NO_SUCH, Problem, Wrong, invalid, refusing, unauthenticated

DEPTH_MAX = 32
TOO_DEEP = f"is nested deeper than {DEPTH_MAX} levels"
EMPTY_TAG = "is empty; write the ETag that you read, or * for whatever version is there, or leave it out"
NAME_MAX = 64
DIGITS_MAX = 20
SAFE = {"GET", "HEAD", "OPTIONS"}
"""They change nothing, and nobody looks at a body of theirs."""
JSON = re.compile(r"application/([^/]+\+)?json")


class Body(BaseModel):
    """One input for one action; what it does not name is refused (A20)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Body):
    """What a change takes that needs no more than its address: no body, or an empty object."""


def read_json(raw: bytes) -> Any:
    """Says no, with what is wrong and where, to whatever could not be kept and read back the same."""
    try:
        value = json.loads(text_of(raw), object_pairs_hook=_once_each, parse_constant=_no_number, parse_int=_whole)
        if _deeper(value, DEPTH_MAX):
            raise _unread(TOO_DEEP)
        orjson.dumps(value)
    except json.JSONDecodeError as wrong:
        what = wrong.msg.removesuffix(" at").removesuffix(" starting")
        raise _unread(f"is not JSON: at character {wrong.pos + 1}, {what[:1].lower()}{what[1:]}") from None
    except RecursionError:
        raise _unread(TOO_DEEP) from None
    except (ValueError, TypeError) as wrong:
        raise _unread(str(wrong)) from None
    return value


def text_of(raw: bytes) -> str:
    """Nobody has to guess how the text is spelled."""
    match json.detect_encoding(raw):
        case "utf-8-sig":
            raise _unread("is not JSON: it begins with a byte order mark; send its text alone")
        case "utf-8":
            with contextlib.suppress(UnicodeDecodeError):
                return raw.decode()
    raise _unread("is not JSON: its text has to be UTF-8")


def _unread(detail: str, field: str = "body") -> Problem:
    return refusing([Wrong(field, detail)])


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _unread("is there twice; write it once", twice(name for name, _ in pairs)[0][:NAME_MAX])
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _whole(digits: str) -> int:
    """Counted before it is read, because reading a long one takes long."""
    if len(digits) <= DIGITS_MAX and -(2**63) <= (number := int(digits)) < 2**64:
        return number
    raise ValueError(f"holds a number of {len(digits.lstrip('-')):,} digits; write one that fits into 64 bits")


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
    """Its JSON is read once, and before anybody who would say less of what is wrong with it."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            self._strict = read_json(await self.body())
        return self._strict

    async def empty(self) -> None:
        """A word that nobody would heed is refused, as everywhere (A20)."""
        await self.readable()
        if await self.body() and (said := await self.json()) is not None:
            try:
                Nothing.model_validate(said)
            except ValidationError as wrong:
                raise invalid(wrong.errors(include_url=False, include_context=False), drop=0) from None

    async def readable(self) -> None:
        """A form or plain text is what another site can send without asking (A8)."""
        if not await self.body():
            return
        if not JSON.fullmatch(self.headers.get("content-type", "").partition(";")[0].strip().lower()):
            raise Problem("unsupported_media_type", "Send the body as JSON, with `Content-Type: application/json`.")
        await self.json()


class Door(APIRoute):
    """Every route of ours reads strictly what it is asked; a stranger learns nothing, not even what is misspelt."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, names = super().get_route_handler(), query_names(self.dependant)

        async def strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            try:
                once_and_known(request, names)
                if self.body_field:
                    await strict.readable()
                elif request.method not in SAFE:
                    await strict.empty()
            except Problem:
                desk: Desk = request.app.state.desk
                if await desk.keys.principal_of(request) is None:
                    raise unauthenticated() from None
                raise
            return await handle(strict)

        return strictly


def query_names(dependant: Dependant) -> set[str]:
    """What an address of this route may say after its question mark, also where a model stands for several names."""
    found: set[str] = set()
    for param in dependant.query_params:
        kind = param.field_info.annotation
        fields = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}
        found |= {field.alias or name for name, field in fields.items()} or {param.alias}
    return found.union(*(query_names(each) for each in dependant.dependencies))


def once_and_known(request: Request, names: Collection[str] | None = None) -> None:
    """What would be ignored is refused (A20): a name that means nothing here, and one of two values."""
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = [
        Wrong(name[:NAME_MAX], NO_SUCH) for name in dict.fromkeys(given) if names is not None and name not in names
    ]
    if wrong := unknown + [Wrong(name[:NAME_MAX], "is given twice; say it once") for name in twice(given)]:
        raise refusing(wrong)


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
    named = versions(if_match)
    return Asked(by, idempotency_key or desk.new_id(), fingerprint, named[0] if named else None, named[1:])


Ask = Annotated[Asked, Depends(asked_of)]
"""A route's argument of this type is one request for a change, by somebody we know."""


def versions(if_match: str | None) -> tuple[str, ...]:
    """The versions inside an `If-Match`, of which any will do (RFC 9110); none for `*`, which takes what is there."""
    if if_match is None or if_match.strip() == "*":
        return ()
    tags = [each.strip().removeprefix("W/").strip('"') for each in if_match.split(",")]
    if not any(tags):
        raise refusing([Wrong("If-Match", EMPTY_TAG)])
    return tuple(each for each in tags if each)


def answered(done: Done) -> JSONResponse:
    """200, with the version as an ETag."""
    return JSONResponse(dict(done.body), headers=etag(done.version))


def etag(version: str | None) -> dict[str, str]:
    return {"etag": f'"{version}"'} if version else {}
