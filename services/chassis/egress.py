"""The one door to the outside: the only module that imports httpx, over an aiohttp transport (D21).

Two profiles. Channel adapters reach the hosts they list and nothing else. Addresses people typed (a blog) are resolved
once, checked to be public, and connected to as checked; the socket itself is checked once more, whatever an address
looked like (A1, A2). Nobody is redirected, nothing is sent twice, no proxy variable is read. With a sandbox, the
channels' hosts and the sandbox's own sites are found behind its address.

The deadline is looked at in the transport's last hook before the first byte is written (D9): past it nothing leaves,
and what has left by then is cut, so that nobody waits for an answer to an attempt that is being looked up.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from services.chassis.clock import Clock
from services.chassis.resolving import CheckedResolver, NotAllowed, checked_socket, public_only

LIFE_S = 20.0
"""From the first byte to the last of an answer; the same as an attempt's life (D9)."""
IDLE_S = 4.0
"""A connection is kept for less long than servers keep theirs, so that no post meets one that is just being closed."""
ADDRESS_KEPT_MAX = 200
"""No channel's own address is longer; what is, was typed or found."""
BODY_MAX = 8 * 1024 * 1024
SITES = ".sites.sandbox"
"""The sandbox's own blogs."""
OURS = {"user-agent": "Distribution", "accept": "*/*", "accept-encoding": "gzip, deflate", "connection": "keep-alive"}
PORTS = {"https": 443, "http": 80}
TOO_LATE = "the attempt's time was over before anything was sent"


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; without a status there was none, and `sent` says whether the request may have left."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    sent: bool = True
    detail: str = ""


class DeadlinePassed(Exception):
    """The attempt's time was over before anything was written."""


class NotTwice(Exception):
    """A kept connection had been closed from the other side; what it may have heard is not said again."""


@dataclass(slots=True)
class _Sending:
    """What the transport's hooks know of the request they serve."""

    clock: Clock
    deadline: datetime | None
    address: str = ""
    written: bool = False


_sending: ContextVar[_Sending] = ContextVar("sending")


_kept_url, _kept_encoded = lru_cache(512)(httpx.URL), lru_cache(512)(partial(URL, encoded=True))


def _kept(address: str) -> bool:
    """A channel is called at a few addresses again and again, and reading one costs as much as a look into the log.
    One that is long, or has a query or a user in it, is another each time or holds what nobody should keep."""
    return len(address) < ADDRESS_KEPT_MAX and not {"?", "@"} & set(address)


def _url(address: str) -> httpx.URL:
    return _kept_url(address) if _kept(address) else httpx.URL(address)


def _encoded(address: str) -> URL:
    return _kept_encoded(address) if _kept(address) else URL(address, encoded=True)


async def _before_writing(session: Any, context: Any, parameters: Any) -> None:
    """aiohttp calls this right before it hands the request's first bytes to the socket."""
    sending = _sending.get()
    if sending.written:
        raise NotTwice("the connection was closed before an answer came")
    if sending.deadline is not None and sending.clock.now() >= sending.deadline:
        raise DeadlinePassed(TOO_LATE)
    sending.written = True


async def _as_written(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp decodes what it thinks needs no encoding; LinkedIn tells `urn%3Ali` from `urn:li`."""
    request.url = _encoded(_sending.get().address)
    return await send(request)


class Egress:
    """`door(channel)` is what an adapter is handed. Made inside the running loop, closed with it.

    `hosts` lists by channel where its adapter may go; one without any reaches typed addresses. `allow` names the
    private `host:port` pairs that may be typed; the sandbox's own is one of them.
    """

    def __init__(
        self,
        clock: Clock,
        hosts: Mapping[str, Sequence[str]],
        *,
        sandbox: str | None = None,
        allow: Sequence[str] = (),
        life_s: float = LIFE_S,
    ) -> None:
        self._clock, self._hosts, self._life_s = clock, dict(hosts), life_s
        self._sandbox = sandbox.rstrip("/") if sandbox else None
        self._known = frozenset(host for each in hosts.values() for host in each)
        self._allow = {*allow, *([_pair(httpx.URL(self._sandbox))] if self._sandbox else [])}
        self._listed = _transport(aiohttp.TCPConnector(limit=512, keepalive_timeout=IDLE_S))
        self._typed = _transport(
            aiohttp.TCPConnector(
                limit=512, keepalive_timeout=IDLE_S, resolver=CheckedResolver(), use_dns_cache=False,
                happy_eyeballs_delay=None, socket_factory=checked_socket,
            )
        )  # fmt: skip

    def door(self, channel: str) -> Door:
        return Door(self, tuple(self._hosts[channel]))

    def seen_as(self, url: str) -> str:
        """Where a browser on this machine finds the address: behind the sandbox, if there is one."""
        return self._behind(httpx.URL(url)) or url

    def _behind(self, url: httpx.URL) -> str | None:
        if self._sandbox is None or not (url.host in self._known or url.host.endswith(SITES)):
            return None
        return f"{self._sandbox}/{url.netloc.decode()}{url.raw_path.decode()}"

    def _way(self, url: httpx.URL, hosts: Sequence[str]) -> tuple[AiohttpTransport, httpx.URL]:
        """The transport and the address to use, or `NotAllowed`."""
        if url.userinfo or not url.host:
            raise NotAllowed("an address without a host, or with a user name in it, is not followed")
        if hosts and (url.host not in hosts or url.scheme != "https" or url.port is not None):
            raise NotAllowed(f"{url.host} is not a host of this channel")
        if behind := self._behind(url):
            return self._listed, _url(behind)
        if hosts:
            return self._listed, url
        allowed = _pair(url) in self._allow
        public_only.set(not allowed)
        if not allowed and (url.scheme != "https" or url.port is not None):
            raise NotAllowed("a typed address is https on port 443; DISTRIBUTION_EGRESS_ALLOW admits others")
        return self._typed, url

    async def send(
        self,
        hosts: Sequence[str],
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline: datetime | None,
    ) -> Answered:
        sending = _Sending(self._clock, deadline)
        token = _sending.set(sending)
        try:
            async with asyncio.timeout(self._time_for(deadline)):
                transport, address = self._way(_url(url), hosts)
                sending.address = str(address)
                # Straight to the transport: httpx's client would add redirects, cookies and 200 microseconds; and a
                # stream, since for a content httpx works out headers that the transport adds anyway (20 for 10).
                request = httpx.Request(method, address, headers={**OURS, **headers}, stream=httpx.ByteStream(body))
                request.read()
                answer = await transport.handle_async_request(request)
                try:
                    return await _read(answer)
                finally:
                    await answer.aclose()
        except (NotAllowed, DeadlinePassed) as no:
            return Answered(None, sent=False, detail=str(no))
        except (NotTwice, httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as broken:
            return Answered(None, sent=sending.written, detail=f"{type(broken).__name__}: {broken}")
        finally:
            _sending.reset(token)

    def _time_for(self, deadline: datetime | None) -> float:
        """One attempt may make several calls, and all of them end by its deadline (D9)."""
        left = self._life_s if deadline is None else min(self._life_s, self._clock.seconds_to(deadline))
        if left <= 0:
            raise DeadlinePassed(TOO_LATE)
        return left

    async def close(self) -> None:
        await self._listed.aclose()
        await self._typed.aclose()


@dataclass(frozen=True, slots=True)
class Door:
    """One channel's way out: `services.channels.adapter.Http`."""

    egress: Egress
    hosts: tuple[str, ...]

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: datetime | None = None,
    ) -> Answered:
        return await self.egress.send(self.hosts, method, url, headers or {}, body or b"", deadline)


def _transport(connector: aiohttp.TCPConnector) -> AiohttpTransport:
    hook = aiohttp.TraceConfig()
    hook.on_request_headers_sent.append(_before_writing)
    return AiohttpTransport(
        client=aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[hook],
            middlewares=[_as_written],
            auto_decompress=False,
            trust_env=False,
        )
    )


def _pair(url: httpx.URL) -> str:
    return f"{url.host}:{url.port or PORTS.get(url.scheme)}"


async def _read(answer: httpx.Response) -> Answered:
    """The whole answer, bounded before and after it is unpacked (F11); a longer one is as good as none."""
    headers = _plain(answer.headers.raw)
    body = bytearray()
    assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - the transport is asynchronous
    async for part in answer.stream:
        body += part
        if len(body) > BODY_MAX:
            return Answered(None, detail="the answer is larger than any honest one")
    plain = _unpacked(bytes(body), headers.get("content-encoding", ""))
    if plain is None:
        return Answered(None, detail="the answer could not be unpacked")
    return Answered(answer.status_code, headers, plain)


def _plain(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; what is said twice is one value with a comma."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _unpacked(body: bytes, encoding: str) -> bytes | None:
    """None for an encoding nobody asked for, for a broken or shortened body, and for one that swells too far."""
    if encoding in ("", "identity") or not body:
        return body
    if encoding not in ("gzip", "deflate"):
        return None
    try:
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        plain = unpack.decompress(body, BODY_MAX)
    except zlib.error:
        return None
    return plain if unpack.eof else None
