"""The whole house in one process: what `up`, the demo and the tests start (D15).

One log, a broker as a child, simulated channels as a detached process, four services and the page, all on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from services.around import PRODUCTION, THE_FEED, Around
from services.chassis import telemetry
from services.chassis.alarms import next_alarm
from services.chassis.bells import BelledStore
from services.chassis.broker import Broker
from services.chassis.clock import Clock
from services.chassis.drain import Drain
from services.chassis.egress import Egress
from services.chassis.house_time import LateClock, clock_of, database_clock
from services.chassis.incarnation import origin_of
from services.chassis.instruments import instruments
from services.chassis.leases import void_earlier_lives
from services.chassis.opening import open_store
from services.chassis.pauses import search_seldom
from services.chassis.relay import Relay
from services.chassis.service import Chassis, Service
from services.chassis.settings import Settings
from services.chassis.sparing import StoreBroken
from services.chassis.topology import Topology
from services.chassis.vault import opened_vault
from services.demo.welcome import welcome
from services.gateway.app import Gateway
from services.gateway.views.fold import Views
from services.sandboxed import GONE, Sandbox
from services.scheduler.edge import Edge
from services.serving import connected, listening, page_on, serving
from services.system import SERVICES, System, holder, hosts, new_id, outside_of

LEAVE_S = 1.0
"""I29: a clean stop takes 25 seconds at most, and of them the drain 22."""

log = structlog.get_logger("house")


class House:
    """`async with House(settings) as house:` is a running house. `clock` is given where time is played.

    `furnish` is what has to be in it before anybody is told that it runs.
    """

    page: str
    nats: str
    sandbox: str | None
    api_key: str
    login: str

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, note: Path | None = None,
        furnish: Callable[[House], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        self.settings, self._clock_given, self._furnish = settings, clock, furnish
        self.note = note or settings.data_dir / "up.json"
        self.drain = Drain()
        self._stack = contextlib.AsyncExitStack()
        self._running: dict[str, asyncio.Task[None]] = {}
        self.services: dict[str, Service] = {}
        self._own: Sandbox | None = None

    async def __aenter__(self) -> House:
        async with self._stack:
            await self._start()
            self._stack, started = contextlib.AsyncExitStack(), self._stack.pop_all()
            self._stack = started
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        settings, enter = self.settings, self._stack
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        await self._open_log()
        self._key_left = self._left_behind()
        self.note.unlink(missing_ok=True)  # one left by a killed house sends people where nobody is
        listener = enter.enter_context(listening(settings.host, settings.port))
        self.page = page_on(listener, settings.host)
        broker = await enter.enter_async_context(self._broker())
        self.nats = broker
        client = await enter.enter_async_context(connected(broker))
        await Topology(client).apply()
        self.sandbox = await self._channels()
        await self._tell_the_time()
        await self._wire()
        self._run_all()
        enter.push_async_callback(self._end_all)
        await enter.enter_async_context(serving(self.gateway, listener))
        enter.push_async_callback(self.drain.left)  # the page answers meanwhile, and says that it is not ready
        await self._let_in()
        if self._furnish:
            await self._furnish(self)
        enter.callback(self.note.unlink, missing_ok=True)
        self._write_note()

    async def _open_log(self) -> None:
        late = LateClock()
        store = open_store(self.settings.database, late.now)
        self.store = BelledStore(store)
        self._stack.push_async_callback(self.store.close)
        late.clock = self._clock_given or await clock_of(self.settings.speed, store)
        self.clock = late.clock
        self.chassis = await self._chassis()

    async def _chassis(self) -> Chassis:
        """A log of our own is ours alone, and leases of earlier lives are void; one on PostgreSQL may be shared."""
        speed = self.settings.speed
        if self.settings.embedded:
            await void_earlier_lives(self.store)
            return Chassis(self.store, self.clock, new_id, speed=speed, drain=self.drain)
        return Chassis(self.store, self.clock, new_id, speed=speed, shared=True, holder=holder("house"),
                       lease_now=database_clock(self.settings.database), drain=self.drain)  # fmt: skip

    @contextlib.asynccontextmanager
    async def _broker(self) -> AsyncIterator[str]:
        if self.settings.nats_url:
            yield self.settings.nats_url
            return
        async with Broker(self.settings.data_dir / "nats", port=self.settings.nats_port) as broker:
            yield broker.url

    async def _channels(self) -> str | None:
        """Where simulated channels answer: our own, which are kept alive for as long as we live, or somebody's."""
        if self.settings.sandbox != "1":
            return None if self.settings.sandbox == "0" else self.settings.sandbox
        self._own = await self._stack.enter_async_context(Sandbox(self.settings.data_dir / "sandbox"))
        return self._own.address

    async def _tell_the_time(self) -> None:
        """Simulated channels of our own live in our time: weather and the lives of tokens are counted in it."""
        if self._own is None:
            return
        speed = 0 if self._clock_given else self.settings.speed
        setting = {"now": self.clock.now().isoformat(), "speed": speed}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.put(f"{self.sandbox}/sandbox/clock", json=setting) as answer,
        ):
            answer.raise_for_status()

    async def _wire(self) -> None:
        settings = self.settings
        egress = Egress(self.clock, hosts(), sandbox=self.sandbox, allow=settings.egress_allow)
        self._stack.push_async_callback(egress.close)
        key = settings.vault_key_file or settings.data_dir / "vault.key"
        vault = await opened_vault(self.store, key, lost=settings.vault_key_lost)
        system = System(self.chassis, outside_of(settings, egress, vault))
        beside = f"sqlite:///{settings.data_dir.resolve() / 'views.db'}" if settings.embedded else settings.database
        self.views = Views(self.store, beside, clock=self.clock, log=settings.database)
        self._stack.push_async_callback(self.views.close)
        self.relay = Relay(self.chassis, self.nats)
        around = Around(self.chassis, self.nats)

        def edge(intake: Any) -> Edge:
            made = Edge(self.nats, intake, clock=self.clock, drain=self.drain, origin=lambda: origin_of(self.store))
            around.watch_part(PRODUCTION, made)
            return made

        metrics = telemetry.Metrics()
        self.instruments = instruments(self.store, metrics, clock=self.clock, traces=settings.traces_to,
                                       stack=self._stack)  # fmt: skip
        self.gateway: Gateway = system.gateway(
            self.views, public_url=self._public_url, hooks=around.hooks, metrics=metrics
        )
        self.services = {
            "scheduler": system.scheduler(edge),
            "publisher": system.publisher(settings.lanes),
            "collector": system.collector(),
            "gateway": self.gateway.service,
        }
        for service in self.services.values():
            around.watch(service)
        around.watch_views(self.views)
        around.watch_part(THE_FEED, self.relay)
        if self._own:
            around.watch_part(GONE, self._own)
        await self.gateway.prove_seals()

    def _public_url(self) -> str:
        return self.settings.public_url or self.page

    def _run_all(self) -> None:
        for name in SERVICES:
            self._running[name] = asyncio.create_task(self.services[name].run(), name=name)
        parts = {"relay": self.relay, "instruments": self.instruments} | ({"sandbox": self._own} if self._own else {})
        for name, part in parts.items():
            self._running[name] = asyncio.create_task(part.run(), name=name)

    async def _end_all(self) -> None:
        await self.drain.left()
        for task in self._running.values():
            task.cancel()
        await asyncio.wait(self._running.values(), timeout=LEAVE_S)

    def _left_behind(self) -> str:
        """The key in the note of a house that was killed, if there is one."""
        try:
            return str(json.loads(self.note.read_text())["api_key"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    async def _let_in(self) -> None:
        """A key for whoever started the house, and an address that signs a browser in once. That of a killed house
        opens on: whoever was not answered asks again by it, under the same Idempotency-Key, and it is done once (I21).
        """
        keys, self.api_key = self.gateway.keys, self._key_left
        before = await keys.authenticated(self._key_left)
        if before is None or before.role != "owner":
            await keys.revoke_all("up")
            self.api_key = (await keys.issue("owner", name="up")).key.reveal()
        self.login = f"{self.page}/login?once={keys.once(self.api_key)}"

    def _write_note(self) -> None:
        """Whole or not at all, and for its owner alone, because it holds a key."""
        said = {"page": self.page, "nats": self.nats, "sandbox": self.sandbox, "api_key": self.api_key,
                "pid": os.getpid()}  # fmt: skip
        part = self.note.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(said))
        part.replace(self.note)

    async def in_flight(self) -> str | None:
        """What a stepping clock waits for (D7)."""
        if self.store.pending:
            return "an append"
        for service in self.services.values():
            if found := await service.in_flight():
                return found
        return None

    async def next_due(self) -> datetime | None:
        return await next_alarm(self.store)

    async def until_broken(self) -> None:
        """For as long as all is well; a service that broke ends the house with its fault."""
        broke = asyncio.create_task(self.store.broke.wait())
        try:
            done, _ = await asyncio.wait({*self._running.values(), broke}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            broke.cancel()
        if broke in done:
            raise StoreBroken(self.store.trouble)
        for task in done:
            if task.exception() is not None:
                log.error("a service broke, so the house stops", service=task.get_name())
            await task


async def furnished(house: House) -> None:
    """A house started by hand has somebody in it, as long as its channels are simulated ones."""
    if house.sandbox:
        async with connected(house.nats) as broker:
            await welcome(house.page, house.sandbox, house.api_key, broker)


async def run_up(settings: Settings, *, said: Callable[[str], None]) -> None:
    """Until Ctrl-C or SIGTERM; then everything it started is ended."""
    settings.only_loopback()
    telemetry.start_logging(settings.log_level)
    house = House(settings, furnish=furnished)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, house.drain.ask)
    said("the house starts")
    async with house:
        search_seldom()
        said(f"page      {house.login}")
        said(f"API       {house.page}/v1   key and addresses in {settings.data_dir / 'up.json'}")
        said(f"NATS      {house.nats}")
        said(f"channels  {house.sandbox or 'the real ones'}")
        said("Ctrl-C stops it")
        watching, waiting = asyncio.create_task(house.until_broken()), asyncio.create_task(house.drain.begun.wait())
        done, _ = await asyncio.wait([watching, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, waiting):
            task.cancel()
        said("the house stops: what is in hand is finished; ask again to hurry it")
        if watching in done:
            await watching
