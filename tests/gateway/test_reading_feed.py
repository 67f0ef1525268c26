"""The feed over a real socket: facts as they are said, from any position on, of one's own accounts only (S46, I30)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from events import PostCancelled
from events.subjects import key_stream
from services.chassis.bells import FACTS
from services.chassis.stepping import breathe
from tests.gateway.weeks import served

READ_S = 20


@pytest.fixture
async def server():
    async with served() as (address, week):
        week.address = address
        yield week


class Feed:
    """The lines of one answer, event by event; a comment is an event without fields."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def event(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(READ_S):
            while (line := (await self._answer.content.readline()).decode()) != "\n":
                if not line:
                    raise EOFError("the feed has ended")
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name or "comment"] = value
        return fields

    async def fact(self) -> dict:
        while "event" not in (event := await self.event()):
            pass
        assert event["event"] == "fact"
        return json.loads(event["data"]) | {"id_line": int(event["id"])}

    async def facts(self, count: int) -> list[dict]:
        return [await self.fact() for _ in range(count)]


@asynccontextmanager
async def feed(week, by, query: str = "", **headers: str) -> AsyncIterator[Feed]:
    headers["authorization"] = f"Bearer {by.key}"
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{week.address}/v1/events{query}", headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Feed(answer)


async def test_the_feed_begins_now_and_tells_each_fact_as_a_cloud_event(server):
    owner = await server.caller("owner")
    async with feed(server, owner) as it:
        await it.event()
        told = await server.teller.of_post("post", "acme.fresh-idea", PostCancelled())
        fact = await it.fact()
    assert fact["id_line"] == told.position
    assert (fact["type"], fact["story"], fact["account"]) == ("scheduler.post_cancelled", "acme.fresh-idea", "acme")
    assert (fact["specversion"], fact["data"]) == ("1.0", {"reason": "asked"})


async def test_it_resumes_after_the_position_that_was_seen_last(server):
    owner = await server.caller("owner")
    everything = await server.store.tail(0, 1000)
    async with feed(server, owner, **{"Last-Event-ID": "0"}) as it:
        first = await it.facts(len(everything))
    assert [fact["id_line"] for fact in first] == [told.position for told in everything]
    async with feed(server, owner, **{"Last-Event-ID": str(first[9]["id_line"])}) as it:
        assert [fact["id_line"] for fact in await it.facts(3)] == [fact["id_line"] for fact in first[10:13]]


@pytest.mark.parametrize("query", ["", "?live=1"])
async def test_whoever_remembers_a_later_place_than_there_is_begins_anew_and_is_told_so(server, query):
    """I26: it was seen in another log, or before this one was restored to an earlier day."""
    owner, head = await server.caller("owner"), await server.store.position()
    async with feed(server, owner, query, **{"Last-Event-ID": str(head + 1000)}) as it:
        await it.event()
        reset = await it.event()
        assert (reset["event"], int(reset["id"]), json.loads(reset["data"])) == ("reset", head, {"position": head})
        told = await server.teller.of_post("post", "acme.fresh-idea", PostCancelled())
        after = await it.event()
    assert after["event"] == "fact"
    assert told.position in (int(after.get("id", 0)), json.loads(after["data"]))


async def test_whoever_has_seen_everything_there_is_goes_on_without_a_word(server):
    owner, head = await server.caller("owner"), await server.store.position()
    async with feed(server, owner, **{"Last-Event-ID": str(head)}) as it:
        await it.event()
        told = await server.teller.of_post("post", "acme.fresh-idea", PostCancelled())
        after = await it.event()
    assert (after["event"], int(after["id"])) == ("fact", told.position)


async def test_only_the_keys_own_accounts_are_told(server):
    bistro = await server.caller("viewer", accounts=["bistro"])
    own = [told.position for told in await server.store.tail(0, 1000) if told.account == "bistro"]
    async with feed(server, bistro, **{"Last-Event-ID": "0"}) as it:
        facts = await it.facts(len(own))
        await server.teller.of_post("post", "acme.fresh-idea", PostCancelled())
        told = await server.teller.of_post("post", "bistro.new-year", PostCancelled())
        facts.append(await it.fact())
    assert [fact["id_line"] for fact in facts] == [*own, told.position]
    assert {fact["account"] for fact in facts} == {"bistro"}


async def test_a_heartbeat_comes_every_fifteen_seconds_also_while_others_are_busy(server):
    bistro = await server.caller("viewer", accounts=["bistro"])
    async with feed(server, bistro) as it:
        assert "comment" in await it.event()
        for _ in range(16):
            server.teller.wait(seconds=1)
            await server.teller.of_post("post", "acme.fresh-idea", PostCancelled())
            await settled(server)
        assert (await it.event())["comment"] == "still here"


async def settled(server) -> None:
    """Every turn of the loop that whoever was woken needs to look and to wait again."""
    for _ in range(20):
        await breathe()


async def test_the_page_hears_only_that_something_happened(server):
    owner = await server.caller("owner")
    async with feed(server, owner, "?live=1") as it:
        await it.event()
        told = await server.teller.of_post("post", "acme.fresh-idea", PostCancelled())
        event = await it.event()
        assert event == {"event": "fact", "data": str(told.position)}
        assert server.views.position >= told.position, "what is rung for can be seen"


async def test_a_client_that_leaves_gives_its_bell_back(server):
    owner = await server.caller("owner")
    bells, let_go, left = server.store._bells[FACTS], server.store.let_go, asyncio.Queue()
    server.store.let_go = lambda bell: (let_go(bell), left.put_nowait(bell))
    before = len(bells)
    async with feed(server, owner) as one, feed(server, owner) as two:
        await one.event()
        await two.event()
        assert len(bells) == before + 2
    async with asyncio.timeout(READ_S):
        assert await left.get() is not await left.get()
    assert len(bells) == before


async def test_a_revoked_key_hears_no_more(server):
    owner, other = await server.caller("owner"), await server.caller("viewer")
    async with feed(server, other) as it:
        await it.event()
        prefix = other.key.split("_")[1]
        answer = await owner.ask("DELETE", f"/v1/keys/{prefix}")
        assert answer.status_code == 200, answer.text
        assert await server.store.read(key_stream(prefix))
        with pytest.raises(EOFError):
            await it.facts(1000)


@pytest.mark.parametrize("query", ["", "?live=1"])
async def test_a_house_that_stops_lets_everybody_go(server, query):
    async with feed(server, await server.caller("owner"), query) as it:
        await it.event()
        server.gateway.hang_up()
        with pytest.raises(EOFError):
            await it.event()


@pytest.mark.parametrize("wrong", ["-1", "now", "1.5", "9" * 30, "١"])
async def test_a_position_that_is_none_is_named(server, wrong):
    owner = await server.caller("owner")
    headers = {"authorization": f"Bearer {owner.key}", "Last-Event-ID": wrong}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.address}/v1/events", headers=headers) as answer,
    ):
        assert answer.status == 422
        assert (await answer.json(content_type=None))["errors"][0]["field"].lower() == "last-event-id"
