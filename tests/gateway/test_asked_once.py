"""Asked once, answered once: the Idempotency-Key, for what the gateway decides and for what others do (I21)."""

from __future__ import annotations

import asyncio

import pytest

from events import CancelAsked, PostCancelled
from events.subjects import account_stream, asking_stream, house_stream, post_stream
from tests.gateway.house import BERLIN


def cancelled(told):
    return [(post_stream(told.story), PostCancelled())] if isinstance(told.fact, CancelAsked) else []


async def test_the_same_change_under_the_same_key_is_one_change_with_one_answer(house, owner):
    first = await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Acme"}, once="k1")
    await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Later"})
    again = await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Acme"}, once="k1")
    assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, first.headers["etag"])
    assert [fact.document.name for fact in await house.facts(account_stream("acme"))] == ["", "Acme", "Later"]


@pytest.mark.parametrize(
    ("method", "path", "body", "version"),
    [
        ("PATCH", "/v1/accounts/acme", {"name": "Another"}, None),
        ("PUT", "/v1/accounts/acme", {**BERLIN, "name": "Acme"}, None),
        ("PATCH", "/v1/accounts/globex", {"name": "Acme"}, None),
        ("PATCH", "/v1/accounts/acme", {"name": "Acme"}, "1"),
        ("POST", "/v1/house/pause", {"scope": "x"}, None),
        ("POST", "/v1/posts/acme.spring/cancel", None, None),
    ],
    ids=["body", "method", "address", "version", "another noun", "an ask"],
)
async def test_another_request_under_the_same_key_is_refused_and_does_nothing(
    house, owner, method, path, body, version
):
    await house.account(owner, "globex")
    await house.post()
    await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Acme"}, once="k1")
    before = await house.store.position()
    answer = await owner.ask(method, path, body, once="k1", version=version)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert await house.store.position() == before


async def test_a_key_that_an_ask_used_is_used_for_changes_too(house, owner):
    await house.post()
    house.answers = cancelled
    await owner.ask("POST", "/v1/posts/acme.spring/cancel", once="k1")
    answer = await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Acme"}, once="k1")
    assert answer.json()["code"] == "key_reused"


async def test_the_same_key_of_somebody_else_is_another_key(house, owner):
    other = await house.caller("owner")
    for by, name in ((owner, "one"), (other, "two")):
        assert (await by.ask("PATCH", "/v1/accounts/acme", {"name": name}, once="k1")).status_code == 200


async def test_at_once_and_alike_they_have_one_effect(house, owner):
    answers = await asyncio.gather(
        *(owner.ask("POST", "/v1/house/pause", {"scope": "all"}, once="k1") for _ in range(20))
    )
    assert {(each.status_code, each.content) for each in answers} == {(200, answers[0].content)}
    assert len(await house.facts(house_stream("all"))) == 1


async def test_at_once_and_different_only_one_has_an_effect(house, owner):
    """Even where they would change different things."""
    scopes = ["all", "x", "linkedin", "acme"]
    answers = await asyncio.gather(
        *(owner.ask("POST", "/v1/house/pause", {"scope": scope}, once="k1") for scope in scopes)
    )
    assert sorted(each.status_code for each in answers) == [200, 422, 422, 422]
    assert sum([len(await house.facts(house_stream(scope))) for scope in scopes]) == 1


async def test_without_a_key_every_request_is_one_of_its_kind(house, owner):
    for name in ("a", "b", "a"):
        assert (await owner.ask("PATCH", "/v1/accounts/acme", {"name": name})).status_code == 200
    assert len(await house.facts(account_stream("acme"))) == 4


async def test_a_refused_change_leaves_its_key_free_for_the_mended_one(house):
    by = await house.caller()
    assert (await by.ask("PUT", "/v1/accounts/acme", {"zone": "Nowhere"}, once="k1")).status_code == 422
    assert (await by.ask("PUT", "/v1/accounts/acme", BERLIN, once="k1")).status_code == 200


async def test_an_ask_repeated_is_one_ask_and_hears_the_same_answer(house, owner):
    await house.post()
    house.answers = cancelled
    first = await owner.ask("POST", "/v1/posts/acme.spring/cancel", once="k1")
    again = await owner.ask("POST", "/v1/posts/acme.spring/cancel", once="k1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    stream = asking_stream(f"key:{owner.key[3:11]}", "k1")
    assert len(await house.facts(stream)) == 1
    assert len(await house.facts(post_stream("acme.spring"))) == 2


async def test_asks_at_once_under_one_key_are_one_ask(house, owner):
    await house.post()
    house.answers = cancelled
    answers = await asyncio.gather(
        *(owner.ask("POST", "/v1/posts/acme.spring/cancel", once="k1") for _ in range(10)),
        *(owner.ask("POST", "/v1/posts/acme.spring/retry", once="k1") for _ in range(5)),
    )
    assert {each.status_code for each in answers[:10]} == {200}
    assert {each.json()["code"] for each in answers[10:]} == {"key_reused"}
    assert len(await house.facts(post_stream("acme.spring"))) == 2


async def test_a_key_too_long_is_refused_by_name(house, owner):
    answer = await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Acme"}, once="k" * 257)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "idempotency-key"
