"""Who may come in: API keys as facts (stored hashed), and the sessions of the page that were opened with one.

A key is `dk_<8 letters>_<256 bit>`; the letters name its stream, and what is unknown, revoked or malformed is answered
alike. Sessions and the single-use login tokens live in memory: a restart ends them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from urllib.parse import urlsplit

import orjson
from fastapi import Request

from events import Fact, KeyIssued, KeyRevoked, draft
from events.envelope import About
from events.subjects import key_stream
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.rows import HOUSE, Pick, Put
from services.chassis.store import Append, Say
from services.chassis.vault import Secret
from services.gateway.principal import Principal, Role

KEY = re.compile(r"dk_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
PREFIX_LETTERS = "abcdefghijklmnopqrstuvwxyz012345"
NOBODY = hashlib.sha256(b"nobody").hexdigest()
ONCE_S = 600.0
"""A login token is good for ten minutes, once."""
IDLE_S, SESSION_S = 1800.0, 12 * 3600.0
"""A session ends after half an hour without a request, and after twelve hours in any case (A22)."""
COOKIE = "distribution"
LISTED = "key-"
ACTOR = "key:"
"""What facts name a key by: never the key, only the letters it is known by."""

initial: KeyIssued | None = None
"""A key nobody has issued, or that was revoked."""


def evolve(state: KeyIssued | None, fact: Fact) -> KeyIssued | None:
    match fact:
        case KeyIssued():
            return fact
        case KeyRevoked():
            return None
        case _:
            return state


@dataclass(frozen=True, slots=True)
class Session:
    principal: Principal
    began: float
    seen: float


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key about to be issued: its name, and the one thing that is shown once."""

    prefix: str
    key: Secret[str]

    @property
    def sha256(self) -> str:
        return digest(self.key.reveal())


def new_key(bits: bytes) -> NewKey:
    """From 32 random bytes the key, and from their digest the letters it is known by."""
    letters = "".join(PREFIX_LETTERS[byte & 31] for byte in hashlib.sha256(b"prefix" + bits).digest()[:8])
    return NewKey(letters, Secret(f"dk_{letters}_{base64.urlsafe_b64encode(bits).rstrip(b'=').decode()}"))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Keys:
    def __init__(self, store: BelledStore, *, clock: Clock, new_id: Callable[[], str],
                 random_bytes: Callable[[int], bytes], public_url: Callable[[], str]) -> None:  # fmt: skip
        self._store, self._clock, self._new_id = store, clock, new_id
        self._random, self._public_url = random_bytes, public_url
        self._once: dict[str, tuple[str, float]] = {}
        self._sessions: dict[str, Session] = {}

    async def issue(self, role: Role, *, accounts: Sequence[str] | None = None, name: str = "",
                    actor: str = "house") -> NewKey:  # fmt: skip
        """A new key, from inside the house: for `up.json` and the command line."""
        key = new_key(self._random(32))
        await self._store.append(self.issuing(key, role, accounts=accounts, name=name, actor=actor, ids=self._new_id))
        return key

    def issuing(self, key: NewKey, role: Role, *, accounts: Sequence[str] | None, name: str, actor: str,
                ids: Callable[[], str]) -> Append:  # fmt: skip
        scope = None if accounts is None else tuple(accounts)
        fact = KeyIssued(prefix=key.prefix, sha256=key.sha256, role=role, accounts=scope, name=name)
        about = About(story="", actor=actor, happened_at=self._clock.now())
        shown = {"prefix": key.prefix, "role": role, "accounts": scope, "name": name}
        listed = Put(HOUSE, {"name": LISTED + key.prefix, "body": orjson.dumps(shown).decode()})
        return Append([Say(key_stream(key.prefix), 0, draft([fact], about, ids))], rows=[listed])

    async def revoke_all(self, name: str, *, actor: str = "house") -> None:
        """Every key of this name that still opens: what an earlier life of a house was let in with."""
        for shown in await self.listed():
            if shown["name"] == name and not shown["revoked"]:
                prefix = str(shown["prefix"])
                version = len(await self._store.read(key_stream(prefix)))
                about = About(story="", actor=actor, happened_at=self._clock.now())
                facts = draft([KeyRevoked(prefix=prefix)], about, self._new_id)
                await self._store.append(Append([Say(key_stream(prefix), version, facts)]))

    async def listed(self) -> list[dict[str, object]]:
        """Every key ever issued, without the key, and whether it still opens."""
        rows = await self._store.pick(Pick(HOUSE, since={"name": LISTED}, upto={"name": LISTED + "~"}, order=("name",)))
        shown = [orjson.loads(str(row["body"])) for row in rows]
        return [each | {"revoked": await self.known(each["prefix"]) is None} for each in shown]

    async def known(self, prefix: str) -> KeyIssued | None:
        return reduce(evolve, (told.fact for told in await self._store.read(key_stream(prefix))), initial)

    async def authenticated(self, key: str) -> Principal | None:
        """Whose key this is. Whatever is wrong with it, the same work is done and the same answer given."""
        match = KEY.fullmatch(key)
        issued = await self.known(match[1]) if match else None
        same = hmac.compare_digest(digest(key), issued.sha256 if issued else NOBODY)
        return _principal(issued) if issued and same else None

    async def principal_of(self, request: Request) -> Principal | None:
        """By the key sent along, else by the cookie of a session; a session ends with the key it was opened with."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return await self.authenticated(key.strip()) if scheme.lower() == "bearer" else None
        return await self.in_session(request.cookies.get(self.cookie, ""))

    async def stands(self, principal: Principal) -> bool:
        """Whether the key somebody came by still opens."""
        return await self.known(principal.name.removeprefix(ACTOR)) is not None

    @property
    def https(self) -> bool:
        return urlsplit(self._public_url()).scheme == "https"

    @property
    def cookie(self) -> str:
        """Bound to this very host where browsers allow it: on https."""
        return f"__Host-{COOKIE}" if self.https else COOKIE

    def once(self, key: str) -> str:
        """A token that opens one session of whoever holds this key, for `/login?once=`."""
        token = base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        self._once[digest(token)] = (key, self._clock.elapsed() + ONCE_S)
        return token

    async def begin(self, token: str) -> str | None:
        """The new session's secret for a login token, which is used up; None for one that is not good."""
        key, until = self._once.pop(digest(token), ("", 0.0))
        principal = await self.authenticated(key) if self._clock.elapsed() < until else None
        return self.session(principal) if principal else None

    def session(self, principal: Principal) -> str:
        secret = base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        now, mark = self._clock.elapsed(), digest(secret)
        self._sessions = {name: each for name, each in self._sessions.items() if _alive(each, now)}
        self._sessions[mark] = Session(replace(principal, session=mark), now, now)
        return secret

    def end(self, secret: str) -> None:
        self._sessions.pop(digest(secret), None)

    async def in_session(self, secret: str) -> Principal | None:
        mark, now = digest(secret), self._clock.elapsed()
        found = self._sessions.get(mark)
        if found is None or not _alive(found, now):
            return None
        if not await self.stands(found.principal):
            del self._sessions[mark]
            return None
        self._sessions[mark] = replace(found, seen=now)
        return found.principal


def _principal(issued: KeyIssued) -> Principal:
    return Principal(ACTOR + issued.prefix, issued.role, issued.accounts)


def _alive(session: Session, now: float) -> bool:
    return now - session.seen < IDLE_S and now - session.began < SESSION_S
