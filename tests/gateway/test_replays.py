"""The door of a replay: who may ask, what may be asked for, and what the house around the gateway is handed (S47)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from events.wire import cloud_event
from services.chassis.replay import ReplayStopped, ReplayWrong
from services.gateway.desk import Hooks
from services.gateway.principal import MAY
from tests.gateway.house import running


class Around:
    """What the house answers for the gateway; it remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.fault: Exception | None = None

    async def replay(self, asked):
        self.asked.append(dict(asked))
        if self.fault:
            raise self.fault
        return {"subject": "replay.abc.>", "offered": 3}


@pytest.fixture
def around():
    return Around()


@pytest.fixture
async def house(around):
    async with running(hooks=Hooks(replay=around.replay)) as house:
        yield house


@pytest.fixture
async def owner(house):
    return await house.caller("owner")


async def test_what_is_asked_for_is_handed_on_as_it_was_asked(owner, around):
    answer = await owner.ask("POST", "/v1/replays", {"from": 3, "until": 9, "account": "acme", "type": "publisher",
                                                     "after": "2026-11-23T08:00:00Z", "dry": True})  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, {"subject": "replay.abc.>", "offered": 3})
    assert around.asked == [{"since": 3, "until": 9, "account": "acme", "type": "publisher", "dry": True,
                             "after": datetime(2026, 11, 23, 8, tzinfo=UTC)}]  # fmt: skip


async def test_without_a_word_all_of_the_log_is_meant(owner, around):
    assert (await owner.ask("POST", "/v1/replays")).status_code == 200
    assert around.asked == [{"since": 1, "dry": False}]


async def test_the_same_replay_under_the_same_key_is_told_again_and_not_made_again(owner, around):
    first, again = [await owner.ask("POST", "/v1/replays", {"from": 3}, once="k1") for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, again.content)
    assert len(around.asked) == 1
    other = await owner.ask("POST", "/v1/replays", {"from": 4}, once="k1")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert (await owner.ask("POST", "/v1/replays", {"from": 3}, once="k2")).status_code == 200
    assert len(around.asked) == 2


async def test_two_at_once_under_the_same_key_are_one_replay(owner, around):
    answers = await asyncio.gather(*(owner.ask("POST", "/v1/replays", once="k1") for _ in range(3)))
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert len(around.asked) == 1


async def test_one_that_stopped_is_made_under_its_key_once_it_can_be(owner, around):
    around.fault = ReplayStopped("stopped after position 7 (nats: timeout): ask again from 8")
    assert (await owner.ask("POST", "/v1/replays", once="k1")).status_code == 503
    around.fault = None
    assert (await owner.ask("POST", "/v1/replays", once="k1")).status_code == 200


@pytest.mark.parametrize("role", MAY)
async def test_it_takes_a_key_that_may_operate_what_is_replayed(house, around, role):
    """All of the log concerns the whole house; one account's facts concern whoever operates that account."""
    everywhere, of_acme = await house.caller(role), await house.caller(role, ["acme"])
    may = 200 if "operate" in MAY[role] else 403
    assert (await everywhere.ask("POST", "/v1/replays")).status_code == may
    assert (await of_acme.ask("POST", "/v1/replays")).status_code == 403
    assert (await of_acme.ask("POST", "/v1/replays", {"account": "acme"})).status_code == may
    assert (await of_acme.ask("POST", "/v1/replays", {"account": "borealis"})).status_code == 404


@pytest.mark.parametrize(
    "body", [{"from": 0}, {"until": 0}, {"after": "2026-11-23T08:00:00"}, {"to": 3}, {"account": "A B"}]
)
async def test_a_field_that_means_nothing_is_named(owner, around, body):
    answer = await owner.ask("POST", "/v1/replays", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == next(iter(body))
    assert around.asked == []


async def test_what_the_log_finds_wrong_is_named_the_same_way(owner, around):
    around.fault = ReplayWrong("type: no fact is called nobody.said_so; events/contract/CATALOGUE.md names every one")
    answer = await owner.ask("POST", "/v1/replays", {"type": "nobody.said_so"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "type", "detail": "no fact is called nobody.said_so; events/contract/CATALOGUE.md names every one"}
    ]


async def test_one_that_stops_on_its_way_says_where_to_go_on(owner, around):
    around.fault = ReplayStopped("stopped after position 7 (nats: timeout): ask again from 8")
    answer = await owner.ask("POST", "/v1/replays")
    assert (answer.status_code, answer.json()["code"]) == (503, "replay_stopped")
    assert "ask again from 8" in answer.json()["detail"]


async def test_a_gateway_without_a_broker_has_nowhere_to_offer_anything():
    async with running() as house:
        answer = await (await house.caller("owner")).ask("POST", "/v1/replays")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_feed")


async def test_for_a_file_the_facts_are_read_as_the_feed_tells_them(house, owner):
    await house.account(owner)
    await house.account(owner, "borealis")
    told = await house.store.tail(0)
    first = (await owner.ask("GET", "/v1/replays?limit=1")).json()
    assert first == {"items": [cloud_event(told[0])], "next_cursor": "2"}
    rest = (await owner.ask("GET", f"/v1/replays?cursor={first['next_cursor']}")).json()
    assert rest == {"items": [cloud_event(each) for each in told[1:]], "next_cursor": None}
    of_one = (await owner.ask("GET", "/v1/replays?account=borealis&type=gateway")).json()["items"]
    assert {event["account"] for event in of_one} == {"borealis"}


@pytest.mark.parametrize(
    ("asked", "field"),
    [("from=0", "from"), ("until=3&from=9", "until"), ("type=nobody.said_so", "type"), ("after=2026-11-23", "after"),
     ("form=3", "form"), ("limit=1001", "limit")],
)  # fmt: skip
async def test_what_cannot_be_read_is_refused_by_the_name_of_the_field(owner, asked, field):
    answer = await owner.ask("GET", f"/v1/replays?{asked}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_the_whole_log_is_for_whoever_operates_the_house(house, owner):
    await house.account(owner)
    theirs = await house.caller("operator", accounts=["acme"])
    assert (await theirs.ask("GET", "/v1/replays")).status_code in (403, 404)
