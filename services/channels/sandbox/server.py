"""The world over HTTP: `/<host>/<path>` answers as `https://<host>/<path>`; `/sites/<account>/` is a client's site.

Answers are given one at a time and in order, so the books are those of one narrator; only `slow` waits for real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from services.channels.sandbox import sites
from services.channels.sandbox.clock import SandboxClock
from services.channels.sandbox.control import control
from services.channels.sandbox.wire import Reply
from services.channels.sandbox.world import World

BODY_BYTES_MAX = 64 * 1024 * 1024
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host"}


def application(world: World, clock: SandboxClock, *, heard: Callable[[], None] = lambda: None) -> web.Application:
    """`heard` is told of every call, so that whoever serves the world can go home when nobody speaks any more."""

    async def any_host(request: web.Request) -> web.StreamResponse:
        heard()
        body = await request.read()
        # The path as it was sent: some channels tell a percent-encoded colon from a bare one.
        host, path = _split(request.raw_path)
        given = (
            control(world, clock, request.method, request.raw_path, body)
            if host == "sandbox"
            else world.answer(request.method, host, path, dict(request.headers), body)
        )
        return await _give(request, given)

    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_route("*", "/{anything:.*}", any_host)
    return app


def _split(raw_path: str) -> tuple[str, str]:
    host, slash, rest = raw_path.removeprefix("/").partition("/")
    if host == "sites":
        account, _, rest = rest.partition("/")
        return sites.host_of(account), "/" + rest
    return host, slash + rest or "/"


async def _give(request: web.Request, given: Reply) -> web.StreamResponse:
    if given.hold_ms:
        await asyncio.sleep(given.hold_ms / 1000)
    if given.lost and request.transport is not None:
        # An abort sends a reset: the client learns that it knows nothing.
        request.transport.abort()
    headers = {name: value for name, value in given.headers.items() if name not in HOP_BY_HOP}
    return web.Response(status=given.status, headers=headers, body=given.body)
