"""A parked message offered again, mended or as it was; a parked fact tried again; or either given up (S2, I25)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from events import FactRedriven, MessageParked, MessageRedriven, RedriveAsked, Told
from events.subjects import POST_APPROVED
from services.chassis.rows import PARKED_BODY, Put
from services.gateway.answers import ANSWER_S
from services.gateway.asking import Asked, Wish
from services.gateway.bodies import Ask, Body, Door
from services.gateway.desk import Desk, allow
from services.gateway.problems import Problem, Wrong, not_found

PARKED = re.compile(r"parked-[0-9a-f]{32}|stuck-[a-z]{1,16}\.\d{1,18}")
BODY_BYTES_MAX = 256_000
"""S2a: more than that would only be parked again."""


def _text_or_object(given: Any) -> Any:
    if isinstance(given, str | dict) or given is None:
        return given
    raise ValueError("has to be text, or an object in braces")


class Redrive(Body):
    """`body` is a mended message to offer instead, as text or as JSON; `discard` gives it up."""

    body: Annotated[str | dict[str, Any] | None, BeforeValidator(_text_or_object)] = None
    discard: bool = False


def redrive(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/parked", tags=["operations"], route_class=Door)

    @router.post("/{id}/redrive")
    async def again(id: str, asked: Ask, how: Redrive | None = None) -> JSONResponse:
        return await redriven(desk, asked, id, how or Redrive())

    return router


async def redriven(desk: Desk, asked: Asked, id: str, how: Redrive) -> JSONResponse:
    told = await desk.store.read(id) if PARKED.fullmatch(id) else []
    if not told or not asked.by.sees(told[0].account):
        raise not_found()
    allow(asked.by, "operate")
    mended = body_of(id, how)
    fact = RedriveAsked(parked=id, body_hash=asked.fingerprint, mended=mended is not None, discard=how.discard)
    # The mended body lies beside the parked one, where the scheduler looks for it; it is too large for a fact.
    beside = [Put(PARKED_BODY, {"id": f"{id}:mended", "body": mended, "subject": subject_of(told)})]
    wish = Wish(fact, told[0].story, told[0].account)
    said = await desk.asking.ask(asked, [wish], rows=beside if mended is not None else ())
    (verdict,) = await desk.asking.verdicts(said, lambda ask: (id,))
    if refusal := verdict.refusal:
        raise refusal
    if verdict.fact is None:
        return JSONResponse({"asked": verdict.ask.id}, 202)
    await desk.views.reached(verdict.fact.position, ANSWER_S)
    return JSONResponse({"id": id, **became_of(verdict.fact)})


def body_of(id: str, how: Redrive) -> bytes | None:
    if how.body is None:
        return None
    if how.discard or not id.startswith("parked-"):
        said = "only a parked message can be mended, and one that is given up needs no body"
        raise Problem("invalid", f"body: {said}", errors=[Wrong("body", said)])
    body = how.body.encode() if isinstance(how.body, str) else orjson.dumps(how.body)
    if len(body) > BODY_BYTES_MAX:
        raise Problem("too_large", f"A message may hold {BODY_BYTES_MAX} bytes; this one holds {len(body)}.")
    return body


def subject_of(told: Sequence[Told]) -> str:
    """On which subject it came."""
    return next((each.fact.subject for each in told if isinstance(each.fact, MessageParked)), POST_APPROVED)


def became_of(answer: Told) -> dict[str, Any]:
    match answer.fact:
        case MessageRedriven(outcome=outcome, story=story):
            return {"outcome": outcome, "post": story}
        case FactRedriven():
            return {"outcome": "redriven"}
        case other:
            return {"outcome": other.type}
