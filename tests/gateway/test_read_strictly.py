"""A request means one thing or is refused by name: how its body is sent, how it is spelled, what its address says."""

from __future__ import annotations

import asyncio
import json

import pytest

from events import AccountChanged, AccountDocument
from events.subjects import account_stream
from tests.gateway.house import BERLIN, PATIENCE_S, Caller

ACCOUNT = "/v1/accounts/acme"


async def sent(by: Caller, method: str, path: str, raw: bytes, kind: str | None = "application/json"):
    headers = {"authorization": f"Bearer {by.key}"} | ({} if kind is None else {"content-type": kind})
    return await asyncio.wait_for(by.client.request(method, path, content=raw, headers=headers), PATIENCE_S)


def named(answer) -> list[tuple[str, str]]:
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    return [(each["field"], each["detail"]) for each in answer.json()["errors"]]


# How a body is sent.


async def test_a_body_that_is_not_sent_as_json_is_told_how_to_be(house, owner):
    """A form or plain text is what another site can send without asking (A8), and a form is what curl says it sends."""
    before = await house.store.position()
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "application/xml", "", None):
        for method, path in (("PUT", ACCOUNT), ("PATCH", ACCOUNT), ("POST", "/v1/house/pause")):
            answer = await sent(owner, method, path, b'{"zone": "UTC"}', kind)
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), (kind, path)
            assert "`Content-Type: application/json`" in answer.json()["detail"]
    assert await house.store.position() == before


async def test_json_may_say_its_letters_and_be_of_a_kind_of_its_own(house, owner):
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"):
        assert (await sent(owner, "PATCH", ACCOUNT, b'{"name": "N"}', kind)).status_code == 200, kind


async def test_what_needs_no_body_needs_no_content_type(house, owner):
    for kind in (None, "", "application/x-www-form-urlencoded"):
        assert (await sent(owner, "POST", "/v1/house/pause", b"", kind)).status_code == 200, kind
        assert (await sent(owner, "POST", "/v1/house/resume", b"", kind)).status_code == 200, kind
        assert (await sent(owner, "DELETE", "/v1/keys/aaaaaaaa", b"", kind)).status_code == 404, kind


async def test_a_stranger_is_told_nothing_of_what_is_wrong(house, owner):
    stranger = Caller(house.http, "dk_no")
    for raw, kind, path in ((b"{}", "text/plain", ACCOUNT), (b"{", "application/json", ACCOUNT),
                            (b"{}", "application/json", f"{ACCOUNT}?colour=red")):  # fmt: skip
        assert (await sent(stranger, "PUT", path, raw, kind)).json()["code"] == "unauthenticated", (raw, kind, path)


# How it is spelled.


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"zone", "is not JSON: at character 1, expecting value"),
        (b'{"zone": "U" "x"}', "is not JSON: at character 14, expecting ',' delimiter"),
        (b'{"name": "\xc3\xbcber" x}', "is not JSON: at character 17, expecting ',' delimiter"),
        (b'{"zone": "UTC', "is not JSON: at character 10, unterminated string"),
        (b'{"zone": "UTC"} {}', "is not JSON: at character 17, extra data"),
        (b'{"zone": "\xff"}', "is not JSON: its text has to be UTF-8"),
        ('{"zone": "UTC"}'.encode("utf-16"), "is not JSON: its text has to be UTF-8"),
        ('{"zone": "UTC"}'.encode("utf-16-le"), "is not JSON: its text has to be UTF-8"),
        ('{"zone": "UTC"}'.encode("utf-32-be"), "is not JSON: its text has to be UTF-8"),
        (b'\xef\xbb\xbf{"zone": "UTC"}', "is not JSON: it begins with a byte order mark; send its text alone"),
        (b'{"zone": ' + b"9" * 5000 + b"}", "holds a number of 5,000 digits; write one that fits into 64 bits"),
        (b'{"zone": -9223372036854775809}', "holds a number of 19 digits; write one that fits into 64 bits"),
        (b'{"zone": NaN}', "NaN is not a number in JSON"),
    ],
)
async def test_what_is_no_json_is_said_to_be_none_and_where(house, owner, raw, said):
    answer = await sent(owner, "PUT", ACCOUNT, raw)
    assert named(answer) == [("body", said)]
    assert answer.json()["detail"] == f"body: {said}"


async def test_a_number_as_long_as_every_reader_takes_is_read(house, owner):
    for number in (2**64 - 1, -(2**63)):
        raw = b'{"times": %d}' % number
        assert named(await sent(owner, "PATCH", ACCOUNT, raw)) == [("times", "has to be an object, in braces")]


async def test_a_key_that_is_there_twice_is_named(house, owner):
    said = "is there twice; write it once"
    assert named(await sent(owner, "PUT", ACCOUNT, b'{"zone": "UTC", "zone": "UTC"}')) == [("zone", said)]
    inner = b'{"caps": {"x": {"posts_per_day_max": 1}, "x": {"posts_per_day_max": 2}}}'
    assert named(await sent(owner, "PATCH", ACCOUNT, inner)) == [("x", said)]


async def test_a_body_of_the_wrong_kind_is_called_the_body(house, owner):
    assert named(await sent(owner, "PUT", ACCOUNT, b"[]")) == [("body", "has to be an object, in braces")]


async def test_a_mended_message_is_text_or_an_object_and_named_once(house, owner):
    for body in (5, [1], True):
        raw = json.dumps({"body": body}).encode()
        answer = await sent(owner, "POST", f"/v1/parked/parked-{'0' * 32}/redrive", raw)
        assert named(answer) == [("body", "has to be text, or an object in braces")]


NEEDS_NO_BODY = ("/v1/posts/acme.spring/retry", "/v1/connections/acme.linkedin/check", "/v1/views/queue/rebuild",
                 "/v1/house/clock/accept", f"/v1/bulks/{'0' * 32}/undo")  # fmt: skip


@pytest.mark.parametrize("path", NEEDS_NO_BODY)
async def test_a_change_that_needs_no_body_takes_no_word_in_one(house, owner, path):
    await house.post()
    before = await house.store.position()
    for raw, field, said in (
        (b"not json", "body", "is not JSON: at character 1, expecting value"),
        (b'{"force": true}', "force", "there is no such field; leave it out"),
        (b"[]", "body", "has to be an object, in braces"),
    ):
        assert named(await sent(owner, "POST", path, raw)) == [(field, said)]
    assert (await sent(owner, "POST", path, b"force=1", "application/x-www-form-urlencoded")).status_code == 415
    assert (await sent(Caller(house.http, "dk_no"), "POST", path, b"not json")).status_code == 401
    assert await house.store.position() == before


async def test_neither_does_what_is_ended(owner):
    for path in ("/v1/keys/aaaaaaaa", "/v1/connections/acme.linkedin"):
        said = ("force", "there is no such field; leave it out")
        assert named(await sent(owner, "DELETE", path, b'{"force": true}')) == [said]


async def test_an_empty_object_is_as_good_as_no_body(owner):
    for raw in (b"", b"{}", b" { } "):
        assert (await sent(owner, "POST", "/v1/views/queue/rebuild", raw)).status_code == 200, raw


@pytest.mark.parametrize("levels", [33, 40, 253, 300, 500, 5000])
async def test_however_deep_a_body_is_nested_it_is_told_the_same(owner, levels):
    raw = b'{"name": ' + b"[" * levels + b"]" * levels + b"}"
    assert named(await sent(owner, "PATCH", ACCOUNT, raw)) == [("body", "is nested deeper than 32 levels")]


# What it says.


async def test_an_address_says_nothing_that_would_be_ignored(house, owner):
    no_such = "there is no such field; leave it out"
    for method, path, body in (
        ("PATCH", ACCOUNT, {"zone": "UTC"}),
        ("GET", ACCOUNT, None),
        ("GET", "/v1/accounts", None),
        ("GET", "/v1/posts", None),
        ("GET", f"{ACCOUNT}/insights", None),
        ("GET", "/v1/keys", None),
        ("GET", "/v1/events", None),
        ("POST", "/v1/house/pause", None),
        ("DELETE", "/v1/connections/acme.linkedin", None),
    ):
        answer = await owner.ask(method, f"{path}?keep=instant", body)
        assert named(answer) == [("keep", no_such)], path
    assert (await owner.ask("GET", ACCOUNT)).json()["zone"] == "Europe/Berlin"


async def test_what_an_address_may_say_it_may_say(house, owner):
    for path in ("/v1/posts?status=failed&from=2026-11-23&limit=5", "/v1/accounts?limit=1", "/v1/parked?limit=2",
                 f"{ACCOUNT}/insights?from=2026-11-23&format=csv"):  # fmt: skip
        assert (await owner.ask("GET", path)).status_code == 200, path


async def test_what_an_address_says_twice_is_refused_by_name(house, owner):
    for path in ("/v1/posts?status=failed&status=scheduled", "/v1/posts/counts?status=failed&status=failed"):
        assert named(await owner.ask("GET", path)) == [("status", "is given twice; say it once")], path


async def test_on_the_page_too(house, owner):
    answer = await owner.ask("GET", "/?status=failed&status=scheduled")
    assert (answer.status_code, "status: is given twice" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("choices", "field", "said"),
    [
        ({"caps": {"x": {"posts_per_day_max": True}}}, "caps.x.posts_per_day_max", "write a whole number"),
        ({"tolerance": 7200}, "tolerance", "write a span of time as in PT30M"),
        ({"spacing": {"x": 3600}}, "spacing.x", "write a span of time as in PT30M"),
        ({"spacing": {"x": True}}, "spacing.x", "write a span of time as in PT30M"),
    ],
)
async def test_yes_is_no_number_and_a_number_is_no_span_of_time(house, owner, choices, field, said):
    before = await house.store.position()
    assert named(await owner.ask("PUT", ACCOUNT, {**BERLIN, **choices})) == [(field, said)]
    assert named(await owner.ask("PATCH", ACCOUNT, choices)) == [(field, said)]
    assert named(await owner.ask("POST", f"{ACCOUNT}/preview", choices)) == [(field, said)]
    assert await house.store.position() == before


async def test_a_replay_begins_at_a_number_and_not_at_yes(house, owner):
    assert named(await owner.ask("POST", "/v1/replays", {"from": True})) == [("from", "write a whole number")]
    assert [field for field, _ in named(await owner.ask("POST", "/v1/replays", {"after": 1}))] == ["after"]


async def test_what_was_said_before_is_still_read(house):
    by = await house.caller()
    written = {"id": "acme", "zone": "UTC", "tolerance": 7200, "spacing": {"x": 3600}}
    await house.say(account_stream("acme"), AccountChanged(document=AccountDocument.model_validate(written)))
    answer = await by.ask("PATCH", ACCOUNT, {"name": "N"})
    assert (answer.status_code, answer.json()["tolerance"], answer.json()["spacing"]) == (200, "PT2H", {"x": "PT1H"})


async def test_a_star_asks_for_whatever_version_is_there(house, owner):
    for name in ("first", "second"):
        answer = await owner.ask("PATCH", ACCOUNT, {"name": name}, **{"if-match": "*"})
        assert (answer.status_code, answer.json()["name"]) == (200, name)


async def test_of_several_versions_any_will_do(house, owner):
    """RFC 9110: whoever holds several copies names them all."""
    for number, tags in enumerate(('"7", "1"', 'W/"2" , "9"', '"3"'), start=1):
        answer = await owner.ask("PATCH", ACCOUNT, {"name": tags}, **{"if-match": tags})
        assert (answer.status_code, answer.headers["etag"]) == (200, f'"{number + 1}"'), tags
    answer = await owner.ask("PATCH", ACCOUNT, {"name": "N"}, **{"if-match": '"1", "2", "3"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


@pytest.mark.parametrize("tags", ["", " ", '""', 'W/""', ",", '"", ""'])
async def test_a_version_that_is_empty_is_refused_and_not_taken_for_none(house, owner, tags):
    before = await house.store.position()
    answer = await owner.ask("PATCH", ACCOUNT, {"name": "N"}, **{"if-match": tags})
    (wrong,) = named(answer)
    assert wrong[0] == "If-Match"
    assert wrong[1].startswith("is empty; write the ETag that you read")
    bulk = {"action": "cancel", "posts": [{"id": "acme.spring", "version": ""}]}
    assert [field for field, _ in named(await owner.ask("POST", "/v1/posts/bulk", bulk))] == ["posts.0.version"]
    assert await house.store.position() == before
