"""The gate's doors: what waits for an approval, and the reviewer's word about it (S38-S41).

The gateway owns the gate and decides itself; the scheduler hears the word and gives the post its slot, or returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from events import Fact
from events.channels import account_of
from services.gateway import approval, approving
from services.gateway.approving import Case
from services.gateway.asking import Asked, Decided, Done
from services.gateway.bodies import Ask, Body, Door
from services.gateway.desk import Asker, Desk, allow
from services.gateway.problems import Problem, Wrong
from services.gateway.routes.asks import as_shown
from services.gateway.views.question import LIMIT_MAX

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Sight(Body):
    """Which content was read, by its hash; `If-Match` says the same by its version, and both may."""

    content_hash: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None


class Refusal(Body):
    """What Production is told, after everything else that was said about the post."""

    comment: Words


class Comment(Body):
    text: Words


def approvals(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["approvals"], route_class=Door)

    @router.get("/approvals")
    async def awaiting(
        by: Asker, account: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 50,
        cursor: Annotated[str | None, Query(max_length=1024)] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What awaits approval, longest waiting first: each with its content, the hash an approval is bound to, the
        version for `If-Match`, and the thread of comments."""
        allow(by, "read")
        found, following = await approving.waiting(desk, by, account=account, cursor=cursor, limit=limit)
        return {"items": found, "next_cursor": following}

    @router.post("/posts/{id}/approve")
    async def approve(id: str, asked: Ask, sight: Sight | None = None) -> JSONResponse:
        """This very content: one that has changed since it was read is refused. The post takes the next slot (S40)."""
        return await approved(desk, asked, id, sight or Sight())

    @router.post("/posts/{id}/reject")
    async def reject(id: str, asked: Ask, why: Refusal | None = None) -> JSONResponse:
        """Back to Production with the whole thread; the comment says why (S41)."""
        if why is None:
            raise Problem("invalid", "comment: is missing", errors=[Wrong("comment", "is missing")])
        return await rejected(desk, asked, id, why)

    @router.post("/posts/{id}/comments")
    async def say(id: str, words: Comment, asked: Ask) -> JSONResponse:
        """A line in the thread; answered with all of it."""
        return await commented(desk, asked, id, words)

    return router


# One function a word; the page says it by the same ones.

Decide = Callable[[Case], Sequence[Fact]]


async def approved(desk: Desk, asked: Asked, id: str, sight: Sight) -> JSONResponse:
    seen = sight.content_hash

    def decide(case: Case) -> Sequence[Fact]:
        nonlocal seen
        # Whoever names nothing means what stands there as the request comes in, not what it may be edited to meanwhile.
        expected = asked.relies_on(case.version)
        seen = seen or case.hash_at(expected)
        return approval.approve(case.gate, by=asked.by, account=account_of(id), seen=seen, version=case.version,
                                expected=expected)  # fmt: skip

    await said(desk, asked, id, decide)
    return await as_shown(desk, id, await desk.store.position())


async def rejected(desk: Desk, asked: Asked, id: str, why: Refusal) -> JSONResponse:
    await said(desk, asked, id, lambda case: approval.refuse(
        case.gate, by=asked.by, account=account_of(id), comment=why.comment, version=case.version,
        expected=asked.relies_on(case.version)))  # fmt: skip
    return await as_shown(desk, id, await desk.store.position())


async def commented(desk: Desk, asked: Asked, id: str, words: Comment) -> JSONResponse:
    await said(desk, asked, id, lambda case: approval.comment(
        case.gate, by=asked.by, account=account_of(id), text=words.text, version=case.version,
        expected=asked.relies_on(case.version)))  # fmt: skip
    (case,) = await approving.cases(desk, [id])
    return JSONResponse({"id": id, "comments": case.thread})


async def said(desk: Desk, asked: Asked, id: str, decide: Decide) -> None:
    """Decided on what stands in the log, and only said if that still stands: of two words at once one is heard."""

    async def decided() -> Decided:
        (case,) = await approving.cases(desk, [id])
        facts = decide(case)
        return Decided(Done({"id": id}), case.saying(facts, asked, desk))

    await desk.asking.change(asked, decided)
