"""The world as the door an adapter is handed: no socket, the same answers, and every way in which none may come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from services.channels.sandbox.world import World

PATIENCE_MS = 20_000
"""An answer held back for longer never arrives: the caller's own timeout comes first (D9)."""


class Now(Protocol):
    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Given:
    """What came back. Without a status nothing did."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WorldHttp:
    """`services.channels.adapter.Http` over a `World`; `clock` is the house's, for deadlines alone."""

    world: World
    clock: Now

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: datetime | None = None,
    ) -> Given:
        if deadline is not None and self.clock.now() >= deadline:
            return Given(None, sent=False, detail="the deadline had passed")
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        given = self.world.answer(method, parts.netloc, path, headers or {}, body)
        if given.lost and given.before:
            return Given(None, sent=False, detail="connection refused")
        if given.lost or given.hold_ms > PATIENCE_MS:
            return Given(None, sent=True, detail="connection reset")
        lower = {name.lower(): value for name, value in given.headers.items()}
        return Given(given.status, lower, given.body)
