"""A cursor is given by a list and taken back by the same one; whatever else looks like one is refused by name (S24)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

LISTS = (("posts", "newest"), ("parked", "parked"), ("approvals", "approvals"))
NO_NUMBERS: tuple[Any, ...] = (True, False, 1.0, 1.5, None, "1", [1], -1, 2**63, 2**64, -(2**63), 10**30)


def written(made: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(made, separators=(",", ":")).encode()).decode().rstrip("=")


@pytest.mark.parametrize(("path", "order"), LISTS)
async def test_a_cursor_without_a_whole_number_is_one_that_no_list_has_given(owner, path, order):
    assert (await owner.ask("GET", f"/v1/{path}?cursor={written([order, 1, 'a'])}")).status_code == 200
    for number in NO_NUMBERS:
        answer = await owner.ask("GET", f"/v1/{path}?cursor={written([order, number, 'a'])}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), number
        said = {"field": "cursor", "detail": "is not one this list has given; leave it out to begin at the beginning"}
        assert answer.json()["errors"] == [said], number
