"""Everything a person, a program or the outside world can reach of a house: its HTTP API, its NATS, the sandbox.

Nothing here knows the house from inside, so a journey tells the same whether it is one process or four.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import nats
from nats.aio.client import Client

PATIENCE_S = 60.0
"""Generous, because the machine may be busy; nothing waits it out unless something is wrong."""
LOOK_EVERY_S = 0.02


async def until(come: Callable[[], Any], *, what: str, within: float = PATIENCE_S) -> Any:
    """Wait for something that rings no bell here, and give it; `what` is said when it does not come."""
    try:
        async with asyncio.timeout(within):
            while True:
                found = come()
                if isinstance(found, Awaitable):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"waited {within:.0f} s in vain until {what}") from None


def approved(post: str, *, account: str = "acme", channel: str = "linkedin", text: str | None = None,
             **more: Any) -> dict[str, Any]:  # fmt: skip
    """What Production says, as interfaces.md has it; `more` is further data."""
    story = f"{account}.{post}"
    data = {"post": post, "account": account, "channel": channel, "connection": None, "bucket": "news",
            "campaign": "spring", "title": None, "text": text or f"This is {story}.", "link": None, "media": [],
            "not_before": None, "exactly_at": None}  # fmt: skip
    return {"specversion": "1.0", "id": f"event-{story}", "source": "/production", "type": "production.post_approved",
            "subject": post, "time": "2026-11-23T07:00:00Z", "datacontenttype": "application/json",
            "data": data | more}  # fmt: skip


@dataclass
class Doors:
    """`up` is what a house writes into its note: page, nats, sandbox, api_key."""

    up: dict[str, Any] = field(repr=False)
    session: aiohttp.ClientSession

    # The house's own API.

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        told = {"Authorization": f"Bearer {self.up['api_key']}"} | headers
        if method != "GET":
            told.setdefault("Idempotency-Key", uuid.uuid4().hex)
        async with self.session.request(method, self.up["page"] + path, json=body, headers=told) as answer:
            raw = await answer.read()
            try:
                return answer.status, json.loads(raw) if raw else None
            except ValueError:
                return answer.status, raw.decode()

    async def done(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Asked and answered 200."""
        status, said = await self.ask(method, path, body, **headers)
        assert status == 200, f"{method} {path} was answered {status}: {said}"
        return said

    async def get(self, path: str) -> Any:
        return await self.done("GET", path)

    async def all_of(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            body = await self.get(f"{path}{'&' if '?' in path else '?'}limit=200{cursor}")
            items += body["items"]
            if not body["next_cursor"]:
                return items
            cursor = f"&cursor={body['next_cursor']}"

    async def post(self, story: str) -> dict[str, Any] | None:
        """One post as the queue has it, or None before it is there."""
        status, body = await self.ask("GET", f"/v1/posts/{story}")
        return body if status == 200 else None

    async def timeline(self, story: str) -> list[dict[str, Any]]:
        return (await self.get(f"/v1/posts/{story}/timeline"))["items"]

    async def said(self, story: str) -> list[str]:
        """The facts of a post by name, in order."""
        return [fact["type"].split(".")[1] for fact in await self.timeline(story)]

    async def in_status(self, story: str, *statuses: str) -> dict[str, Any]:
        """The post once it stands in one of these."""

        async def come() -> dict[str, Any] | None:
            post = await self.post(story)
            return post if post and post["status"] in statuses else None

        return await until(come, what=f"{story} is {' or '.join(statuses)}")

    # Accounts and channels.

    async def opened(self, account: str, *channels: str, zone: str = "Europe/Berlin", **document: Any) -> None:
        await self.done("PUT", f"/v1/accounts/{account}", {"id": account, "zone": zone, **document})
        for channel in channels:
            await self.connect(account, channel)

    async def connect(self, account: str, channel: str) -> None:
        """What a person does: asks for the address, agrees there, and is sent back. A blog is connected by its key."""
        if channel == "blog":
            given = await self.outside("GET", f"/sandbox/blog/key?account={account}")
            site = {"cms": "wordpress", "site": given["site"], "user": given["user"], "key": given["password"]}
            await self.done("PUT", f"/v1/accounts/{account}/connections/blog", site)
            return
        asked = await self.done("POST", f"/v1/accounts/{account}/connections/{channel}/authorize")
        async with self.session.get(asked["authorize_url"]) as answer:
            assert answer.status == 200, await answer.text()

    # NATS.

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Client]:
        """A client of its own for each errand: one that lives through a kill has a past."""
        client = await nats.connect(self.up["nats"], error_cb=_silent)  # type: ignore[arg-type]
        try:
            yield client
        finally:
            await client.close()

    async def approve(self, *events: dict[str, Any]) -> None:
        """Production's messages, each acknowledged by the stream."""
        bodies = [json.dumps(event).encode() for event in events]
        async with self.broker() as client:
            stream = client.jetstream(timeout=30)
            await asyncio.gather(*(stream.publish("production.post_approved", body) for body in bodies))

    async def feed(self, subject: str = "distribution.>", stream: str = "DISTRIBUTION") -> list[dict[str, Any]]:
        """Everything the feed holds under this subject now, oldest first; or another stream."""
        async with self.broker() as client:
            reading = await client.jetstream(timeout=30).subscribe(subject, stream=stream, ordered_consumer=True)
            info = await reading.consumer_info()
            count = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
            return [json.loads((await reading.next_msg(PATIENCE_S)).data) for _ in range(count)]

    # The outside world.

    async def outside(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, self.up["sandbox"] + path, json=body) as answer:
            assert answer.status == 200, f"{path}: {await answer.text()}"
            return await answer.json()

    async def weather(self, channel: str, kind: str, **more: Any) -> None:
        await self.outside("POST", f"/sandbox/{channel}/weather", {"kind": kind, **more})

    async def standing(self, channel: str) -> list[dict[str, Any]]:
        """The sandbox's books: what stands there now."""
        return [post for post in (await self.books(channel))["items"] if not post["deleted"]]

    async def books(self, channel: str) -> dict[str, Any]:
        return await self.outside("GET", f"/sandbox/{channel}/posts")

    async def now(self) -> datetime:
        """House time: the simulated channels live in it."""
        return datetime.fromisoformat((await self.outside("GET", "/sandbox/clock"))["now"])


async def _silent(_: Exception) -> None:
    """Whoever asked is told of every fault."""


@asynccontextmanager
async def opened_doors(up: dict[str, Any]) -> AsyncIterator[Doors]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session:
        yield Doors(up, session)
