"""The collector on one page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from services.channels.adapter import Adapter, Credential, Http
from services.chassis.budget import booked
from services.chassis.service import Chassis, Service, service
from services.collector.reactions import reactions, rings


def build(
    chassis: Chassis,
    *,
    adapters: Mapping[str, Adapter],
    http_for: Callable[[str], Http],
    open_credential: Callable[[str], Awaitable[Credential | None]],
) -> Service:
    return service(
        chassis,
        "collector",
        reactions=reactions(chassis.store, clock=chassis.clock, new_id=chassis.new_id),
        rings=rings(
            chassis.store,
            clock=chassis.clock,
            new_id=chassis.new_id,
            adapters=adapters,
            http_for=booked(
                chassis.store, http_for, lambda name: getattr(adapters[name], "left", None), clock=chassis.clock
            ),
            open_credential=open_credential,
        ),
    )
