"""A client account's document: read, put whole, or changed in part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path
from fastapi.responses import JSONResponse
from pydantic import Field

from events import AccountDocument, draft
from events.envelope import About
from events.production import Name
from events.subjects import account_stream
from services.chassis.store import Append, Say
from services.gateway import account
from services.gateway.asking import Asked, Decided, Done
from services.gateway.bodies import Ask, Door, answered
from services.gateway.desk import Asker, Desk, allow
from services.gateway.foreseeing import foreseen
from services.gateway.problems import Problem, Wrong, not_found

Id = Annotated[str, Path(max_length=64)]
KeepWord = Literal["wall_clock", "instant"]
KEEP = """What a change of zone alone leaves to the slots that are to come: their wall clock (nine o'clock stays nine \
o'clock), or their instant (they go out when they would have). It is no part of the document."""
Patch = Annotated[
    dict[str, Any],
    Body(
        description="Choices of the document, each instead of what is there; null takes one back to its default. "
        'Beside them `keep`, `"wall_clock"` or `"instant"`: ' + KEEP.replace("What", "what", 1),
        openapi_examples={
            "another zone": {"value": {"zone": "America/New_York", "keep": "instant"}},
            "times of its own": {"value": {"mode": "custom", "times": {"linkedin": {"mon": ["09:00", "17:30"]}}}},
            "a smaller cap": {"value": {"caps": {"linkedin": {"posts_per_day_max": 3}}}},
        },
    ),
]


class Choices(account.Typed):
    """The document as it is sent; the address says whose it is."""

    id: Name | None = None  # type: ignore[assignment]
    keep: Annotated[KeepWord, Field(description=KEEP)] = "wall_clock"


def accounts(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Door)

    @router.get("/{id}")
    async def show(id: Id, by: Asker) -> JSONResponse:
        allow(by, "read", account=id)
        state, version = await desk.store.fold(account_stream(id), account)
        return answered(_shown(state.document, version))

    @router.put("/{id}")
    async def put(id: Id, choices: Choices, asked: Ask) -> JSONResponse:
        """The whole document; what it leaves out goes back to its default. A new zone is answered with what `moved`."""
        given = choices.model_dump(exclude_unset=True, exclude_none=True, exclude={"keep"})

        async def decide() -> Decided:
            state, version = await desk.store.fold(account_stream(id), account)
            account.authorized(asked.by, id)
            document = account.document_of(id, given, new=state.document is None)
            return await _changed(desk, asked, state, version, document, choices.keep)

        return answered(await desk.asking.change(asked, decide))

    @router.patch("/{id}")
    async def patch(id: Id, choices: Patch, asked: Ask) -> JSONResponse:
        """Merged over what is there (RFC 7396): null takes a choice back to its default. See PUT for a new zone."""
        return answered(await patched(desk, asked, id, choices))

    return router


async def patched(desk: Desk, asked: Asked, id: str, choices: Mapping[str, Any]) -> Done:
    async def decide() -> Decided:
        state, version = await desk.store.fold(account_stream(id), account)
        keep, patch = keep_of(choices)
        document = account.merged(state, by=asked.by, account=id, patch=patch)
        return await _changed(desk, asked, state, version, document, keep)

    return await desk.asking.change(asked, decide)


def keep_of(choices: Mapping[str, Any]) -> tuple[KeepWord, dict[str, Any]]:
    """The choice that is no part of the document, and the rest."""
    patch = dict(choices)
    keep = patch.pop("keep", None)
    if keep is None:  # null takes it back to its default, as it does with every choice
        return "wall_clock", patch
    if keep not in ("wall_clock", "instant"):
        raise Problem(
            "invalid", "keep: write wall_clock or instant", errors=[Wrong("keep", "write wall_clock or instant")]
        )
    return keep, patch


async def _changed(
    desk: Desk, asked: Asked, state: account.Account, version: int, document: AccountDocument, keep: KeepWord
) -> Decided:
    """A change of zone is answered with what the scheduler moves now, as its own planner foresees it."""
    id = document.id
    facts = account.change(state, by=asked.by, account=id, document=document, version=version,
                           expected=asked.relies_on(str(version)), keep=keep)  # fmt: skip
    about = About(story="", actor=asked.by.name, happened_at=desk.now(), account=id)
    says = [Say(account_stream(id), version, draft(tuple(facts), about, asked.ids()))] if facts else []
    done = _shown(document, version + len(facts))
    if facts and state.document is not None and state.document.zone != document.zone:
        told = (await foreseen(desk, id, state, document, keep)).told()
        done = Done({**done.body, "moved": {"keep": keep, **told}}, done.version)
    return Decided(done, Append(says))


def _shown(document: AccountDocument | None, version: int) -> Done:
    if document is None:
        raise not_found()
    return Done(document.model_dump(mode="json"), str(version))
