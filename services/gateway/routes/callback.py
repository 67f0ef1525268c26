"""Where an owner comes back to from a channel's consent page (S6, I36).

Whatever is brought along is used up first, then looked at; only then a code is exchanged, and what it gave is sealed in
the append that says the channel is connected.
"""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from events.channels import CHANNELS, channel_of
from services.channels.adapter import Granted, Granting, GrantRefused
from services.chassis.store import Conflict
from services.gateway import consents
from services.gateway.consents import Consent
from services.gateway.desk import Desk
from services.gateway.problems import Problem

CODE_MAX = 4096
STATE_MAX = 256
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{said} You can close this window.</p></main></body></html>
"""


def callback(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["connections"])

    @router.get("/oauth/{channel}/callback", response_class=HTMLResponse)
    async def callback(channel: str, request: Request) -> Response:
        """Finishes a consent that was begun at `authorize`; each finishes once. A browser is told in a page, also of
        what went wrong; a program is told that as everywhere else."""
        try:
            with desk.asking.running():
                name = await finished(desk, request, channel)
        except Problem as problem:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            body = problem.body()
            return page(body["title"], body["detail"], problem.status)
        return page("Connected", f"{name} is connected.")

    return router


def page(title: str, said: str, status: int = 200) -> Response:
    return HTMLResponse(PAGE.format(title=escape(title), said=escape(said)), status)


async def finished(desk: Desk, request: Request, channel: str) -> str:
    """The connection that the code was exchanged for."""
    asked = request.query_params
    consent = await brought_back(desk, request, channel, asked.get("state", ""))
    if "error" in asked:
        raise Problem("refused_by_channel", "The channel's owner did not consent. Nothing was connected.")
    if not 0 < len(asked.get("code", "")) <= CODE_MAX:
        raise Problem("consent_over", "The channel sent no code. Begin again.")
    granting = await desk.grants.consent_page(channel).grant(
        desk.grants.http_for(consent.connection), desk.grants.client(channel), code=asked["code"],
        verifier=consent.verifier.reveal(), now=desk.now(),
    )  # fmt: skip
    await connected(desk, consent, plainly(granting, consent.connection))
    return consent.connection


async def brought_back(desk: Desk, request: Request, channel: str, state: str) -> Consent:
    """The consent this browser may finish. Every way of bringing a wrong one is answered alike."""
    over = Problem("consent_over", "It was used already, is too old, or was begun elsewhere. Begin again.")
    if len(state) > STATE_MAX:
        raise over
    consent = await consents.take(state, channel, store=desk.store, vault=desk.vault)
    if consent is None or desk.now() >= consent.until or not await desk.keys.stands(consent.by):
        raise over
    if consent.by.session is not None:
        here = await desk.keys.in_session(request.cookies.get(desk.keys.cookie, ""))
        if here is None or here.session != consent.by.session:
            raise over
    return consent


def plainly(granting: Granting, name: str) -> Granted:
    """What the channel gave, if it is all we asked for: a narrower consent would fail at the first post."""
    if isinstance(granting, GrantRefused):
        raise Problem("refused_by_channel", f"{granting.code}: {granting.detail or 'the channel said no'}")
    if not isinstance(granting, Granted) or not granting.member:
        code = "" if isinstance(granting, Granted) else f"{granting.code}: {granting.detail} "
        raise Problem("channel_unclear", f"{code}Nothing was connected; begin again.")
    missing = sorted(set(CHANNELS[channel_of(name)].scopes) - set(granting.scopes)) if granting.scopes else []
    if missing:
        raise Problem("refused_by_channel", f"The consent leaves out {', '.join(missing)}; consent to all of it.")
    return granting


async def connected(desk: Desk, consent: Consent, granted: Granted) -> None:
    """The code is spent: whatever moves meanwhile, what it gave is kept if it may be."""
    while True:
        standing = await desk.grants.standing(consent.connection)
        append = await desk.grants.connecting(standing, granted, by=consent.by, site=None, ids=desk.new_id)
        try:
            await desk.store.append(append)
            return
        except Conflict:
            continue
