"""The scheduler on one page."""

from __future__ import annotations

from collections.abc import Callable

from events import RedriveAsked
from services.chassis.answered import answered_once
from services.chassis.service import Chassis, Part, Service, service
from services.scheduler.asking import asks
from services.scheduler.intake import Intake
from services.scheduler.reactions import reactions
from services.scheduler.redriving import Redriving
from services.scheduler.rings import rings
from services.scheduler.rules import Rules

HAND_MAX = 16
"""Nothing that rings here waits for a channel, so few at once lose nothing; and however many posts come due in one
minute, the next one of another account is soon in hand, and what is due goes to the publisher hardly faster than it can
send (G15). With half as many, lanes that claim ahead waited for what comes due."""


def build(chassis: Chassis, *, edge: Callable[[Intake], Part] | None = None) -> Service:
    store, wiring = chassis.store, {"clock": chassis.clock, "new_id": chassis.new_id}
    intake = Intake(store, **wiring)
    redriving, rules = Redriving(store, intake, **wiring), Rules(store, clock=chassis.clock)
    asked = answered_once(store, {**asks(store, **wiring), RedriveAsked: redriving.asked})
    return service(
        chassis,
        "scheduler",
        reactions={**reactions(store, **wiring), **asked},
        rings={**rings(store, intake.desks, **wiring), **redriving.rings, "rules": rules.look},
        parts=[rules, edge(intake)] if edge else [rules],
        hand_max=HAND_MAX,
    )
