"""A connection that says nothing, or says it drop by drop, holds a place that others need (A24); answers go at once. An
address that cannot be listened on is named with the setting that mends it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from services.serving import Hurrying, Server, listening, page_on

AT_ONCE_S, ANY_S = 0.05, 20.0
WHOLE = b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok"


class Page:
    """Reads the body and answers with it; at /slow only when it is told to."""

    def __init__(self) -> None:
        self.answer, self.asked = asyncio.Event(), asyncio.Event()
        self.read = asyncio.Event()
        self.read.set()

    async def __call__(self, scope, receive, send) -> None:
        self.asked.set()
        body, more = b"", True
        await self.read.wait()
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"] == "/slow":
            await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": body[-2:]})


@contextlib.asynccontextmanager
async def served(page: Page, within_s: float) -> AsyncIterator[int]:
    class Soon(Hurrying):
        pass

    Soon.within_s = within_s
    with listening("127.0.0.1", 0) as listener:
        server = Server(uvicorn.Config(page, lifespan="off", log_config=None, access_log=False, http=Soon))
        running = asyncio.create_task(server.serve([listener]))
        await server.answers.wait()
        yield listener.getsockname()[1]
        server.should_exit = True
        page.answer.set()
        await running


async def hung_up(reader: asyncio.StreamReader) -> bytes:
    """What was answered until the far side hung up."""
    answered = b""
    async with asyncio.timeout(ANY_S):
        with contextlib.suppress(ConnectionResetError):
            while some := await reader.read(1000):
                answered += some
    return answered


async def still_open(reader: asyncio.StreamReader) -> None:
    """Neither an answer nor an end comes, for several times as long as a request may take."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(4 * AT_ONCE_S):
            await reader.read(1)


async def test_no_write_of_an_answer_waits_for_the_acknowledgement_of_the_one_before():
    at_once = asyncio.get_running_loop().create_future()

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come_in = writer.get_extra_info("socket")
        at_once.set_result(come_in.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listening("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(come, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await asyncio.wait_for(at_once, ANY_S)
            writer.close()


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", WHOLE[:-40], WHOLE[:-1], WHOLE + WHOLE[:20], WHOLE + WHOLE[:-1]],
    ids=[
        "nothing",
        "half a line",
        "half its headers",
        "half its body",
        "one request and half of another",
        "one request and half the body of another",
    ],
)
async def test_who_does_not_come_to_the_point_is_hung_up_on(said):
    async with served(Page(), AT_ONCE_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        answered = await hung_up(reader)
        assert answered.count(b"200 OK") == said.count(b"ok")
        writer.close()


async def test_an_answer_may_take_as_long_as_it_takes():
    page = Page()
    async with served(page, AT_ONCE_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WHOLE.replace(b"/read", b"/slow"))
        await page.asked.wait()
        await still_open(reader)
        page.answer.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_nobody_is_hung_up_on_for_what_the_page_has_not_read_yet():
    page, body = Page(), b"x" * 300_000 + b"ok"
    page.read.clear()
    async with served(page, AT_ONCE_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await page.asked.wait()
        await still_open(reader)
        page.read.set()
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_a_connection_is_used_again():
    async with served(Page(), ANY_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(WHOLE[:30])
            await writer.drain()
            writer.write(WHOLE[30:])
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "2001:db8::7"])
def test_an_address_of_another_machine_is_named_with_the_setting_of_the_address(host):
    with pytest.raises(OSError, match=f"{host}:0 cannot be listened on .*: set DISTRIBUTION_HOST"), listening(host, 0):
        pass


def test_a_port_that_somebody_has_is_named_with_the_setting_of_the_port():
    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="set DISTRIBUTION_PORT"), listening("127.0.0.1", port):
            pass


def test_the_colons_of_an_address_of_ipv6_are_not_taken_for_a_port():
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert page_on(listener, "127.0.0.1") == f"http://127.0.0.1:{port}"
        assert page_on(listener, "::1") == f"http://[::1]:{port}"
