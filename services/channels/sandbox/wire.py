"""What comes over the wire and what goes back, before any channel has an opinion of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a channel reads it. Header names are lower case; `raw_query` is as it was encoded."""

    method: str
    host: str
    path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def read(cls, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Request:
        parts = urlsplit(path)
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(method.upper(), host.lower(), parts.path or "/", parts.query, lower, body or b"")

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def segments(self) -> list[str]:
        return [unquote(piece) for piece in self.path.split("/") if piece]

    @property
    def bearer(self) -> str | None:
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" and value else None

    @property
    def basic(self) -> tuple[str, str] | None:
        """User name and password, when the Authorization header carries them."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None

    def json(self) -> Any:
        """The body as JSON; `None` when it is none, which every channel refuses in its own words."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `lost`: the connection breaks instead; `before`: then nothing had happened yet."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False
    before: bool = False
    hold_ms: int = 0


def reply(status: int, content: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON, or an empty one."""
    if content is None:
        return Reply(status, dict(headers or {}))
    kind = {"content-type": "application/json; charset=utf-8"}
    return Reply(status, {**kind, **(headers or {})}, orjson.dumps(content))


def page(status: int, title: str) -> Reply:
    """What a proxy in front of the channel says: a page, not the API's own words."""
    text = f"<html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status, {"content-type": "text/html; charset=utf-8"}, text.encode())
