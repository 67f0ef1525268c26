"""Playing a week: each line of the file at its instant, through the doors that everybody uses.

Production's messages go onto NATS, people's wishes to the HTTP API, weather to the sandbox. The player knows the house
only by its addresses, so what it sees is what any client would see.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from nats.aio.client import Client as Nats
from nats.js import JetStreamContext

from events.subjects import POST_APPROVED, PRODUCTION
from services.chassis.stepping import Scripted
from services.demo.week import Approved, Connect, Do, Line, Weather, edited

ANSWER_S = 30


class PlayFailed(Exception):
    """A door answered otherwise than the file says; names the line."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the house and the outside world are, and the key the house is asked with."""

    page: str
    sandbox: str
    api_key: str = field(repr=False)
    broker: Nats
    session: aiohttp.ClientSession

    @property
    def production(self) -> JetStreamContext:
        return self.broker.jetstream(timeout=ANSWER_S)

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request to the house: status and body."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        async with self.session.request(method, self.page + path, json=body, headers=headers) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if raw else None

    async def all_of(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page after page."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            join = "&" if "?" in path else "?"
            status, body = await self.ask("GET", f"{path}{join}limit=200{cursor}")
            if status != 200:
                raise PlayFailed(f"{path} answered {status}: {body}")
            items += body["items"]
            if not body.get("next_cursor"):
                return items
            cursor = f"&cursor={body['next_cursor']}"

    async def outside(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the sandbox's control routes."""
        async with self.session.request(method, self.sandbox + path, json=body) as answer:
            raw = await answer.read()
            if answer.status >= 300:
                raise PlayFailed(f"the sandbox answered {answer.status} to {path}: {raw[:200]!r}")
            return json.loads(raw) if raw else None


def script(lines: Sequence[Line], doors: Doors, *, said: Callable[[str], None]) -> list[Scripted]:
    """What the stepper plays; `said` hears one sentence for each line that is not simply a post."""
    return [Scripted(line.at, _doing(line, doors, said)) for line in lines]


def _doing(line: Line, doors: Doors, said: Callable[[str], None]) -> Callable[[], Any]:
    async def approve() -> None:
        assert isinstance(line, Approved)  # noqa: S101 - the table below
        await doors.production.publish(POST_APPROVED, json.dumps(line.post).encode(), stream=PRODUCTION)

    async def change_weather() -> None:
        assert isinstance(line, Weather)  # noqa: S101
        await doors.outside("POST", f"/sandbox/{line.channel}/weather", line.weather)
        said(f"weather on {line.channel}: {line.weather['kind']}")

    async def do() -> None:
        assert isinstance(line, Do)  # noqa: S101
        status, body = await doors.ask(line.do.method, line.do.path, line.do.body)
        if status != line.do.expect:
            raise PlayFailed(
                f"{line.at}: {line.do.method} {line.do.path} answered {status}, not {line.do.expect}: {body}"
            )
        said(f"{line.do.method} {line.do.path}: {status}")

    async def connect() -> None:
        assert isinstance(line, Connect)  # noqa: S101
        await connected(doors, line.connect.account, line.connect.channel)
        said(f"{line.connect.account} connected {line.connect.channel}")

    doings: Mapping[type[Any], Callable[[], Any]] = {
        Approved: approve, Weather: change_weather, Do: do, Connect: connect,
    }  # fmt: skip
    return doings[type(line)]


async def connected(doors: Doors, account: str, channel: str) -> None:
    """What a person does: ask for the address, consent there, and come back; a blog is connected by its key."""
    if channel == "blog":
        given = await doors.outside("GET", f"/sandbox/blog/key?account={account}")
        site = {"cms": "wordpress", "site": given["site"], "user": given["user"], "key": given["password"]}
        status, body = await doors.ask("PUT", f"/v1/accounts/{account}/connections/blog", site)
        if status != 200:
            raise PlayFailed(f"the blog of {account} could not be connected: {status} {body}")
        return
    status, body = await doors.ask("POST", f"/v1/accounts/{account}/connections/{channel}/authorize")
    if status != 200:
        raise PlayFailed(f"{channel} of {account} gave no address to consent at: {status} {body}")
    # Back at the door we know: where browsers come back to may lead past a proxy that is not there yet.
    back = f"{doors.page}/oauth/{channel}/callback?{await _consented(doors, body['authorize_url'])}"
    async with doors.session.get(back) as answer:
        if answer.status != 200:
            raise PlayFailed(f"{channel} of {account} could not be connected: {answer.status} {await answer.text()}")


async def _consented(doors: Doors, page: str) -> str:
    """What the channel sends whoever agrees back with."""
    async with doors.session.get(page, allow_redirects=False) as answer:
        if "Location" not in answer.headers:
            raise PlayFailed(f"nobody can agree at {page}: {answer.status} {await answer.text()}")
        return urlsplit(answer.headers["Location"]).query


async def gather(doors: Doors, lines: Sequence[Line]) -> dict[str, Any]:
    """What is needed for the verdict: the sandbox's books, and the house's own answers (`report.judge`)."""
    posts = [line for line in lines if isinstance(line, Approved)]
    channels = sorted({post.channel for post in posts if post.channel in ("linkedin", "x", "blog")})
    accounts = sorted({line.connect.account for line in lines if isinstance(line, Connect)})
    books = {channel: (await doors.outside("GET", f"/sandbox/{channel}/posts"))["items"] for channel in channels}
    items = {item["id"]: item for item in await doors.all_of("/v1/posts")}
    timelines = await asyncio.gather(*(doors.all_of(f"/v1/posts/{story}/timeline") for story in items))
    weights = {}
    for account in accounts:
        status, body = await doors.ask("GET", f"/v1/accounts/{account}/weights")
        weights[account] = body.get("weights", {}) if status == 200 else {}
    return {
        "posts": posts,
        "books": books,
        "items": items,
        "timelines": dict(zip(items, timelines, strict=True)),
        "parked": await doors.all_of("/v1/parked"),
        "weights": weights,
        "edits": edited(lines),
    }
