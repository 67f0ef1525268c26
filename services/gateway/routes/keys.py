"""API keys: issued and shown once, listed without the key, revoked."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from events import KeyRevoked, draft
from events.envelope import About
from events.production import Name
from events.subjects import key_stream
from services.chassis.store import Append, Say
from services.gateway.asking import Asked, Decided, Done
from services.gateway.bodies import Ask, Body, Door, answered
from services.gateway.desk import Asker, Desk, allow
from services.gateway.keys import NewKey, new_key
from services.gateway.principal import Principal, Role
from services.gateway.problems import Problem, Wrong, not_found


class Wanted(Body):
    """`accounts` null means all of them."""

    role: Role
    accounts: Annotated[tuple[Name, ...], Field(max_length=1000)] | None = None
    name: Annotated[str, StringConstraints(max_length=200)] = ""


def keys(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Door)

    @router.get("")
    async def list_keys(by: Asker) -> dict[str, Any]:
        allow(by, "keys")
        return {"items": [each for each in await desk.keys.listed() if within(by, each["accounts"])],
                "next_cursor": None}  # fmt: skip

    @router.post("")
    async def issue(wanted: Wanted, asked: Ask) -> JSONResponse:
        """The answer shows the key, once; the same request again gets the same answer."""
        # The key is made from the request, under a secret of the house: it need not be kept to be said again.
        key = new_key(desk.vault.derive("key", asked.mark, asked.fingerprint))

        async def decide() -> Decided:
            authorized(asked.by, wanted)
            append = desk.keys.issuing(key, wanted.role, accounts=wanted.accounts, name=wanted.name,
                                       actor=asked.by.name, ids=asked.ids())  # fmt: skip
            return Decided(Done({"prefix": key.prefix, "role": wanted.role, "accounts": wanted.accounts,
                                 "name": wanted.name}), append)  # fmt: skip

        done = await desk.asking.change(asked, decide)
        await still_the_same(desk, key)
        return JSONResponse({**done.body, "key": key.key.reveal()})

    @router.delete("/{prefix}")
    async def revoke(prefix: str, asked: Ask) -> JSONResponse:
        async def decide() -> Decided:
            allow(asked.by, "keys")
            told = await desk.store.read(key_stream(prefix))
            issued = next((each["accounts"] for each in await desk.keys.listed() if each["prefix"] == prefix), ())
            if not told or not within(asked.by, issued):
                raise not_found()
            done = Done({"prefix": prefix, "revoked": True})
            if await desk.keys.known(prefix) is None:
                return Decided(done)
            return Decided(done, Append([revoked(desk, asked, prefix, len(told))]))

        return answered(await desk.asking.change(asked, decide))

    return router


def within(by: Principal, accounts: Any) -> bool:
    """A key reaches no further than whoever looks at it, issues it or ends it."""
    return by.everywhere or (accounts is not None and all(by.sees(each) for each in accounts))


def authorized(by: Principal, wanted: Wanted) -> None:
    allow(by, "keys")
    if not within(by, wanted.accounts):
        raise Problem("forbidden", "A key may reach no further than yours: name accounts that yours can see.",
                      errors=[Wrong("accounts", "name accounts that your own key can see")])  # fmt: skip


def revoked(desk: Desk, asked: Asked, prefix: str, version: int) -> Say:
    about = About(story="", actor=asked.by.name, happened_at=desk.now())
    return Say(key_stream(prefix), version, draft((KeyRevoked(prefix=prefix),), about, asked.ids()))


async def still_the_same(desk: Desk, key: NewKey) -> None:
    """After the house's own secret was changed, an old answer cannot be given again."""
    issued = await desk.keys.known(key.prefix)
    if issued is None or issued.sha256 != key.sha256:
        raise Problem("shown_once", "This key was shown before and cannot be shown again; issue another.")
