"""The gateway on one page: its reactions and alarms, its views, and every door a person or a program walks through."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from services.channels.adapter import Adapter, Client, Http
from services.chassis.service import Chassis, Service, service
from services.chassis.telemetry import Metrics
from services.chassis.vault import Vault
from services.gateway.asking import Asking
from services.gateway.desk import Desk, Hooks
from services.gateway.grants import Grants
from services.gateway.guards import Guards, install
from services.gateway.keys import COOKIE, Keys
from services.gateway.principal import Role
from services.gateway.reactions import reactions, rings
from services.gateway.routes import ROUTERS
from services.gateway.seals import prove_seals
from services.gateway.views.fold import Views


@dataclass(frozen=True, slots=True)
class Gateway:
    service: Service
    asgi: FastAPI
    views: Views
    keys: Keys
    prove_seals: Callable[[], Awaitable[None]]
    """Before the work begins: whoever is connected by a secret that does not open is disconnected."""

    async def issue_key(self, *, role: Role, accounts: Sequence[str] | None = None, name: str = "") -> str:
        """From inside the house: the key as it is shown once."""
        return (await self.keys.issue(role, accounts=accounts, name=name)).key.reveal()

    def login_once(self, key: str) -> str:
        """What follows `/login?once=`: opens the page for whoever holds this key, once, within ten minutes."""
        return self.keys.once(key)

    def hang_up(self) -> None:
        """The house stops: feeds end by themselves, so that nobody has to be waited for or cut off."""
        self.asgi.state.desk.ending.set()


def build(
    chassis: Chassis,
    *,
    adapters: Mapping[str, Adapter],
    http_for: Callable[[str], Http],
    vault: Vault,
    clients: Mapping[str, Client],
    views: Views,
    public_url: Callable[[], str],
    seen_as: Callable[[str], str] = str,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    metrics: Metrics | None = None,
    hooks: Hooks | None = None,
) -> Gateway:
    store, clock, new_id = chassis.store, chassis.clock, chassis.new_id
    keys = Keys(store, clock=clock, new_id=new_id, random_bytes=random_bytes, public_url=public_url)
    asking = Asking(store, clock=clock)
    grants = Grants(store, clock=clock, vault=vault, adapters=adapters, http_for=http_for, clients=clients,
                    public_url=public_url)  # fmt: skip
    hooks = hooks or Hooks(accept_clock=getattr(clock, "accept", None))
    desk = Desk(chassis, keys, asking, grants, vault, views, public_url, seen_as, metrics or Metrics(), hooks)
    wired = service(
        chassis,
        "gateway",
        reactions=reactions(store, grants, clock=clock, new_id=new_id),
        rings=rings(store, grants, clock=clock, new_id=new_id),
        parts=[views, asking],
    )
    return Gateway(wired, asgi(desk), views, keys, partial(prove_seals, store, grants, new_id))


def asgi(desk: Desk) -> FastAPI:
    app = FastAPI(title="Distribution", version="1", docs_url=None, redoc_url=None, description=DESCRIPTION)
    app.state.desk = desk
    install(app)
    app.add_middleware(Guards, cookies=(COOKIE, f"__Host-{COOKIE}"))
    for router in ROUTERS:
        app.include_router(router(desk))
    return app


DESCRIPTION = "Publishes approved posts on schedule: once, on time, or tells you why."
