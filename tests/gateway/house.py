"""A gateway alone with its store and the simulated channels: the scheduler and the publisher speak by hand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from events import Ask, Content, Fact, PostTakenIn, Told, follow
from events.envelope import About, Draft
from events.subjects import connection_stream, post_stream
from services.channels.adapter import Client
from services.channels.registry import ADAPTERS
from services.channels.sandbox import sites
from services.channels.sandbox.books import MemoryBooks
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.world import World
from services.chassis.alarms import next_alarm
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import SteppingClock
from services.chassis.opening import open_store
from services.chassis.rows import ALARM, VAULT, Claim, Pick, Row
from services.chassis.service import Chassis
from services.chassis.stepping import Stepper, breathe
from services.chassis.store import Append, Say
from services.chassis.store_memory import MemoryStore
from services.chassis.vault import Vault
from services.gateway.app import build
from services.gateway.desk import Hooks
from services.gateway.views.fold import Views
from tests.channels.world_http import WorldHttp

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PAGE = "http://distribution.test"
KEK = bytes(range(32))
PATIENCE_S = 30
"""A request that nobody answers on a clock that stands still would wait for ever."""
BERLIN = {"zone": "Europe/Berlin", "owner": "owner@acme.example"}

Answers = Callable[[Told], Sequence[tuple[str, Fact]]]
"""What an owner says to an ask: pairs of stream and fact."""


@dataclass
class Caller:
    """One key's way in; each change has an Idempotency-Key of its own unless it is given."""

    client: httpx.AsyncClient
    key: str

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        once: str | None = None,
        version: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        told = {"authorization": f"Bearer {self.key}", **headers}
        if once is not None:
            told["idempotency-key"] = once
        if version is not None:
            told["if-match"] = f'"{version}"'
        return await asyncio.wait_for(self.client.request(method, path, json=body, headers=told), PATIENCE_S)


class Breathing(MemoryStore):
    """Lets everybody else have a turn before each answer, as a store on a disk does."""

    async def append(self, append: Append) -> Sequence[Told]:
        await asyncio.sleep(0)
        return await super().append(append)

    async def read(self, stream: str) -> Sequence[Told]:
        await asyncio.sleep(0)
        return await super().read(stream)

    async def fold(self, stream: str, decider: Any) -> tuple[Any, int]:
        await asyncio.sleep(0)
        return await super().fold(stream, decider)

    async def pick(self, pick: Pick) -> Sequence[Row]:
        await asyncio.sleep(0)
        return await super().pick(pick)

    async def claim(self, claim: Claim) -> Sequence[Row]:
        await asyncio.sleep(0)
        return await super().claim(claim)


class House:
    """`async with house() as it:` runs; `it.answers` is who decides asks meanwhile, nobody by default.

    With `database`, the address of a PostgreSQL, its log and its views lie there, else in memory.
    """

    def __init__(self, *, public_url: str = PAGE, hooks: Hooks | None = None, client_id: str = "partner",
                 start: datetime = NINE, database: str | None = None) -> None:  # fmt: skip
        self.clock = SteppingClock(start)
        self.store = BelledStore(open_store(database, self.clock.now) if database else Breathing(self.clock.now))
        self._ids, self._bits = itertools.count(1), itertools.count(1)
        self.world = World(MemoryBooks(), seed="a seed", now=self.clock.now)
        self.vault = Vault(self.store, KEK, random_bytes=self.random_bytes)
        self.views = Views(self.store, database, clock=self.clock)
        self.gateway = build(
            Chassis(self.store, self.clock, self.new_id),
            adapters=ADAPTERS,
            http_for=lambda connection: WorldHttp(self.world, self.clock),
            vault=self.vault,
            clients={name: Client(client_id, "a secret of ours") for name in ("linkedin", "x")},
            views=self.views,
            public_url=lambda: public_url,
            random_bytes=self.random_bytes,
            hooks=hooks,
        )
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.gateway.asgi), base_url=public_url)
        self.answers: Answers | None = None
        self._heard = 0

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"

    def random_bytes(self, count: int) -> bytes:
        """Another each time, and the same in every run."""
        return (next(self._bits).to_bytes(4) * count)[:count]

    async def caller(self, role: str = "owner", accounts: Sequence[str] | None = None) -> Caller:
        return Caller(self.http, await self.gateway.issue_key(role=role, accounts=accounts))

    # Others speak.

    async def say(self, stream: str, *facts: Fact, cause: Told | None = None, story: str = "") -> Told:
        after = len(await self.store.read(stream))
        about = About(story=story, actor="test", happened_at=self.clock.now())
        about = follow(cause, actor="scheduler", at=self.clock.now()) if cause else about
        drafts = [Draft(self.new_id(), fact, about) for fact in facts]
        return (await self.store.append(Append([Say(stream, after, drafts)])))[-1]

    async def post(self, story: str = "acme.spring", connection: str = "acme.linkedin", text: str = "Spring!") -> Told:
        taken_in = PostTakenIn(post=story.split(".")[1], connection=connection, content=Content(text=text),
                               content_hash="a1")  # fmt: skip
        return await self.say(post_stream(story), taken_in, story=story)

    async def _decide(self) -> None:
        """Answers each ask once, as soon as it is heard."""
        bell = self.store.bell(FACTS)
        while True:
            bell.clear()
            for told in await self.store.tail(self._heard):
                self._heard = told.position
                if isinstance(told.fact, Ask) and self.answers:
                    for stream, fact in self.answers(told):
                        await self.say(stream, fact, cause=told)
            await bell.wait()

    def interrupt(self, before: type[Fact], say: Callable[[], Awaitable[object]]) -> None:
        """Just before the next append that carries such a fact, somebody else is quicker."""
        append = self.store.append

        async def interrupted(asked: Append) -> Sequence[Told]:
            if any(isinstance(each.fact, before) for say in asked.says for each in say.facts):
                self.store.append = append
                await say()
            return await append(asked)

        self.store.append = interrupted

    # Time passes.

    async def until(self, moment: datetime) -> None:
        stepper = Stepper(self.clock, in_flight=self.in_flight, next_due=lambda: next_alarm(self.store),
                          tell=self._told, breathe=breathe)  # fmt: skip
        await stepper.run([], until=moment, on_step=lambda at: None)

    async def after(self, **passed: float) -> None:
        await self.until(self.clock.now() + timedelta(**passed))

    async def in_flight(self) -> str | None:
        return "an append" if self.store.pending else await self.gateway.service.in_flight()

    async def _told(self, moment: datetime) -> None:
        """The world reads the house's clock."""

    async def calm(self) -> None:
        await self.until(self.clock.now())

    # What is there.

    async def account(self, by: Caller, account: str = "acme", **more: Any) -> None:
        answer = await by.ask("PUT", f"/v1/accounts/{account}", {**BERLIN, **more})
        assert answer.status_code == 200, answer.text

    async def consented(self, by: Caller, channel: str, account: str = "acme", **body: Any) -> str:
        """The address an owner is sent back to, once they have said yes on the channel's page."""
        answer = await by.ask("POST", f"/v1/accounts/{account}/connections/{channel}/authorize", body or None)
        assert answer.status_code == 200, answer.text
        return self.consent(answer.json()["authorize_url"])

    def consent(self, address: str) -> str:
        parts = urlsplit(address)
        given = self.world.answer("GET", parts.netloc, f"{parts.path}?{parts.query}", {})
        assert given.status == 302, given
        return given.headers["location"]

    async def connected(self, by: Caller, channel: str, account: str = "acme", **body: Any) -> httpx.Response:
        return await self.http.get(await self.consented(by, channel, account, **body))

    def blog_key(self, account: str = "acme") -> dict[str, str]:
        password = sites.new_password(self.world, account)
        return {"cms": "wordpress", "site": f"https://{sites.host_of(account)}", "user": "editor", "key": password}

    def weather(self, channel: str, kind: str, **more: Any) -> None:
        self.world.begin(channel, Asked.model_validate({"kind": kind, **more}))

    async def facts(self, stream: str) -> list[Fact]:
        return [told.fact for told in await self.store.read(stream)]

    async def said(self, connection: str) -> list[str]:
        """What was said of a connection, by name."""
        return [type(fact).__name__ for fact in await self.facts(connection_stream(connection))]

    async def alarms(self) -> dict[str, datetime]:
        return {str(row["name"]): row["due_at"] for row in await self.store.pick(Pick(ALARM))}

    async def sealed(self) -> list[tuple[str, str, int]]:
        rows = await self.store.pick(Pick(VAULT))
        return sorted((str(row["connection"]), str(row["purpose"]), int(str(row["version"]))) for row in rows)

    async def everything_said(self) -> str:
        """All that could be read of the log and of every row but the vault's ciphertexts."""
        return repr(await self.store.tail(0, 100_000)) + repr(self.store._store._tables)


@asynccontextmanager
async def running(*, kind: type[Any] = House, **how: Any) -> AsyncIterator[Any]:
    """A house whose services run until the test is over."""
    it = kind(**how)
    tasks = [asyncio.create_task(it.gateway.service.run()), asyncio.create_task(it._decide())]
    try:
        async with it.http:
            yield it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await it.views.close()
        await it.store.close()


async def while_nobody_answers(it: House, asked: Awaitable[httpx.Response]) -> httpx.Response:
    """A request that waits in vain; time goes by as fast as it can, and no further than the wait."""
    began, task = it.clock.now(), asyncio.ensure_future(asked)
    while not task.done():
        if await it.in_flight() == "a request for a change":
            it.clock.step_to(it.clock.now() + timedelta(milliseconds=100))
        await breathe()
    assert timedelta(seconds=5) <= it.clock.now() - began < timedelta(seconds=6)
    return await task
