"""The whole way: approved by Production, planned, due, published through HTTP, and shown by the views.

The house is the embedded one, whole. Its posts are wanted at a time that has just passed, so that nothing waits but
for the work itself; 200 accounts send five posts each to one channel, a stub that says yes.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nats
from sqlalchemy import func, select

from events import AccountChanged, AccountDocument, ChannelConnected, ConnectionListed, Draft, Fact
from events.envelope import About
from events.subjects import POST_APPROVED, account_stream, connection_stream
from services.chassis.broker import Broker
from services.chassis.settings import read_settings
from services.chassis.store import Append, Read, Say
from services.chassis.store_sqlite import SqliteStore
from services.chassis.topology import Topology
from services.chassis.vault import Vault, vault_key
from services.embedded import House
from services.gateway.views import queue
from services.scheduler.edge import BATCH
from services.system import SERVICES
from tests.bench.limits import whole as bare
from tests.bench.stub import a_stub
from tests.bench.table import Row

ACCOUNTS, POSTS, IN_FLIGHT = 200, 5, 64
LOOK_EVERY_S, WITHIN_S = 0.02, 300.0


def bodies() -> list[bytes]:
    just_passed = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    return [
        _body(f"account-{account}", f"spring-{post}", just_passed)
        for post in range(POSTS)
        for account in range(ACCOUNTS)
    ]


def _body(account: str, post: str, at: str) -> bytes:
    data = {"post": post, "account": account, "channel": "x", "campaign": "spring", "bucket": "customer-stories",
            "text": "How Acme halved its returns, and what it would do again.", "exactly_at": at}  # fmt: skip
    return json.dumps({"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/production",
                       "type": "production.post_approved", "data": data}).encode()  # fmt: skip


async def furnish(folder: Path) -> None:
    """The accounts with their connections in the log, and the posts in Production's queue."""
    store = SqliteStore(folder / "log.db", lambda: datetime.now(UTC))
    vault = Vault(store, vault_key(folder / "vault.key"))
    for number in range(ACCOUNTS):
        account, name = f"account-{number}", f"account-{number}.x"
        document = AccountDocument(id=account, zone="UTC")
        body = {"secret": {"access_token": "t" * 90}, "member": "m", "site": None}
        listed = ConnectionListed(connection=name)
        grant = ChannelConnected(connection=name, credential_version=1, member="m")
        says = [_say(account_stream(account), account, AccountChanged(document=document), listed),
                _say(connection_stream(name), account, grant)]  # fmt: skip
        await store.append(Append(says, rows=[vault.seal(name, "x", 1, body)]))
    # They were set up long ago: every service has heard of them.
    (last,) = await store.tail(await store.position() - 1, 1)
    for each in SERVICES:
        await store.append(Append(read=Read(each, 0, last.position, last.id)))
    await store.close()
    async with Broker(folder / "nats", port=0) as broker:
        client = await nats.connect(broker.url)
        await Topology(client).ensure()
        wanted = bodies()
        for each in wanted[:-1]:
            await client.publish(POST_APPROVED, each)
        await client.jetstream().publish(POST_APPROVED, wanted[-1], timeout=60)
        await client.close()


def _say(stream: str, account: str, *facts: Fact) -> Say:
    about = About("", "bench", datetime.now(UTC), None, account, "x")
    return Say(stream, 0, [Draft(uuid.uuid4().hex, fact, about) for fact in facts])


async def ours(place: Path) -> float:
    """Posts a second, from the first that is taken in to the last that the queue shows as published."""
    await furnish(place)
    async with a_stub() as channel, House(read_settings(data_dir=place, port=0, nats_port=0, sandbox=channel)) as house:
        before, until = ACCOUNTS * 3, time.monotonic() + WITHIN_S
        while await house.store.position() <= before + 100:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        started = time.perf_counter()
        published = select(func.count()).where(queue.table.c.status == "published")
        while (done := (await house.views.rows(published))[0][0]) < ACCOUNTS * POSTS:
            if time.monotonic() > until:
                raise RuntimeError(f"only {done} posts were published within {WITHIN_S} s")
            await asyncio.sleep(LOOK_EVERY_S)
        return ACCOUNTS * POSTS / (time.perf_counter() - started)


async def skeleton(place: Path) -> float:
    async with a_stub() as channel:
        return await bare.way(place, bodies(), f"{channel}/api.x.com/2/tweets", BATCH, IN_FLIGHT)


ROWS = [Row("whole way, approved to published to shown, x skeleton", ours, skeleton, 0.4, "posts/s")]
