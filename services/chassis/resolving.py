"""A typed host becomes an address once, and is connected to only where that address is public (I35, A1, A2).

A name is checked when it is resolved, with all its addresses; the socket is checked once more when it is made, because
by then an address is only numbers, in whatever disguise it was typed.
"""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from services.chassis.addresses import is_public

public_only: ContextVar[bool] = ContextVar("public_only", default=True)
"""False for the length of a request to a private host:port that the operator has allowed."""


class NotAllowed(Exception):
    """This door does not lead there."""


class CheckedResolver(AbstractResolver):
    """Refuses a host of which any address is not public; what it answers is connected to, and nothing else."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        # A final dot only says that the name is whole.
        found = await loop.getaddrinfo(host.rstrip("."), port, type=socket.SOCK_STREAM, family=family)
        for *_, address in found:
            _must_be_public(str(address[0]), host)
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol,
                          flags=socket.AI_NUMERICHOST)
            for kind, _, protocol, _, address in found
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is kept open."""


def checked_socket(where: Any) -> socket.socket:
    """aiohttp asks for one right before it connects to `where`."""
    kind, type_, protocol, _, address = where
    _must_be_public(str(address[0]), str(address[0]))
    return socket.socket(kind, type_, protocol)


def _must_be_public(address: str, host: str) -> None:
    if public_only.get() and not is_public(address):
        raise NotAllowed(f"{host} leads to {address}, which is not a public address")
