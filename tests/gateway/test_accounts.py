"""A client account's document through the door: put whole, merged, refused by name (S13, S19, S49)."""

from __future__ import annotations

import asyncio

import pytest

from events import AccountChanged, AccountDocument
from events.channels import CHANNELS
from events.subjects import account_stream
from tests.gateway.house import BERLIN


async def test_an_account_is_put_whole_and_read_back(house):
    by = await house.caller()
    put = await by.ask("PUT", "/v1/accounts/acme", {**BERLIN, "name": "Acme", "tolerance": "PT3H"})
    read = await by.ask("GET", "/v1/accounts/acme")
    assert put.status_code == read.status_code == 200
    assert put.json() == read.json()
    assert read.json()["tolerance"] == "PT3H"
    assert read.json()["mode"] == "best_practice"
    assert read.headers["etag"] == put.headers["etag"] == '"1"'


async def test_what_a_whole_document_leaves_out_goes_back_to_its_default(house, owner):
    await owner.ask("PUT", "/v1/accounts/acme", {"zone": "UTC", "name": "Acme"})
    answer = await owner.ask("PUT", "/v1/accounts/acme", {"zone": "UTC"})
    assert answer.json()["name"] == ""


async def test_a_patch_is_merged_and_null_takes_a_choice_back(house, owner):
    await owner.ask("PATCH", "/v1/accounts/acme", {"name": "Acme", "times": {"x": {"mon": ["09:00"]}}})
    answer = await owner.ask("PATCH", "/v1/accounts/acme", {"name": None, "times": {"x": {"tue": ["10:00"]}}})
    assert answer.json()["name"] == ""
    assert answer.json()["times"] == {"x": {"mon": ["09:00"], "tue": ["10:00"]}}
    assert answer.json()["zone"] == "Europe/Berlin"


async def test_a_patch_of_an_account_that_is_not_there_finds_nothing(house):
    by = await house.caller()
    assert (await by.ask("PATCH", "/v1/accounts/nobody", {"name": "N"})).status_code == 404


async def test_the_same_document_again_says_nothing(house, owner):
    await owner.ask("PUT", "/v1/accounts/acme", BERLIN)
    assert len(await house.facts(account_stream("acme"))) == 1


WRONG = [
    ({}, "zone"),
    ({"zone": "Europe/Atlantis"}, "zone"),
    ({"zone": "../../etc/passwd"}, "zone"),
    ({**BERLIN, "colour": "red"}, "colour"),
    ({**BERLIN, "approval": {"reqired": True}}, "approval.reqired"),
    ({**BERLIN, "mode": "psychic"}, "mode"),
    ({**BERLIN, "mode": "custom"}, "times"),
    ({**BERLIN, "mode": "custom", "times": {"x": {"sat": []}}}, "times"),
    ({**BERLIN, "times": {"x": {"mon": ["25:00"]}}}, "times.x.mon.0"),
    ({**BERLIN, "times": {"x": {"mon": ["09:00", "09:00"]}}}, "times.x.mon"),
    ({**BERLIN, "times": {"myspace": {"mon": ["09:00"]}}}, "times.myspace"),
    ({**BERLIN, "times": {"x": {"someday": ["09:00"]}}}, "times.x.someday"),
    ({**BERLIN, "caps": {"x": {"posts_per_day_max": 0}}}, "caps.x.posts_per_day_max"),
    ({**BERLIN, "spacing": {"x": "PT1S"}}, "spacing.x"),
    ({**BERLIN, "spacing": {"x": "PT1M59S"}}, "spacing.x"),
    ({**BERLIN, "tolerance": "-PT1H"}, "tolerance"),
    ({**BERLIN, "tolerance": "PT0S"}, "tolerance"),
    ({**BERLIN, "times": {"x": {"mon": ["0\u0669:00"]}}}, "times.x.mon.0"),
    ({**BERLIN, "owner": "nobody"}, "owner"),
    ({**BERLIN, "approval": {"reviewer": "x@y@z.example"}}, "approval.reviewer"),
    ({**BERLIN, "utm": {"utm_source": "{secret}"}}, "utm.utm_source"),
    ({**BERLIN, "utm": {"utm source": "x"}}, "utm.utm source"),
    ({**BERLIN, "id": "globex"}, "id"),
]


async def test_a_wrong_choice_is_refused_by_its_name(house):
    by = await house.caller()
    for body, field in WRONG:
        answer = await by.ask("PUT", "/v1/accounts/acme", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
        assert answer.headers["content-type"] == "application/problem+json"
        assert field in [each["field"] for each in answer.json()["errors"]], (field, answer.text)
    assert await house.facts(account_stream("acme")) == []


async def test_the_bounds_themselves_are_taken(house):
    by = await house.caller()
    for choices in ({"tolerance": "PT1M"}, {"tolerance": "P7D"}, {"spacing": {"x": "PT1M"}}, {"spacing": {"x": "P1D"}}):
        answer = await by.ask("PUT", "/v1/accounts/acme", {**BERLIN, **choices})
        assert answer.status_code == 200, (choices, answer.text)


@pytest.mark.parametrize("name", ["all", *CHANNELS])
async def test_no_account_is_called_like_something_else_that_can_be_paused(house, name):
    by = await house.caller()
    answer = await by.ask("PUT", f"/v1/accounts/{name}", BERLIN)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "id")
    what = "the whole house" if name == "all" else "a channel"
    said = f"{name} means {what} where publishing is paused; choose another name"
    assert answer.json()["errors"][0]["detail"] == said
    assert await house.facts(account_stream(name)) == []


async def test_whoever_was_called_like_a_channel_before_is_still_changed(house):
    by = await house.caller()
    document = AccountDocument.model_validate({**BERLIN, "id": "x"})
    await house.say(account_stream("x"), AccountChanged(document=document))
    for method, choices in (("PATCH", {"name": "Ten"}), ("PUT", {**BERLIN, "name": "Eleven"})):
        answer = await by.ask(method, "/v1/accounts/x", choices)
        assert (answer.status_code, answer.json()["name"]) == (200, choices["name"])


async def test_a_document_read_before_somebody_changed_it_is_not_put_over(house, owner):
    read = await owner.ask("GET", "/v1/accounts/acme")
    version = read.headers["etag"].strip('"')
    await owner.ask("PATCH", "/v1/accounts/acme", {"name": "first"}, version=version)
    answer = await owner.ask("PATCH", "/v1/accounts/acme", {"name": "second"}, version=version)
    assert answer.status_code == 412
    assert answer.json()["code"] == "stale"


async def test_two_at_once_who_read_the_same_version_are_one_winner_and_one_who_reads_again(house, owner):
    """The decision is taken again on what is there by then."""
    answers = await asyncio.gather(
        *(owner.ask("PATCH", "/v1/accounts/acme", {"name": name}, version="1") for name in ("first", "second"))
    )
    assert sorted(each.status_code for each in answers) == [200, 412]


async def test_the_fact_names_who_changed_it(house, owner):
    told = (await house.store.read(account_stream("acme")))[0]
    assert isinstance(told.fact, AccountChanged)
    assert told.about.actor == f"key:{owner.key[3:11]}"
    assert told.about.account == "acme"
