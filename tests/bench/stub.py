"""A channel that says yes to everything, in a process of its own: bytes in, the same few bytes out.

It speaks just enough HTTP/1.1 to be no bottleneck: keep-alive, `Content-Length`, one answer for each request.
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
            self._transport.write(ANSWER)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def a_stub() -> AsyncIterator[str]:
    """Its address, for as long as it is needed."""
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
