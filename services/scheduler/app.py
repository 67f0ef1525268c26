"""The scheduler on one page."""

from __future__ import annotations

from collections.abc import Callable

from services.chassis.service import Chassis, Part, Service, service
from services.scheduler.intake import Intake
from services.scheduler.reactions import reactions
from services.scheduler.rings import rings


def build(chassis: Chassis, *, edge: Callable[[Intake], Part] | None = None) -> Service:
    wiring = {"clock": chassis.clock, "new_id": chassis.new_id}
    intake = Intake(chassis.store, **wiring)
    return service(
        chassis,
        "scheduler",
        reactions=reactions(chassis.store, **wiring),
        rings=rings(chassis.store, **wiring, turns=intake.turns),
        parts=[edge(intake)] if edge else [],
    )
