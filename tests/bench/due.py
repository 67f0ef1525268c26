"""A house whose posts come due at times of our choosing, and how late each of them went out.

The house is the embedded one, whole: Production's messages lie in its queue, it plans them, and a stub in the place of
X says yes to each after a while. Lateness is from the slot to the channel's yes, as the log has it.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import nats

from events import (
    AccountChanged,
    AccountDocument,
    AttemptStarted,
    ChannelConnected,
    ConnectionListed,
    Draft,
    Fact,
    PostDue,
    PostPublished,
    PostScheduled,
    RateLimited,
)
from events.channels import account_of
from events.envelope import About
from events.subjects import POST_APPROVED, account_stream, connection_stream
from services.chassis.settings import read_settings
from services.chassis.store import Append, Read, Say
from services.chassis.store_sqlite import SqliteStore
from services.chassis.topology import Topology
from services.chassis.vault import Vault, vault_key
from services.embedded import House
from services.system import SERVICES
from tests.bench.stub import a_stub

ANSWER_S = 0.2
"""G14: channels answer in 200 ms."""
TAKEN_IN_A_SECOND = 250
"""So slow may intake be for everything to be planned before the first is due."""
LOOK_EVERY_S, LOOK_AT_PAGE_EVERY_S, PATIENCE_S = 0.5, 0.5, 300.0
PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """One post: when after the first, and on which connection."""

    connection: str
    name: str
    after: timedelta = timedelta()


@dataclass(slots=True)
class Seen:
    """`late` are seconds by account; `pages` the seconds in which the queue answered meanwhile."""

    late: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    pages: list[float] = field(default_factory=list)
    limited: int = 0
    attempts: Counter[str] = field(default_factory=Counter)

    @property
    def everybody(self) -> list[float]:
        return [each for some in self.late.values() for each in some]


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


async def gone_out(place: Path, wanted: Sequence[Wanted]) -> Seen:
    """All of them, from the furnished house to the last that was published."""
    await _furnish(place, sorted({each.connection for each in wanted}))
    settings = {"data_dir": place, "port": 0, "nats_port": 0}
    async with a_stub(ANSWER_S) as channel, House(read_settings(**settings, sandbox=channel)) as house:
        begins = datetime.now(UTC) + timedelta(seconds=10 + len(wanted) / TAKEN_IN_A_SECOND)
        await _approve(house.nats, wanted, begins)
        await _until(house, PostScheduled, len(wanted), until=begins)
        looking = asyncio.create_task(_look_at_pages(house))
        await _until(house, PostPublished, len(wanted))
        looking.cancel()
        (pages,) = await asyncio.gather(looking)
        seen = await _seen(house)
        seen.pages = pages
        return seen


async def _furnish(folder: Path, connections: Sequence[str]) -> None:
    """Accounts with their connections, set up long ago: every service has heard of them."""
    store = SqliteStore(folder / "log.db", lambda: datetime.now(UTC))
    vault = Vault(store, vault_key(folder / "vault.key"))
    by_account: dict[str, list[str]] = defaultdict(list)
    for name in connections:
        by_account[account_of(name)].append(name)
    for account, names in by_account.items():
        listed = [ConnectionListed(connection=name) for name in names]
        document = AccountDocument(id=account, zone="UTC", tolerance=timedelta(days=1))
        says = [_say(account_stream(account), account, AccountChanged(document=document), *listed)]
        granted = {"credential_version": 1, "member": "m"}
        says += [_say(connection_stream(name), account, ChannelConnected(connection=name, **granted)) for name in names]
        body = {"secret": {"access_token": "t" * 90}, "member": "m", "site": None}
        await store.append(Append(says, rows=[vault.seal(name, "x", 1, body) for name in names]))
    (last,) = await store.tail(await store.position() - 1, 1)
    for each in SERVICES:
        await store.append(Append(read=Read(each, 0, last.position, last.id)))
    await store.close()


def _say(stream: str, account: str, *facts: Fact) -> Say:
    about = About("", "bench", datetime.now(UTC), None, account, "x")
    return Say(stream, 0, [Draft(uuid.uuid4().hex, fact, about) for fact in facts])


def body_of(each: Wanted, begins: datetime) -> bytes:
    at = (begins + each.after).isoformat()
    data = {"post": each.name, "account": account_of(each.connection), "channel": "x", "connection": each.connection,
            "text": f"How Acme halved its returns: {each.name}.", "exactly_at": at}  # fmt: skip
    return json.dumps({"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/production",
                       "type": "production.post_approved", "data": data}).encode()  # fmt: skip


async def _approve(address: str, wanted: Sequence[Wanted], begins: datetime) -> None:
    client = await nats.connect(address)
    await Topology(client).ensure()
    for each in wanted[:-1]:
        await client.publish(POST_APPROVED, body_of(each, begins))
    await client.jetstream().publish(POST_APPROVED, body_of(wanted[-1], begins), timeout=60)
    await client.close()


async def _until(house: House, kind: type[Fact], count: int, *, until: datetime | None = None) -> None:
    """So many posts have come so far; all of them have to before `until`."""
    patience, position, found = time.monotonic() + PATIENCE_S, 0, 0
    while found < count:
        page = await house.store.tail(position, PAGE)
        found += sum(isinstance(told.fact, kind) for told in page)
        position = page[-1].position if page else position
        if time.monotonic() > patience or (until is not None and datetime.now(UTC) > until):
            raise RuntimeError(f"only {found} of {count} have come to {kind.__name__} in time")
        if len(page) < PAGE:
            await asyncio.sleep(LOOK_EVERY_S)


async def _look_at_pages(house: House) -> list[float]:
    """A person who is logged in and looks at the queue again and again, until it is cancelled."""
    seconds = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        try:
            address = house.login
            while True:
                started = time.perf_counter()
                async with session.get(address) as answer:
                    await answer.read()
                    answer.raise_for_status()
                seconds.append(time.perf_counter() - started)
                address = f"{house.page}/"
                await asyncio.sleep(LOOK_AT_PAGE_EVERY_S)
        except asyncio.CancelledError:
            return seconds


async def _seen(house: House) -> Seen:
    seen, slots, position = Seen(), {}, 0
    while page := await house.store.tail(position, PAGE):
        position = page[-1].position
        for told in page:
            match told.fact:
                case PostDue(slot_at=at):
                    slots[told.story] = at
                case AttemptStarted(connection=name):
                    seen.attempts[name] += 1
                case RateLimited():
                    seen.limited += 1
                case PostPublished():
                    late = (told.about.happened_at - slots[told.story]).total_seconds()
                    seen.late[account_of(told.story)].append(late)
    return seen
