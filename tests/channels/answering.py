"""A door behind which a channel's own answers lie ready, as its manual prints them; it keeps what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from services.channels.adapter import Client, Credential, Wish

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
CLIENT = Client("client", "secret", "https://distribution.example/oauth/linkedin/callback")
LINK = "https://acme.example/stories/42?utm_content=d0123456789abcde"
MARKER = "d0123456789abcde"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. A body that is no bytes travels as JSON."""

    status: int | None
    told: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: bool = True
    detail: str = ""

    @property
    def body(self) -> bytes:
        return self.told if isinstance(self.told, bytes) else orjson.dumps(self.told)


NOTHING_CAME = Said(None, sent=True, detail="connection reset")
NOBODY_THERE = Said(None, sent=False, detail="connection refused")
A_PROXYS_PAGE = b"<html><h1>Forbidden</h1></html>"


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    deadline: datetime | None

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Channel:
    """`services.channels.adapter.Http`: gives the answers in their order, and the last one for ever."""

    def __init__(self, *answers: Said) -> None:
        self._answers, self.asked = list(answers), list[Asked]()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: datetime | None = None,
    ) -> Said:
        self.asked.append(Asked(method, url, headers or {}, body or b"", deadline))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def credential(member: str = "", *, site: str | None = None, **secret: str) -> Credential:
    return Credential("acme.channel", 1, secret or {"access_token": "opened"}, member, site)


def wish(text: str = "How Acme grew", *, link: str | None = LINK, title: str | None = None, **more: Any) -> Wish:
    return Wish(text=text, title=title, link=link, marker=MARKER, started_at=NOW, **more)
