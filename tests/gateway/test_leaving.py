"""Whoever leaves in the middle of a body has broken nothing: nobody is called, and nothing is done."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

DOORS = ("/v1/posts/acme.spring/comments", "/v1/posts/acme.spring/retry", "/v1/house/pause", "/login",
         "/page/posts/acme.spring/comments")  # fmt: skip


async def half_sent(house, path: str, key: str) -> list[dict]:
    """One character of fifty, and then the connection is gone; what was answered into the void."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "content-length": "50",
               "sec-fetch-site": "same-origin"}  # fmt: skip
    coming = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    answered: list[dict] = []

    async def receive():
        return next(coming)

    async def send(message):
        answered.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": raw,
             "http_version": "1.1", "scheme": "http", "server": ("distribution.test", 80), "root_path": ""}  # fmt: skip
    await house.gateway.asgi(scope, receive, send)
    return answered


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("known", [True, False], ids=["with a key", "without one"])
async def test_a_client_that_leaves_before_its_body_has_come_is_no_fault(house, owner, path, known):
    await house.post()
    before = await house.store.position()
    with capture_logs() as logged:
        (begun, _) = await half_sent(house, path, owner.key if known else "dk_no")
    assert begun["status"] < 500
    assert [each for each in logged if each["log_level"] != "debug"] == []
    assert await house.store.position() == before
