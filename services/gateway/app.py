"""The gateway on one page: its reactions and alarms, its views, and every door a person or a program walks through."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI

from services.channels.adapter import Adapter, Client, Http
from services.chassis.service import Chassis, Service, service
from services.chassis.telemetry import Metrics
from services.chassis.vault import Vault
from services.gateway.desk import Desk, Hooks, Views
from services.gateway.guards import Guards, install
from services.gateway.keys import COOKIE, Keys
from services.gateway.routes import ROUTERS


@dataclass(frozen=True, slots=True)
class Gateway:
    service: Service
    asgi: FastAPI
    views: Views
    keys: Keys


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
    keys = Keys(chassis.store, clock=chassis.clock, new_id=chassis.new_id, random_bytes=random_bytes,
                public_url=public_url)  # fmt: skip
    desk = Desk(chassis, keys, vault, views, adapters, http_for, clients, public_url, seen_as, random_bytes,
                metrics or Metrics(), hooks or Hooks())  # fmt: skip
    wired = service(chassis, "gateway", reactions={}, rings={}, parts=[views])
    return Gateway(wired, asgi(desk), views, keys)


def asgi(desk: Desk) -> FastAPI:
    app = FastAPI(title="Distribution", version="1", docs_url="/docs", redoc_url=None)
    app.state.desk = desk
    install(app)
    app.add_middleware(Guards, cookies=(COOKIE, f"__Host-{COOKIE}"))
    for router in ROUTERS:
        app.include_router(router(desk))
    return app
