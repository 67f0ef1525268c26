"""The publisher on one page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from services.channels.adapter import Adapter, Credential, Http
from services.channels.utm import dress
from services.chassis.budget import booked
from services.chassis.rows import LINE, LOOKING, READY
from services.chassis.service import Chassis, Service, service
from services.publisher.case import Case
from services.publisher.lanes import Lanes
from services.publisher.proving import Proving
from services.publisher.reactions import reactions, rings


def build(
    chassis: Chassis,
    *,
    adapters: Mapping[str, Adapter],
    http_for: Callable[[str], Http],
    open_credential: Callable[[str], Awaitable[Credential | None]],
    lanes_max: int = 64,
) -> Service:
    lanes = Lanes(
        chassis.store,
        clock=chassis.clock,
        new_id=chassis.new_id,
        adapters=adapters,
        http_for=booked(
            chassis.store, http_for, lambda name: getattr(adapters[name], "left", None), clock=chassis.clock
        ),
        open_credential=open_credential,
        dress=dressed,
        lanes_max=lanes_max,
        holder=chassis.holder,
        speed=chassis.speed,
        lease_now=chassis.leases,
        drain=chassis.drain,
        wake=chassis.store.bell(READY.name, LINE.name, LOOKING.name),
    )
    return service(
        chassis,
        "publisher",
        reactions=reactions(chassis.store, clock=chassis.clock, new_id=chassis.new_id),
        rings=rings(chassis.store, clock=chassis.clock, new_id=chassis.new_id),
        parts=[lanes, Proving(chassis.store, clock=chassis.clock)],
    )


def dressed(case: Case) -> tuple[str, str | None, str]:
    """The approved text and link with the account's tracking parameters and the post's marker on (S34)."""
    due, content = case.due, case.due.content
    done = dress(
        content.text,
        content.link,
        channel=due.connection.split(".")[1],
        story=case.story,
        campaign=due.campaign,
        bucket=due.bucket,
        template=case.account.utm if case.account else {},
    )
    return done.text, done.link, done.marker
