"""One service in a process of its own, on PostgreSQL and a broker that all of them share (D15).

Publishers and collectors share their work by claims; a second scheduler or gateway is safe and takes over by itself.
What only one of the services needs is imported where that one is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from services.chassis import telemetry
from services.chassis.bells import BelledStore
from services.chassis.doorbell import Doorbell
from services.chassis.drain import Drain
from services.chassis.egress import Egress
from services.chassis.house_time import LateClock, clock_of, database_clock
from services.chassis.incarnation import origin_of
from services.chassis.instruments import instruments
from services.chassis.opening import open_store
from services.chassis.pauses import search_seldom
from services.chassis.presence import Presence
from services.chassis.relay import Relay
from services.chassis.service import Chassis, Part, Service
from services.chassis.settings import Settings
from services.chassis.topology import Topology, replicas_for
from services.chassis.vault import opened_vault
from services.serving import connected, listening, page_on, serving
from services.system import System, holder, hosts, new_id, outside_of


async def run_one(name: str, settings: Settings, *, said: Callable[[str], None]) -> None:
    """Until SIGTERM or Ctrl-C, or until a part of it breaks: then with that fault."""
    telemetry.start_logging(settings.log_level, service=name)
    assert settings.nats_url  # noqa: S101 - the command asks for one
    drain = Drain()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, drain.ask)
    async with contextlib.AsyncExitStack() as stack:
        parts = await _start(name, settings, drain, stack, said)
        search_seldom()
        running = [asyncio.create_task(part.run(), name=type(part).__name__.lower()) for part in parts]
        waiting = asyncio.create_task(drain.begun.wait())
        done, _ = await asyncio.wait([*running, waiting], return_when=asyncio.FIRST_COMPLETED)
        await drain.left()
        for task in (*running, waiting):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in done:
            await task


async def _start(
    name: str, settings: Settings, drain: Drain, stack: contextlib.AsyncExitStack, said: Callable[[str], None]
) -> list[Part]:
    address = str(settings.nats_url)
    late = LateClock()
    opened = open_store(settings.database, late.now)
    store = BelledStore(opened)
    stack.push_async_callback(store.close)
    clock = late.clock = await clock_of(settings.speed, opened)
    async with connected(address) as client:
        await Topology(client, replicas=replicas_for(address)).ensure()
    chassis = Chassis(store, clock, new_id, speed=settings.speed, shared=True, holder=holder(name),
                      lease_now=database_clock(settings.database), drain=drain)  # fmt: skip
    sandbox = settings.sandbox if settings.sandbox.startswith("http") else None
    egress = Egress(clock, hosts(), sandbox=sandbox, allow=settings.egress_allow)
    stack.push_async_callback(egress.close)
    key = settings.vault_key_file or settings.data_dir / "vault.key"
    vault = await opened_vault(store, key, lost=settings.vault_key_lost or name == "scheduler")  # it opens nothing
    system = System(chassis, outside_of(settings, egress, vault))
    relay = Relay(chassis, address)
    parts: list[Part] = [relay, Doorbell(store, address, clock=clock), Presence(chassis, name)]
    match name:
        case "scheduler":
            from services.scheduler.edge import Edge

            service = system.scheduler(
                lambda intake: Edge(address, intake, clock=clock, drain=drain, origin=lambda: origin_of(store))
            )
        case "publisher":
            service = system.publisher(settings.lanes)
        case "collector":
            service = system.collector()
        case _:
            service, along = await _gateway(settings, system, relay, stack, said)
            parts.append(along)
    said(f"the {name} runs")
    return [service, *parts]


async def _gateway(
    settings: Settings, system: System, relay: Relay, stack: contextlib.AsyncExitStack, said: Callable[[str], None]
) -> tuple[Service, Part]:
    from services.around import THE_FEED, Around
    from services.gateway.views.fold import Views

    listener = stack.enter_context(listening(settings.host, settings.port))
    page = page_on(listener, settings.host)
    views = Views(system.chassis.store, settings.database, clock=system.chassis.clock, log=settings.database)
    stack.push_async_callback(views.close)
    around = Around(system.chassis, str(settings.nats_url), scattered=True)
    metrics = telemetry.Metrics()
    along = instruments(system.chassis.store, metrics, clock=system.chassis.clock,
                        traces=settings.traces_to, stack=stack)  # fmt: skip
    gateway = system.gateway(views, public_url=lambda: settings.public_url or page, hooks=around.hooks, metrics=metrics)
    around.watch_part(THE_FEED, relay)
    around.watch(gateway.service)
    around.watch_views(views)
    await gateway.prove_seals()
    await stack.enter_async_context(serving(gateway, listener))
    said(f"page and API at {page}")
    return gateway.service, along
