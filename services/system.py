"""Everything a service is made of, wired once: the embedded house, one service in a process of its own, and the tests.

    command.py -> embedded.py -> system.py -> every app

Nobody else imports an app. Each is imported when it is built, so that a process holds the service it runs and no other.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from events.channels import channel_of
from services.channels.adapter import Adapter, Client, Credential, Http
from services.channels.registry import ADAPTERS
from services.chassis.egress import Egress
from services.chassis.service import Chassis, Part, Service
from services.chassis.settings import SERVICES, Settings, SettingsWrong
from services.chassis.takeover import holder
from services.chassis.vault import SealBroken, Vault

if TYPE_CHECKING:
    from services.gateway.app import Gateway
    from services.gateway.views.fold import Views
    from services.scheduler.intake import Intake

log = structlog.get_logger("house")

__all__ = ["SERVICES", "Outside", "System", "clients", "holder", "hosts", "new_id", "outside_of"]


@dataclass(frozen=True, slots=True)
class Outside:
    """How the house reaches beyond itself: the channels, the door to each, our registrations, and the vault."""

    adapters: Mapping[str, Adapter]
    http_for: Callable[[str], Http]
    vault: Vault
    clients: Mapping[str, Client]
    seen_as: Callable[[str], str] = str

    async def open_credential(self, connection: str) -> Credential | None:
        """The newest secret of a connection, opened right before it is used (S9)."""
        try:
            opened = await self.vault.open(connection, channel_of(connection))
        except SealBroken as broken:
            log.error("a secret does not open: the gateway disconnects its channel when it starts", error=str(broken))
            return None
        if opened is None:
            return None
        body = opened.body
        return Credential(connection, opened.version, body["secret"], body.get("member") or "", body.get("site"))


@dataclass(frozen=True, slots=True)
class System:
    """Each service is built by its own `build`, from the same chassis and the same outside."""

    chassis: Chassis
    outside: Outside

    def scheduler(self, edge: Callable[[Intake], Part] | None = None) -> Service:
        from services.scheduler import app

        return app.build(self.chassis, edge=edge)

    def publisher(self, lanes: int = 64) -> Service:
        from services.publisher import app

        return app.build(
            self.chassis,
            adapters=self.outside.adapters,
            http_for=self.outside.http_for,
            open_credential=self.outside.open_credential,
            lanes_max=lanes,
        )

    def collector(self) -> Service:
        from services.collector import app

        return app.build(
            self.chassis,
            adapters=self.outside.adapters,
            http_for=self.outside.http_for,
            open_credential=self.outside.open_credential,
        )

    def gateway(self, views: Views, *, public_url: Callable[[], str], **hooks: Any) -> Gateway:
        from services.gateway import app

        return app.build(
            self.chassis,
            adapters=self.outside.adapters,
            http_for=self.outside.http_for,
            vault=self.outside.vault,
            clients=self.outside.clients,
            views=views,
            public_url=public_url,
            seen_as=self.outside.seen_as,
            **hooks,
        )


def outside_of(settings: Settings, egress: Egress, vault: Vault, adapters: Mapping[str, Adapter] = ADAPTERS) -> Outside:
    """The real outside, or the sandbox where the egress leads to one."""
    return Outside(
        adapters,
        http_for=lambda connection: egress.door(channel_of(connection)),
        vault=vault,
        clients=clients(settings, adapters),
        seen_as=egress.seen_as,
    )


def hosts(adapters: Mapping[str, Adapter] = ADAPTERS) -> dict[str, tuple[str, ...]]:
    """Where each adapter may go; none listed means addresses people typed (D21)."""
    return {name: tuple(adapter.hosts) for name, adapter in adapters.items()}


def clients(settings: Settings, adapters: Mapping[str, Adapter] = ADAPTERS) -> dict[str, Client]:
    """Our registrations at the channels; simulated ones take any."""
    if settings.sandbox != "0":
        return {name: Client("distribution", "for-the-sandbox") for name in adapters}
    if settings.clients_file is None:
        return {}
    try:
        listed = json.loads(Path(settings.clients_file).read_text())
        return {name: Client(each["client_id"], each["client_secret"]) for name, each in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsWrong(
            f"DISTRIBUTION_CLIENTS_FILE: {settings.clients_file} is not JSON of the form"
            f' {{"x": {{"client_id": "…", "client_secret": "…"}}}} ({error})'
        ) from error


def new_id() -> str:
    """Random, so that two processes never give the same one to two facts; no secret, so the system is asked once."""
    return f"{_chance.getrandbits(128):032x}"


_chance = random.Random(secrets.token_bytes(32))


Said = Callable[[str], None]
Opened = Callable[[str], Awaitable[Credential | None]]
