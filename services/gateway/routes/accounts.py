"""A client account's document: read, put whole, or changed in part."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from fastapi.responses import JSONResponse

from events import AccountDocument, draft
from events.envelope import About
from events.production import Name
from events.subjects import account_stream
from services.chassis.store import Append, Say
from services.gateway import account
from services.gateway.asking import Asked, Decided, Done
from services.gateway.bodies import Ask, Door, answered
from services.gateway.desk import Asker, Desk, allow
from services.gateway.problems import not_found

Id = Annotated[str, Path(max_length=64)]


class Choices(AccountDocument):
    """The document as it is sent; the address says whose it is."""

    id: Name | None = None  # type: ignore[assignment]


def accounts(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Door)

    @router.get("/{id}")
    async def show(id: Id, by: Asker) -> JSONResponse:
        allow(by, "read", account=id)
        state, version = await desk.store.fold(account_stream(id), account)
        return answered(_shown(state.document, version))

    @router.put("/{id}")
    async def put(id: Id, choices: Choices, asked: Ask) -> JSONResponse:
        """The whole document; what it leaves out goes back to its default."""
        given = choices.model_dump(exclude_unset=True, exclude_none=True)

        async def decide() -> Decided:
            state, version = await desk.store.fold(account_stream(id), account)
            account.authorized(asked.by, id)
            document = account.document_of(id, given)
            return _changed(desk, asked, id, state, version, document)

        return answered(await desk.asking.change(asked, decide))

    @router.patch("/{id}")
    async def patch(id: Id, choices: Annotated[dict[str, Any], Body()], asked: Ask) -> JSONResponse:
        """Merged over what is there (RFC 7396): null takes a choice back to its default."""

        async def decide() -> Decided:
            state, version = await desk.store.fold(account_stream(id), account)
            document = account.merged(state, by=asked.by, account=id, patch=choices)
            return _changed(desk, asked, id, state, version, document)

        return answered(await desk.asking.change(asked, decide))

    return router


def _changed(
    desk: Desk, asked: Asked, id: str, state: account.Account, version: int, document: AccountDocument
) -> Decided:
    facts = account.change(state, by=asked.by, account=id, document=document, version=version, expected=asked.expected)
    about = About(story="", actor=asked.by.name, happened_at=desk.now(), account=id)
    says = [Say(account_stream(id), version, draft(tuple(facts), about, asked.ids()))] if facts else []
    return Decided(_shown(document, version + len(facts)), Append(says))


def _shown(document: AccountDocument | None, version: int) -> Done:
    if document is None:
        raise not_found()
    return Done(document.model_dump(mode="json"), str(version))
