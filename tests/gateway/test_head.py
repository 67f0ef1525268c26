"""HEAD is answered as GET is, without the body: by it probes and caches ask whether something is there (RFC 9110)."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.weeks import served

ANYBODY = ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json", "/page/static/page.css")


@pytest.mark.parametrize("path", [*ANYBODY, "/v1/posts", "/v1/accounts/acme", "/v1/posts/acme.nothing", "/nothing"])
async def test_head_says_what_get_says_and_sends_nothing(owner, path):
    there, asked = await owner.ask("GET", path), await owner.ask("HEAD", path)
    assert (asked.status_code, asked.content) == (there.status_code, b"")
    assert there.content
    assert {name for name in there.headers if name != "date"} == {name for name in asked.headers if name != "date"}


async def test_the_page_says_by_head_who_is_sent_to_the_door(house):
    answer = await house.http.head("/")
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/login", b"")


async def test_head_uses_nothing_up_and_waits_for_nothing(house, owner):
    """Whatever looks at a link before a person follows it asks by HEAD: a login and a consent are good once."""
    once = f"/login?once={house.gateway.login_once(owner.key)}"
    back = await house.consented(owner, "linkedin")
    for path in (once, back, "/v1/events"):
        answer = await owner.ask("HEAD", path)
        assert (answer.status_code, answer.content) == (405, b""), path
    assert (await house.http.get(once)).status_code == 303
    assert (await house.http.get(back)).status_code == 200


async def test_over_a_connection_the_next_answer_is_the_next_ones():
    async with served() as (address, _), httpx.AsyncClient(base_url=address) as client:
        for path in ANYBODY:
            asked, there = await client.head(path), await client.get(path)
            assert (asked.status_code, asked.content, there.status_code) == (200, b"", 200), path
            if path != "/metrics":
                assert asked.headers["content-length"] == str(len(there.content))
