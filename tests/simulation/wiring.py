"""The four services of one process, wired as `system.py` wires them, over the world instead of the network (D17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.channels.registry import ADAPTERS
from services.chassis.relay import Relay
from services.chassis.service import Chassis, Service, service
from services.collector.app import build as build_collector
from services.gateway.grants import Grants
from services.gateway.reactions import reactions, rings
from services.gateway.views.fold import Views
from services.publisher.app import build as build_publisher
from services.scheduler.app import build as build_scheduler
from tests.simulation.broker import Edge
from tests.simulation.door import Door
from tests.simulation.keys import opener, vault_of
from tests.simulation.life import Life
from tests.simulation.people import CLIENTS, PUBLIC_URL


def services_of(life: Life, chassis: Chassis) -> Sequence[Service]:
    plan = life.house.plan
    vault = vault_of(chassis.store, plan.seed, life.name)

    def http_for(connection: str) -> Door:
        return Door(life, connection)

    outside: dict[str, Any] = {"adapters": ADAPTERS, "http_for": http_for}
    grants = Grants(chassis.store, clock=chassis.clock, vault=vault, clients=CLIENTS, public_url=lambda: PUBLIC_URL,
                    **outside)  # fmt: skip
    with_ids: dict[str, Any] = {"clock": chassis.clock, "new_id": chassis.new_id}
    life.views = [Views(chassis.store, None, clock=chassis.clock)] if plan.reads else []
    life.relays = [Relay(chassis, "the feed")] if plan.relays else []
    return [
        build_scheduler(chassis, edge=lambda intake: Edge(life, intake)),
        build_publisher(chassis, open_credential=opener(vault), **outside),
        build_collector(chassis, open_credential=opener(vault), **outside),
        service(chassis, "gateway", reactions=reactions(chassis.store, grants, **with_ids),
                rings=rings(chassis.store, grants, **with_ids), parts=[*life.views, *life.relays]),
    ]  # fmt: skip
