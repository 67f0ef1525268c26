"""The five verbs of a channel, in order: refresh, check, publish, find, measure; and the HTTP manners they share.

An adapter is a module with these five functions; where a channel connects by consent, the module is its consent page
too, with two more. It never opens a socket: it is handed `http`, which sends one request and always gives an answer; a
lost connection is an answer without a status (`sent` says whether the body may have left). So the same adapter runs
over the network, against the sandbox, and inside the simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from services.channels.outcome import Look, Measurement, Outcome


class Answer(Protocol):
    """One answer. Header names are lower case. Without a status there was none: `sent` False means nothing left."""

    @property
    def status(self) -> int | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def sent(self) -> bool: ...
    @property
    def detail(self) -> str: ...


class Http(Protocol):
    """The door an adapter is handed. `deadline` is house time: past it no byte is written (D9)."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: datetime | None = None,
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Credential:
    """An opened grant, kept only as long as one call. Its repr shows nothing (S9)."""

    connection: str
    version: int
    secret: Mapping[str, str] = field(repr=False)
    member: str = ""
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become visible: the content as approved with its links dressed, and how to find it again.

    `others` are ids that are other posts of ours, and so not this one, whatever their words.
    """

    text: str
    title: str | None
    link: str | None
    marker: str
    started_at: datetime
    deadline: datetime | None = None
    bucket: str | None = None
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant or a refresh gave. `secret` goes to the vault and nowhere else."""

    secret: Mapping[str, str] = field(repr=False)
    member: str = ""
    member_name: str = ""
    scopes: tuple[str, ...] = ()
    access_expires_at: datetime | None = None
    grant_expires_at: datetime | None = None
    premium: bool = False


@dataclass(frozen=True, slots=True)
class GrantRefused:
    """A definite no of the token endpoint (`invalid_grant` and kin): only this disconnects (S12)."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GrantUnclear:
    """The token endpoint did not answer plainly; nothing is known about the grant."""

    code: str
    detail: str = ""


Granting = Granted | GrantRefused | GrantUnclear


@dataclass(frozen=True, slots=True)
class Client:
    """Our own registration at a channel. For the sandbox any pair does."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str = ""


class Adapter(Protocol):
    """One channel: what every one of them does, however it was connected."""

    @property
    def name(self) -> str: ...
    @property
    def hosts(self) -> tuple[str, ...]: ...

    async def refresh(self, http: Http, client: Client, *, secret: Mapping[str, str], now: datetime) -> Granting: ...

    async def check(self, http: Http, credential: Credential) -> Granting:
        """A harmless call that proves the credential."""
        ...

    async def publish(self, http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Outcome: ...

    async def find(self, http: Http, credential: Credential, wish: Wish, *, now: datetime) -> Look:
        """Did it go out? Looks for the marker among what the member published since shortly before the start."""
        ...

    async def measure(
        self, http: Http, credential: Credential, channel_post_id: str, *, now: datetime
    ) -> Measurement: ...


@runtime_checkable
class ConsentPage(Protocol):
    """Where an owner consents to what we ask for (S6). A channel that connects by a key has none (S7)."""

    def authorize_url(self, client: Client, *, state: str, verifier: str) -> str:
        """The page's address, for this one consent."""
        ...

    async def grant(self, http: Http, client: Client, *, code: str, verifier: str, now: datetime) -> Granting:
        """Exchange the code that the owner came back with."""
        ...
