"""A channel that says yes to everything, in a process of its own: bytes in, the same few bytes out.

It speaks just enough HTTP/1.1 to be no bottleneck: keep-alive, `Content-Length`, one answer for each request, at once
or after a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator

BODY = b'{"data":{"id":"1860000000000000001","text":"published","edit_history_tweet_ids":["1860000000000000001"]}}'
ANSWER = (
    b"HTTP/1.1 201 Created\r\ncontent-type: application/json; charset=utf-8\r\n"
    b"x-rate-limit-remaining: 99\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


class Stub(asyncio.Protocol):
    def __init__(self, after_s: float) -> None:
        self._after_s = after_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n") + 4) > 3:
            length = LENGTH.search(self._received, 0, end)
            end += int(length[1]) if length else 0
            if len(self._received) < end:
                return
            self._received = self._received[end:]
            if self._after_s:
                asyncio.get_running_loop().call_later(self._after_s, self._transport.write, ANSWER)
            else:
                self._transport.write(ANSWER)


async def _serve(after_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Stub(after_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def a_stub(after_s: float = 0) -> AsyncIterator[str]:
    """Its address, for as long as it is needed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(after_s), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
