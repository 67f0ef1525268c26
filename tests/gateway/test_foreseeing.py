"""What a change of an account would move, asked through the door; what a new zone moves, told with it (S19, S22)."""

from __future__ import annotations

from typing import Any

import pytest

from events import AccountChanged, Why
from events.subjects import account_stream
from services.chassis.rows import TABLES, Pick
from services.gateway.principal import Role
from tests.gateway.examples import BERLIN, at
from tests.gateway.house import Caller
from tests.gateway.telling import slot
from tests.gateway.weeks import Week
from tests.gateway.weeks import week as week
from tests.gateway.weeks import week_owner as week_owner

NEW_YORK, TOKYO = {"zone": "America/New_York"}, {"zone": "Asia/Tokyo"}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"zone": "Europe/Atlantis"}, "zone", "write it as in Europe/Berlin"),
    ({"zone": None}, "zone", "missing"),
    ({"colour": "red"}, "colour", "leave it out"),
    ({"keep": "neither"}, "keep", "write wall_clock or instant"),
    ({"keep": []}, "keep", "write wall_clock or instant"),
    ({"keep": {}}, "keep", "write wall_clock or instant"),
    ({"keep": ""}, "keep", "write wall_clock or instant"),
    ({"keep": False}, "keep", "write wall_clock or instant"),
    ({"times": {"x": {"mon": ["25:61"]}}}, "times.x.mon.0", "write a time as in 09:00"),
    ({"times": {"x": {"mon": ["9:00"]}}}, "times.x.mon.0", "write a time as in 09:00"),
    ({"times": {"x": {"mon": ["09:00", "09:00"]}}}, "times.x.mon", "names 09:00 twice; each time once"),
    ({"times": {"x": {"monday": ["09:00"]}}}, "times.x.monday", "'mon'"),
    ({"mode": "custom"}, "times", "needs at least one time"),
    ({"mode": "custom", "times": {"x": {"sat": [], "sun": []}}}, "times", "needs at least one time"),
    ({"mode": "psychic"}, "mode", "'best_practice', 'custom' or 'adaptive'"),
    ({"caps": {"x": {"posts_per_day_max": 0}}}, "caps.x.posts_per_day_max", "greater than or equal to 1"),
    ({"caps": {"x": {"posts_per_day_max": 10_001}}}, "caps.x.posts_per_day_max", "less than or equal to 10000"),
    ({"caps": {"x": 5}}, "caps.x", "has to be an object"),
    ({"times": {"x": {"mon": "09:00"}}}, "times.x.mon", "has to be a list"),
    ({"spacing": {"x": "PT0S"}}, "spacing.x", "between PT1M and P1D"),
    ({"spacing": {"x": "half an hour"}}, "spacing.x", "PT30M"),
    ({"spacing": {"x": "PT1M59S"}}, "spacing.x", "whole minutes"),
    ({"spacing": {"x": "PT30M0.5S"}}, "spacing.x", "whole minutes"),
    ({"times": {"x": {"mon": ["09:00", "0\u0669:00"]}}}, "times.x.mon.1", "write a time as in 09:00"),
    ({"approval": {"digest_at": "0\u0669:00"}}, "approval.digest_at", "write a time as in 09:00"),
    ({"tolerance": "P8D"}, "tolerance", "between PT1M and P7D"),
    ({"tolerance": "PT0S"}, "tolerance", "no slot would be kept"),
    ({"tolerance": "PT59S"}, "tolerance", "write it as in PT2H"),
]


async def previewed(by: Caller, choices: dict[str, Any], query: str = "", account: str = "acme") -> Any:
    answer = await by.ask("POST", f"/v1/accounts/{account}/preview{query}", choices)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def everything(week: Week) -> Any:
    """The head of the log, and every row beside it."""
    return await week.store.position(), {each.name: await week.store.pick(Pick(each)) for each in TABLES}


# Asked beforehand.


async def test_a_preview_says_who_would_move_from_where_to_where_and_why(week_owner):
    found = await previewed(week_owner, NEW_YORK)
    assert found["sentence"] == "3 of 3 planned posts keep the wall clock."
    assert {each["id"]: (each["before"]["local"], each["after"]["local"], each["after"]["zone"])
            for each in found["items"]} == {
        "acme.hiring-nurses": ("2026-11-27T10:00", "2026-11-27T10:00", "America/New_York"),
        "acme.advent-calendar": ("2026-11-26T14:00", "2026-11-26T14:00", "America/New_York"),
        "acme.winter-guide": ("2026-11-30T09:00", "2026-11-30T09:00", "America/New_York"),
    }  # fmt: skip
    nurses = next(each for each in found["items"] if each["id"] == "acme.hiring-nurses")
    assert (nurses["before"]["at"], nurses["after"]["at"]) == ("2026-11-27T09:00:00Z", "2026-11-27T15:00:00Z")
    assert nurses["why"]["reason"] == "the zone is America/New_York now, and the wall clock was kept"


async def test_whoever_cannot_keep_the_wall_clock_is_counted_apart(week_owner):
    """Two o'clock on Thursday is long past in Tokyo."""
    found = await previewed(week_owner, TOKYO)
    assert found["sentence"] == "2 of 3 planned posts keep the wall clock; 1 is planned again."
    instants = await previewed(week_owner, {**TOKYO, "keep": "instant"})
    assert instants["sentence"] == "3 of 3 planned posts keep the instant."
    assert [(each["before"]["at"] == each["after"]["at"]) for each in instants["items"]] == [True] * 3


async def test_each_connection_says_which_days_gain_and_lose(week_owner):
    found = await previewed(week_owner, {"mode": "custom", "times": {"linkedin": {"wed": ["18:00"]}}})
    by_name = {each["connection"]: each for each in found["connections"]}
    assert by_name["acme.linkedin"] == {
        "connection": "acme.linkedin", "mode": {"before": "best_practice", "after": "custom"}, "posts": 1, "moves": 1,
        "missed": 0, "days": [{"day": "2026-11-27", "change": -1}, {"day": "2026-12-02", "change": 1}],
    }  # fmt: skip
    assert by_name["acme.x"]["moves"] == 0
    assert found["sentence"] == "1 of 3 planned posts is planned again."


async def test_a_cap_that_leaves_no_room_for_an_exact_time_names_the_post_and_says_who_decides(week, week_owner):
    for number in (1, 2):
        await promised(week, f"acme.jubilee-{number}", at(27, 8 + number))
    found = await previewed(week_owner, {"caps": {"linkedin": {"posts_per_day_max": 1}}})
    assert found["sentence"] == (
        "1 of 3 planned posts is planned again. 1 post with an exact time is over the cap: it is missed, and a person "
        "decides."
    )
    assert found["missed"] == [{
        "id": "acme.jubilee-2", "connection": "acme.linkedin",
        "before": {"at": "2026-11-27T10:00:00Z", "local": "2026-11-27T11:00", "zone": "Europe/Berlin"},
        "reason": "it would be over the cap of 1 posts a day",
    }]  # fmt: skip
    assert [each["id"] for each in found["items"]] == ["acme.hiring-nurses"]
    linkedin = next(each for each in found["connections"] if each["connection"] == "acme.linkedin")
    assert (linkedin["moves"], linkedin["missed"], linkedin["days"]) == (
        1, 1, [{"day": "2026-11-27", "change": -2}, {"day": "2026-11-30", "change": 1}],
    )  # fmt: skip


async def promised(week: Week, story: str, moment: Any) -> None:
    await week.teller.take_in(story, "acme.linkedin", "Ten years, to the minute.", exactly_at=moment)
    await week.teller.schedule(story, "acme.linkedin", slot(moment, *BERLIN), Why(mode="exactly"))


async def test_what_concerns_no_slot_moves_nobody_and_says_so(week_owner):
    assert (await previewed(week_owner, {"name": "Another name"}))["sentence"] == "None of 3 planned posts moves."
    await week_owner.ask("PUT", "/v1/accounts/empty", {"zone": "UTC"})
    assert (await previewed(week_owner, NEW_YORK, account="empty"))["sentence"] == "Nothing is planned that could move."


async def test_a_long_list_is_cut_and_says_how_many_more(week_owner):
    found = await previewed(week_owner, NEW_YORK, "?limit=1")
    assert (len(found["items"]), found["more"]) == (1, 2)
    assert (await week_owner.ask("POST", "/v1/accounts/acme/preview?limit=0", NEW_YORK)).status_code == 422
    assert (await week_owner.ask("POST", "/v1/accounts/acme/preview?limit=1001", NEW_YORK)).status_code == 422


async def test_a_preview_writes_nothing(week, week_owner):
    before = await everything(week)
    await previewed(week_owner, {**TOKYO, "caps": {"linkedin": {"posts_per_day_max": 1}}})
    assert await everything(week) == before


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("operator", 200), ("reviewer", 403), ("viewer", 403)])
async def test_who_may_change_an_account_may_ask_what_that_would_do(week, role: Role, status):
    by = await week.caller(role, accounts=["acme"])
    answer = await by.ask("POST", "/v1/accounts/acme/preview", NEW_YORK)
    assert answer.status_code == status


async def test_somebody_elses_account_is_as_unknown_as_none(week):
    bistro = await week.caller("owner", accounts=["bistro"])
    foreign, nobody = [
        await bistro.ask("POST", f"/v1/accounts/{name}/preview", NEW_YORK) for name in ("acme", "nobody")
    ]
    assert (foreign.status_code, nobody.status_code) == (404, 404)
    assert foreign.json() == nobody.json()
    stranger = Caller(week.http, "dk_nobody")
    assert (await stranger.ask("POST", "/v1/accounts/acme/preview", NEW_YORK)).status_code == 401


@pytest.mark.parametrize(("choices", "field", "mend"), WRONG)
async def test_a_wrong_choice_is_refused_by_its_name_with_its_mend(week, week_owner, choices, field, mend):
    """By the preview as by the change itself, and neither has done anything then."""
    before = await week.store.position()
    for method, path in (("POST", "/v1/accounts/acme/preview"), ("PATCH", "/v1/accounts/acme")):
        answer = await week_owner.ask(method, path, choices)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
        told = {each["field"]: each["detail"] for each in answer.json()["errors"]}
        assert field in told, told
        assert mend in told[field], told
    assert await week.store.position() == before


async def test_the_api_document_tells_of_preview_and_of_what_a_new_zone_keeps(week_owner):
    document = (await week_owner.ask("GET", "/openapi.json")).json()
    preview = document["paths"]["/v1/accounts/{id}/preview"]["post"]
    assert "Nothing is written" in preview["description"]
    put, patch = (document["paths"]["/v1/accounts/{id}"][method] for method in ("put", "patch"))
    for body in (preview["requestBody"], patch["requestBody"]):
        told = body["content"]["application/json"]
        assert "keep" in (body.get("description") or told["schema"]["description"])
        assert told["examples"]["another zone"]["value"]["keep"] == "instant"
    name = put["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    keep = document["components"]["schemas"][name]["properties"]["keep"]
    assert (keep["enum"], keep["default"]) == (["wall_clock", "instant"], "wall_clock")


# Told with the change.


async def kept(week: Week) -> list[str]:
    told = [each.fact for each in await week.store.read(account_stream("acme"))]
    return [fact.keep for fact in told if isinstance(fact, AccountChanged)]


async def test_a_new_zone_is_answered_with_what_it_moves(week, week_owner):
    foreseen = await previewed(week_owner, TOKYO)
    answer = await week_owner.ask("PATCH", "/v1/accounts/acme", TOKYO)
    moved = answer.json()["moved"]
    assert moved["keep"] == "wall_clock"
    assert moved["sentence"] == "2 of 3 planned posts keep the wall clock; 1 is planned again."
    assert (moved["items"], moved["connections"]) == (foreseen["items"], foreseen["connections"])
    assert (await kept(week))[-1] == "wall_clock"


async def test_or_the_instants_are_kept_and_the_choice_is_no_part_of_the_document(week, week_owner):
    document = (await week_owner.ask("GET", "/v1/accounts/acme")).json()
    answer = await week_owner.ask("PUT", "/v1/accounts/acme", {**document, **TOKYO, "keep": "instant"})
    assert answer.json()["moved"]["sentence"] == "3 of 3 planned posts keep the instant."
    assert (await kept(week))[-1] == "instant"
    read = (await week_owner.ask("GET", "/v1/accounts/acme")).json()
    assert read == {**document, **TOKYO}


async def test_the_same_request_again_has_the_same_answer(week, week_owner):
    body = {**TOKYO, "keep": "instant"}
    first = await week_owner.ask("PATCH", "/v1/accounts/acme", body, once="k")
    week.teller.until(at(27, 12))
    again = await week_owner.ask("PATCH", "/v1/accounts/acme", body, once="k")
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    other = await week_owner.ask("PATCH", "/v1/accounts/acme", {**body, "keep": "wall_clock"}, once="k")
    assert other.status_code == 422


async def test_without_a_new_zone_nothing_is_said_of_moves(week_owner):
    for choices in ({"name": "Acme Care GmbH"}, {"zone": "Europe/Berlin"}, {"mode": "adaptive", "keep": "instant"}):
        assert "moved" not in (await week_owner.ask("PATCH", "/v1/accounts/acme", choices)).json()
    assert "moved" not in (await week_owner.ask("PUT", "/v1/accounts/another", {"zone": "UTC"})).json()
    refused = await week_owner.ask("PUT", "/v1/accounts/another", {"zone": "UTC", "keep": "both"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "keep")
