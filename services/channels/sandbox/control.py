"""The routes a script turns the world with; no client of ours knows them.

GET  /sandbox/{channel}/posts                          what stands there, and how many calls came
POST /sandbox/{channel}/weather     weather.Asked      something goes wrong from now on
PUT  /sandbox/{channel}/engagement  engagement.Planted posts of this kind do better, or worse
GET  /sandbox/blog/key?account=&user=                  a fresh key, as the site's owner would hand it out
PUT  /sandbox/clock                 clock.Setting      what time it is, and how fast it runs
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from services.channels.sandbox import sites
from services.channels.sandbox.clock import SandboxClock, Setting
from services.channels.sandbox.dialects import DIALECTS
from services.channels.sandbox.engagement import Planted
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.wire import Reply, Request, reply
from services.channels.sandbox.world import World

CHANNELS = frozenset(dialect.CHANNEL for dialect in DIALECTS)


def control(world: World, clock: SandboxClock, method: str, path: str, body: bytes = b"") -> Reply:
    """One control call. What is misspelt is refused by name, so no script believes in weather that never came."""
    request = Request.read(method, "", path, {}, body)
    try:
        return _control(world, clock, request)
    except ValidationError as error:
        wrong: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
        return reply(422, {"errors": wrong})


def _control(world: World, clock: SandboxClock, request: Request) -> Reply:
    match request.method, request.segments[1:]:
        case "PUT", ["clock"]:
            clock.set(Setting.model_validate_json(request.body))
            return reply(200, {"now": clock.now().isoformat()})
        case "GET", ["clock"]:
            return reply(200, {"now": clock.now().isoformat()})
        case "GET", [channel, "posts"] if channel in CHANNELS:
            items = [post.listed() for post in world.posts.everything(channel)]
            return reply(200, {"items": items, "calls": world.calls[channel]})
        case "POST", [channel, "weather"] if channel in CHANNELS:
            world.begin(channel, Asked.model_validate_json(request.body))
            return reply(200, {"channel": channel})
        case "PUT", [channel, "engagement"] if channel in CHANNELS:
            world.plant(channel, Planted.model_validate_json(request.body))
            return reply(200, {"channel": channel})
        case "GET", ["blog", "key"] if account := request.query.get("account"):
            user = request.query.get("user", sites.EDITOR)
            password = sites.new_password(world, account, user)
            world.books.commit()
            return reply(200, {"site": f"https://{sites.host_of(account)}", "user": user, "password": password})
    return reply(404, {"errors": [{"msg": f"no control route {request.method} {request.path}"}]})
