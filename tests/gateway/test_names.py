"""A name that nothing can have: it is not looked for, on whichever database, and nothing breaks over it (G26, I30)."""

from __future__ import annotations

import pytest

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
