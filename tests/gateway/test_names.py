"""A name that nothing can have: it is not looked for, on whichever database, and nothing breaks over it (G26, I30)."""

from __future__ import annotations

import pytest

from services.chassis.opening import migrate
from tests.gateway.house import running
from tests.gateway.test_page import send, signed_in

PATHS = ("/v1/posts/%00", "/v1/posts/acme.%00/timeline", "/v1/posts/acme.%00/why", "/v1/accounts/%00",
         "/v1/accounts/%00/connections", "/posts/%00")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_called_by_a_zero_character(owner, path):
    assert (await owner.ask("GET", path)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/posts", "/v1/posts/counts", "/"])
async def test_a_question_with_a_zero_character_names_its_field(owner, path):
    answer = await owner.ask("GET", f"{path}?account=%00")
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["account"])


async def test_the_kill_switch_reaches_names_alone(owner):
    answer = await owner.ask("POST", "/v1/house/pause", {"scope": "\0"}, once="a")
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["scope"])


@pytest.fixture(params=["memory", "postgres"])
async def anywhere(request):
    """A house with the account `acme` and somebody signed in."""
    address = None
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_address")
        migrate(address)
    async with running(database=address) as house:
        await house.account(await house.caller())
        await signed_in(house)
        yield house


NOBODY = ("acme.\0", "\0", "\0.spring", "acme.spring\0", "acme", "acme.spring.1", "acme." + "x" * 65)


async def test_a_body_that_names_what_no_post_is_called_is_told_that_there_is_none(anywhere):
    by = await anywhere.caller()
    for name in NOBODY:
        answer = await by.ask("POST", "/v1/posts/bulk", {"action": "cancel", "posts": [{"id": name}]})
        (item,) = answer.json()["items"]
        assert (answer.status_code, item["id"], item["problem"]["code"]) == (200, name, "not_found"), name


async def test_so_is_what_was_dropped_on_the_page(anywhere):
    for name in NOBODY:
        answer = await send(anywhere.http, "/page/moves", post=name, how="slot", slot="2026-11-27T09:30:00Z")
        assert answer.status_code == 404, name
