"""Up to fifty posts at once, each with an outcome of its own, and taking it back (S25).

All asks of one request are one append, so the same request again finds them and tells the same of each. The bulk's id
is what its request is known by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from events import CancelAsked, Fact, PostCancelled, PostScheduled, RescheduleAsked, RetryAsked, Told, UndoAsked
from events.channels import account_of
from events.envelope import utc
from events.subjects import answer_stream, bulk_stream
from services.gateway.asking import Asked, Wish, of_the_post
from services.gateway.bodies import Ask, Body, Door
from services.gateway.desk import Desk, allow
from services.gateway.problems import Problem, Wrong, not_found, refusing
from services.gateway.routes.asks import common, visible, wish_for
from services.gateway.times import Moment, Span, shown_by_clocks

POSTS_MAX = 50
"""S25; the 51st is a clear error."""
BULK = re.compile(r"[0-9a-f]{32}")


class One(Body):
    id: str
    version: Annotated[str, StringConstraints(min_length=1)] | None = None


class Bulk(Body):
    """`not_before` or `shift` say where a move goes; each takes a slot of its own."""

    action: Literal["retry", "cancel", "reschedule"]
    posts: tuple[One, ...]
    not_before: Moment | None = None
    shift: Span | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One post of a bulk: what is asked for it, or why nothing can be."""

    id: str
    wish: Wish | None = None
    problem: Problem | None = None


def bulk(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["posts"], route_class=Door)

    @router.post("/posts/bulk")
    async def change(body: Bulk, asked: Ask) -> JSONResponse:
        checked(body)
        allow(asked.by, "queue")
        return await outcomes(desk, asked, [await wished(desk, asked, body, each) for each in body.posts])

    @router.post("/bulks/{id}/undo")
    async def undo(id: str, asked: Ask) -> JSONResponse:
        """Restores what is still unsent."""
        return await undone(desk, asked, id)

    return router


async def undone(desk: Desk, asked: Asked, id: str) -> JSONResponse:
    allow(asked.by, "queue")
    there = await desk.store.read(bulk_stream(id)) if BULK.fullmatch(id) else []
    if not there or not all(asked.by.sees(account_of(each.story)) for each in there):
        raise not_found()
    return await outcomes(desk, asked, [await taken_back(desk, asked, id, each) for each in there])


async def taken_back(desk: Desk, asked: Asked, id: str, ask: Told) -> Item:
    """What this bulk was refused for a post is not its to take back; whether it stands still, the scheduler knows."""
    if isinstance(ask.fact, RetryAsked):
        return Item(ask.story, problem=Problem("nothing_to_undo", "A retry is not taken back; cancel the post, as long "
                                               "as it is unsent."))  # fmt: skip
    if await desk.store.read(answer_stream(ask.id)):
        return Item(ask.story, problem=Problem("nothing_to_undo", "This bulk change did nothing to the post."))
    fact = UndoAsked(bulk=id, **common(ask.story, asked))
    return Item(ask.story, Wish(fact, ask.story, ask.account, ask.about.channel))


def checked(body: Bulk) -> None:
    if len(body.posts) > POSTS_MAX:
        raise Problem("too_many", f"A bulk change may name {POSTS_MAX} posts; this one names {len(body.posts)}.",
                      errors=[Wrong("posts", f"at most {POSTS_MAX}")])  # fmt: skip
    ids = [each.id for each in body.posts]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise Problem("invalid", f"posts: names {twice[0]} twice", errors=[Wrong("posts", "each post once")])
    if not ids:
        raise Problem("invalid", "posts: name at least one", errors=[Wrong("posts", "name at least one")])
    moves = (body.not_before is not None) + (body.shift is not None)
    if moves != (body.action == "reschedule"):
        said = "say either `not_before` or `shift`" if body.action == "reschedule" else "only reschedule takes a time"
        raise refusing([Wrong("not_before" if body.shift is None or body.not_before else "shift", said)])


async def wished(desk: Desk, asked: Asked, body: Bulk, one: One) -> Item:
    try:
        told = await visible(desk, asked, one.id)
        return Item(one.id, wish_for(_fact(body, one, told, asked), one.id, told))
    except Problem as problem:
        return Item(one.id, problem=problem)


def _fact(body: Bulk, one: One, told: list[Fact], asked: Asked) -> Fact:
    carried: dict[str, Any] = common(one.id, asked) | {"expected": one.version}
    match body.action:
        case "retry":
            return RetryAsked(**carried)
        case "cancel":
            return CancelAsked(**carried)
        case "reschedule":
            not_before = body.not_before if body.shift is None else shifted(slot_of(told), body.shift)
            return RescheduleAsked(not_before=not_before, **carried)


def shifted(slot: datetime, shift: timedelta) -> datetime:
    try:
        return shown_by_clocks(slot + shift)
    except (OverflowError, ValueError):
        said = f"leads from its slot of {slot:%Y-%m-%d} beyond the calendar; choose a shorter one, as in PT30M"
        raise Problem("invalid", f"shift: {said}", errors=[Wrong("shift", said)]) from None


def slot_of(told: Sequence[Fact]) -> datetime:
    """The slot a post has now; without one there is nothing to shift from."""
    last = next((each for each in reversed(told) if isinstance(each, PostScheduled | PostCancelled)), None)
    if not isinstance(last, PostScheduled):
        raise Problem("no_slot", "It has no slot that could be shifted; say `not_before` instead.")
    return utc(last.slot.at)


async def outcomes(desk: Desk, asked: Asked, items: Sequence[Item]) -> JSONResponse:
    """Each item's own outcome; 202 as long as one of them is not decided."""
    # What was wrong with an item the first time may be mended by now: the answer to this request stays what it was.
    wrong = {item.id: item.problem.body() for item in items if item.problem}
    said = await desk.asking.ask(asked, [item.wish for item in items if item.wish], note={"wrong": wrong})
    wrong = (await desk.asking.noted(asked)).get("wrong", {})
    verdicts = {each.ask.story: each for each in await desk.asking.verdicts(said, of_the_post)}
    shown: list[Mapping[str, Any]] = []
    for item in items:
        verdict = verdicts.get(item.id)
        if verdict is None:
            shown.append({"id": item.id, "done": False, "problem": wrong.get(item.id) or not_found().body()})
        elif refusal := verdict.refusal:
            shown.append({"id": item.id, "done": False, "problem": refusal.body()})
        elif verdict.fact is None:
            shown.append({"id": item.id, "done": False, "asked": verdict.ask.id})
        else:
            shown.append({"id": item.id, "done": True})
    position = max((each.fact.position for each in verdicts.values() if each.fact), default=0)
    await desk.views.reached(position, 5.0)
    waiting = any("asked" in each for each in shown)
    return JSONResponse({"bulk": asked.mark, "items": shown}, 202 if waiting else 200)
