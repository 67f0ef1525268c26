"""Grants as they come, are renewed and go: each change is one append of its fact, its secret and its alarms (D20).

The gateway alone exchanges anything. What a channel gave is sealed before it is used, and the last secret that worked
stays until a newer one stands in its place (S12).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from events import ConnectionListed, Fact, draft
from events.channels import CHANNELS, account_of, channel_of
from events.envelope import About
from events.subjects import account_stream, connection_stream
from services.channels.adapter import Adapter, Client, ConsentPage, Credential, Granted, Http
from services.chassis.alarms import clear_alarm, set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.rows import Write
from services.chassis.store import Append, Say
from services.chassis.vault import Vault
from services.gateway import account, connection
from services.gateway.connection import Connection, Grant, warns_at
from services.gateway.principal import Principal
from services.gateway.problems import Problem, not_found

SERVICE = "gateway"
NOBODY = Client("", "")
"""A blog knows its owner's key and no registration of ours (S7)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection and its account as they are read, with the versions a decision relies on."""

    name: str
    state: Connection
    version: int
    account: account.Account
    account_version: int

    @property
    def still(self) -> Mapping[str, int]:
        return {account_stream(account_of(self.name)): self.account_version}

    def say(self, facts: Sequence[Fact], about: About, ids: Callable[[], str]) -> Say:
        return Say(connection_stream(self.name), self.version, draft(tuple(facts), about, ids))


class Grants:
    def __init__(
        self,
        store: BelledStore,
        *,
        clock: Clock,
        vault: Vault,
        adapters: Mapping[str, Adapter],
        http_for: Callable[[str], Http],
        clients: Mapping[str, Client],
        public_url: Callable[[], str],
    ) -> None:
        self._store, self._clock, self.vault = store, clock, vault
        self._adapters, self.http_for = adapters, http_for
        self._clients, self._public_url = clients, public_url

    def adapter(self, channel: str) -> Adapter:
        """Of a channel this house can speak to; the rest of the eight are named, anything else is unknown."""
        if channel not in CHANNELS:
            raise not_found()
        if channel not in self._adapters:
            raise Problem("channel_not_offered", f"This house has no way to speak to {channel} yet.")
        return self._adapters[channel]

    def consent_page(self, channel: str) -> ConsentPage:
        """Where its owner is sent to; who asks for that of a blog is told how one connects (S7)."""
        adapter = self.adapter(channel)
        if not isinstance(adapter, ConsentPage):
            raise Problem("connects_by_key", f"A {channel} connects by a key of its CMS: PUT …/connections/blog.")
        return adapter

    @property
    def channels(self) -> tuple[str, ...]:
        """Those this house can speak to."""
        return tuple(name for name in CHANNELS if name in self._adapters)

    def client(self, channel: str) -> Client:
        """Our registration, with the one address its consents come back to (A11)."""
        if not isinstance(self.adapter(channel), ConsentPage):
            return NOBODY
        if channel not in self._clients:
            raise Problem("not_registered", f"This house has no registration at {channel}; an operator adds it to the "
                          "file named by DISTRIBUTION_CLIENTS_FILE.")  # fmt: skip
        return replace(self._clients[channel], redirect_uri=f"{self._public_url()}/oauth/{channel}/callback")

    async def standing(self, name: str) -> Standing:
        of_connection, of_account = await asyncio.gather(
            self._store.fold(connection_stream(name), connection),
            self._store.fold(account_stream(account_of(name)), account),
        )
        return Standing(name, *of_connection, *of_account)

    async def credential(self, standing: Standing) -> Credential | None:
        opened = await self.vault.open(standing.name, channel_of(standing.name))
        if opened is None or not standing.state.connected:
            return None
        return Credential(standing.name, opened.version, opened.body["secret"], standing.state.member,
                          standing.state.site)  # fmt: skip

    async def connecting(
        self, standing: Standing, granted: Granted, *, by: Principal, site: str | None, ids: Callable[[], str]
    ) -> Append:
        """Connected: the fact, the account's list the first time, the sealed secret, and what will ring for it."""
        name, channel, now = standing.name, channel_of(standing.name), self._clock.now()
        if standing.account.document is None:
            raise not_found()
        grant = grant_of(granted, channel, now, site)
        facts = connection.connect(standing.state, by=by, account=account_of(name), connection=name, grant=grant)
        about = self.about(name, actor=by.name)
        says = [standing.say(facts, about, ids)]
        if name not in standing.account.connections:
            listed = draft([ConnectionListed(connection=name)], about, ids)
            says.append(Say(account_stream(account_of(name)), standing.account_version, listed))
        after = reduce(connection.evolve, facts, standing.state)
        body = {"secret": dict(granted.secret), "member": grant.member, "site": site}
        rows = [
            self.vault.seal(name, channel, after.credential_version, body),
            *await self.vault.forget(name, below=after.credential_version),
            *alarms(after, now, renewable="refresh_token" in granted.secret),
        ]
        still = standing.still if len(says) == 1 else {}
        return Append(says, still=still, rows=rows)

    async def ending(self, standing: Standing, facts: Sequence[Fact], about: About, ids: Callable[[], str]) -> Append:
        """Disconnected: nothing rings for it any more, and its secret goes."""
        rows = [*await self.vault.forget(standing.name), *_silence(standing.name)]
        return Append([standing.say(facts, about, ids)], rows=rows)

    def about(self, name: str, *, actor: str = SERVICE, cause: str | None = None) -> About:
        return About(story="", actor=actor, happened_at=self._clock.now(), cause=cause, account=account_of(name),
                     channel=channel_of(name))  # fmt: skip


def alarms(state: Connection, now: datetime, *, renewable: bool) -> list[Write]:
    """What rings for a grant that was given or renewed at `now`: its refresh, the warning, its end."""
    name = state.name
    refresh_at = connection.refreshes_at(now, state.access_expires_at) if renewable else None
    ring = {"connection": name, "version": state.credential_version}
    at = {"refresh": refresh_at, "warn": None, "end": state.expires_at}
    if state.expires_at is not None:
        at["warn"] = warns_at(state)
    return [
        set_alarm(SERVICE, f"{what}-{name}", due, {"ring": what, **ring})
        if due
        else clear_alarm(SERVICE, f"{what}-{name}")
        for what, due in at.items()
    ]


def _silence(name: str) -> list[Write]:
    return [clear_alarm(SERVICE, f"{what}-{name}") for what in ("refresh", "warn", "end")]


def grant_of(granted: Granted, channel: str, at: datetime, site: str | None) -> Grant:
    """An end the channel does not name is the one its documentation names; without a refresh the access is all."""
    life = CHANNELS[channel].access_life
    access = granted.access_expires_at or (at + life if life else None)
    renewable = "refresh_token" in granted.secret
    ends = granted.grant_expires_at or (None if renewable else access)
    return Grant(granted.member, granted.member_name, granted.scopes, access, ends, site, granted.premium)
