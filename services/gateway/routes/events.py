"""The feed over HTTP: Server-Sent Events of the accounts a key may see, resuming from a position (S46)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from events import KeyRevoked, Told
from events.wire import on_the_wire
from services.chassis.bells import FACTS
from services.gateway.bodies import Door
from services.gateway.desk import Asker, Desk, allow
from services.gateway.principal import Principal
from services.gateway.reading import wrong

HEARTBEAT_S = 15.0
"""A comment so often keeps proxies from hanging up."""
LOOK_EVERY_S = 1.0
"""The fallback when no bell rings in this process (D1)."""
PAGE = 200
HELLO = b": hello\n\n"
STILL_HERE = b": still here\n\n"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def events(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["events"], route_class=Door)

    @router.get("/events", response_class=StreamingResponse)
    async def feed(
        by: Asker,
        last_event_id: Annotated[str | None, Header(max_length=32)] = None,
        live: Annotated[bool, Query(description="only that something happened, not what: for the page")] = False,
    ) -> StreamingResponse:
        """Each fact is a CloudEvent whose `id` is its position; send the last one seen as `Last-Event-ID` to go on
        after it. Without it the feed begins now.

        A position that this log has not reached was seen in another one, or before this one was restored to an earlier
        day. Then the feed begins with the event `reset`, whose `id` is where this log ends now, and goes on from there:
        throw away what was kept of later positions, and read again what you keep a copy of.
        """
        allow(by, "read")
        remembered, head = position_of(last_event_id), await desk.store.position()
        ahead = remembered is not None and remembered > head
        after = head if remembered is None or ahead else remembered
        hello = HELLO + reset(head) if ahead else HELLO
        lines = pings(desk, by, after, hello) if live else facts(desk, by, after, hello)
        return StreamingResponse(lines, media_type="text/event-stream", headers=HEADERS)

    return router


def position_of(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise wrong("Last-Event-ID", "is a position: the `id` of the last event that was seen")
    return int(text)


async def seen(desk: Desk, by: Principal, after: int) -> AsyncGenerator[list[Told], None]:
    """What is new for this asker, page by page; nothing in it means that nothing came for as long as a heartbeat.

    A key that is revoked ends it, a house that stops, and a client that leaves: then the bell goes back.
    """
    bell, quiet_since = desk.store.bell(FACTS), desk.clock.elapsed()
    try:
        while not desk.ending.is_set():
            bell.clear()
            page = await desk.store.tail(after, PAGE)
            own = seen_by(by, page)
            if own or desk.clock.elapsed() - quiet_since >= HEARTBEAT_S:
                quiet_since = desk.clock.elapsed()
                yield own
            if any(isinstance(told.fact, KeyRevoked) and by.name == f"key:{told.fact.prefix}" for told in page):
                return
            if page:
                after = page[-1].position
            else:
                await desk.clock.nap(LOOK_EVERY_S, bell, desk.ending)
    finally:
        desk.store.let_go(bell)


def seen_by(by: Principal, page: Iterable[Told]) -> list[Told]:
    """What concerns no account is for whoever sees all of them (I30)."""
    return [told for told in page if by.sees(told.account)]


async def facts(desk: Desk, by: Principal, after: int, hello: bytes) -> AsyncIterator[bytes]:
    yield hello
    async with aclosing(seen(desk, by, after)) as following:
        async for page in following:
            yield b"".join(map(event, page)) or STILL_HERE


def reset(head: int) -> bytes:
    """Said instead of a refusal, which a browser would meet by asking for the same position for ever (I26)."""
    return b'id: %d\nevent: reset\ndata: {"position": %d}\n\n' % (head, head)


def event(told: Told) -> bytes:
    return b"id: %d\nevent: fact\ndata: %b\n\n" % (told.position, on_the_wire(told))


async def pings(desk: Desk, by: Principal, after: int, hello: bytes) -> AsyncIterator[bytes]:
    """Only once the views show it: whoever looks then, sees it."""
    yield hello
    async with aclosing(seen(desk, by, after)) as following:
        async for page in following:
            if not page:
                yield STILL_HERE
                continue
            await desk.views.reached(page[-1].position, LOOK_EVERY_S)
            yield b"event: fact\ndata: %d\n\n" % page[-1].position
