"""Connecting and disconnecting channels: the way to a consent, a blog's key, a check, the end (S6, S7)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, StringConstraints

from events.channels import CHANNELS, account_of, channel_of
from events.production import of_a_host
from services.channels.adapter import Credential, Granted, GrantRefused
from services.chassis.store import Append
from services.gateway import connection, consents
from services.gateway.asking import Asked, Decided, Done
from services.gateway.bodies import Ask, Body, Door, answered
from services.gateway.desk import Desk
from services.gateway.grants import Standing
from services.gateway.problems import Problem, Wrong, not_found

CONNECTION = re.compile(r"[a-z0-9-]{1,64}\.[a-z]{1,16}(\.[a-z0-9-]{1,64})?")
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
Site = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@?#]+(\?rest_route=[^\s#]*)?$", max_length=2048)]
Account = Annotated[str, Path(max_length=64)]


class Which(Body):
    """A further connection on the same channel has a label of its own."""

    label: Label | None = None


class BlogKey(Body):
    """A WordPress application password, as its owner's profile shows it once."""

    cms: str = "wordpress"
    site: Annotated[Site, AfterValidator(of_a_host)]
    user: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    label: Label | None = None


def connecting(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["connections"], route_class=Door)

    @router.post("/v1/accounts/{account}/connections/{channel}/authorize")
    async def authorize(account: Account, channel: str, asked: Ask, which: Which | None = None) -> JSONResponse:
        """The address at which the channel asks its owner for consent; good for ten minutes, once."""
        name = named(account, channel, which.label if which else None)
        return JSONResponse({"authorize_url": await authorize_url(desk, asked, name)})

    @router.put("/v1/accounts/{account}/connections/blog")
    async def blog(account: Account, body: BlogKey, asked: Ask) -> JSONResponse:
        """A blog by a key of its CMS, proven by a harmless call before it is accepted (S7)."""
        return await blog_connected(desk, asked, account, body)

    @router.post("/v1/connections/{id}/check")
    async def check(id: str, asked: Ask) -> dict[str, Any]:
        """A harmless call that shows whether the grant still works."""
        standing = await known(desk, asked, id)
        credential = await desk.grants.credential(standing)
        if credential is None:
            raise Problem("disconnected", "The channel is not connected; connect it first.")
        with desk.asking.running():
            answer = await desk.grants.adapter(channel_of(id)).check(desk.grants.http_for(id), credential)
        status = connection.status(standing.state, desk.now())
        if isinstance(answer, Granted):
            return shown(id, status, works=True, member=answer.member)
        works = False if isinstance(answer, GrantRefused) else None
        return shown(id, status, works=works, code=answer.code, detail=answer.detail)

    @router.delete("/v1/connections/{id}")
    async def disconnect(id: str, asked: Ask) -> JSONResponse:
        """Sends nothing more; what waits for it is held (S10)."""

        async def decide() -> Decided:
            standing = await known(desk, asked, id)
            version = standing.version
            facts = connection.disconnect(standing.state, by=asked.by, account=account_of(id), version=version,
                                          expected=asked.relies_on(str(version)))  # fmt: skip
            done = Done(shown(id, "disconnected"), str(version + len(facts)))
            about = desk.grants.about(id, actor=asked.by.name)
            append = await desk.grants.ending(standing, facts, about, asked.ids()) if facts else Append()
            return Decided(done, append)

        return answered(await desk.asking.change(asked, decide))

    return router


async def authorize_url(desk: Desk, asked: Asked, name: str) -> str:
    """Made from the request under a secret of the house: the same request is sent to the same address."""
    channel = channel_of(name)
    secret = desk.vault.derive("state", asked.mark, name) + desk.vault.derive("verifier", asked.mark, name)
    begun = consents.begin(name, by=asked.by, now=desk.now(), secret=secret, vault=desk.vault)

    async def decide() -> Decided:
        await owned(desk, asked, name)
        desk.grants.consent_page(channel)
        desk.grants.client(channel)
        return Decided(Done({}), begun.append)

    await desk.asking.change(asked, decide)
    url = desk.grants.consent_page(channel).authorize_url(
        desk.grants.client(channel), state=begun.state.reveal(), verifier=begun.verifier.reveal()
    )
    return desk.seen_as(url)


async def blog_connected(desk: Desk, asked: Asked, account: str, body: BlogKey) -> JSONResponse:
    name, checked = named(account, "blog", body.label), None

    async def decide() -> Decided:
        nonlocal checked
        standing = await owned(desk, asked, name)
        checked = checked or await tried(desk, name, body)
        append = await desk.grants.connecting(standing, checked, by=asked.by, site=body.site, ids=asked.ids())
        done = Done(shown(name, "active", member=checked.member, site=body.site), str(standing.version + 1))
        return Decided(done, append)

    return answered(await desk.asking.change(asked, decide))


def named(account: str, channel: str, label: str | None) -> str:
    name = f"{account}.{channel}" + (f".{label}" if label else "")
    if not CONNECTION.fullmatch(name) or channel not in CHANNELS:
        raise not_found()
    return name


async def owned(desk: Desk, asked: Asked, name: str) -> Standing:
    """The connection, there or not, of an account that is there and the asker's."""
    connection.authorized(asked.by, account_of(name))
    standing = await desk.grants.standing(name)
    if standing.account.document is None:
        raise not_found()
    return standing


async def known(desk: Desk, asked: Asked, name: str) -> Standing:
    if not CONNECTION.fullmatch(name):
        raise not_found()
    standing = await owned(desk, asked, name)
    if not standing.version:
        raise not_found()
    return standing


async def tried(desk: Desk, name: str, body: BlogKey) -> Granted:
    if body.cms != "wordpress":
        raise Problem("invalid", "cms: this house speaks to wordpress", errors=[Wrong("cms", "write wordpress")])
    credential = Credential(name, 0, {"user": body.user, "key": body.key}, site=body.site)
    answer = await desk.grants.adapter("blog").check(desk.grants.http_for(name), credential)
    if isinstance(answer, GrantRefused):
        raise Problem("key_refused", f"{answer.code}: {answer.detail}", errors=[Wrong("key", answer.detail)])
    if not isinstance(answer, Granted):
        raise Problem("channel_unclear", f"{answer.code}: {answer.detail} Look at `site`, then try again.")
    return answer


def shown(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "account": account_of(name), "channel": channel_of(name), "status": status, **more}
