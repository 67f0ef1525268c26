"""Who may walk through which door: keys, roles, accounts, sessions, and requests from elsewhere (S49, I30, I37)."""

from __future__ import annotations

import asyncio
import re
from importlib import import_module

import pytest

from events import AccountChanged, AccountDocument, KeyIssued, KeyRevoked
from events.subjects import account_stream, key_stream
from services.chassis.store import StoreError
from services.chassis.telemetry import redacted
from services.gateway.desk import Hooks
from services.gateway.keys import KEY
from services.gateway.principal import MAY
from services.gateway.views import queue
from tests.gateway.house import Caller, running
from tests.gateway.test_asks import SCHEDULED, answering

BLOG = {"site": "https://acme.sites.sandbox", "user": "u", "key": "k"}
TOMORROW = {"not_before": "2026-11-25T09:00:00Z"}
DOORS = [
    ("GET", "/v1/accounts/acme", None, "read"),
    ("PUT", "/v1/accounts/acme", {"zone": "UTC"}, "configure"),
    ("PATCH", "/v1/accounts/acme", {"name": "N"}, "configure"),
    ("POST", "/v1/accounts/acme/connections/x/authorize", None, "connect"),
    ("PUT", "/v1/accounts/acme/connections/blog", BLOG, "connect"),
    ("POST", "/v1/connections/acme.linkedin/check", None, "connect"),
    ("DELETE", "/v1/connections/acme.linkedin", None, "connect"),
    ("PATCH", "/v1/posts/acme.spring", {"text": "New"}, "queue"),
    ("POST", "/v1/posts/acme.spring/retry", None, "queue"),
    ("POST", "/v1/posts/acme.spring/cancel", None, "queue"),
    ("POST", "/v1/posts/acme.spring/reschedule", TOMORROW, "queue"),
    ("POST", "/v1/posts/acme.spring/settle", {"as": "send_again"}, "queue"),
    ("POST", "/v1/posts/acme.spring/approve", None, "review"),
    ("POST", "/v1/posts/acme.spring/reject", {"comment": "Not like this."}, "review"),
    ("POST", "/v1/posts/acme.spring/comments", {"text": "Is it audited?"}, "comment"),
    ("POST", "/v1/posts/bulk", {"action": "retry", "posts": [{"id": "acme.spring"}]}, "queue"),
    ("POST", "/v1/house/pause", {"scope": "acme"}, "operate"),
    ("POST", "/v1/house/resume", {"scope": "acme"}, "operate"),
]
HOUSE_DOORS = [
    ("POST", "/v1/house/pause", {"scope": "all"}, "operate"),
    ("POST", "/v1/house/pause", {"scope": "linkedin"}, "operate"),
    ("POST", "/v1/house/resume", None, "operate"),
    ("POST", "/v1/house/clock/accept", None, "operate"),
    ("POST", "/v1/keys", {"role": "viewer"}, "keys"),
]


@pytest.fixture
async def furnished(house, owner):
    """Something behind every door, and whatever is asked for is granted."""
    await house.connected(owner, "linkedin")
    await house.post()
    house.answers = answering(SCHEDULED)
    return house


@pytest.mark.parametrize("role", MAY)
async def test_a_role_opens_its_own_doors_and_no_others(furnished, role):
    """A19: every door, tried with every role."""
    by = await furnished.caller(role, ["acme"])
    for method, path, body, action in DOORS:
        before = await furnished.store.position()
        answer = await by.ask(method, path, body)
        if action in MAY[role]:
            assert answer.status_code not in (401, 403, 404), (method, path, answer.text)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
            assert await furnished.store.position() == before


async def test_what_is_somebody_elses_is_answered_like_what_is_not_there(furnished):
    """I30: byte for byte, so that nobody learns from guessing."""
    stranger = await furnished.caller("owner", ["globex"])
    before = await furnished.store.position()
    for method, path, body, _ in DOORS:
        if path == "/v1/posts/bulk":
            continue
        foreign = await stranger.ask(method, path, body)
        unknown_body = {**body, "scope": "nobody"} if body and "scope" in body else body
        unknown = await stranger.ask(method, path.replace("acme", "nobody"), unknown_body)
        assert foreign.status_code == unknown.status_code == 404, (method, path)
        assert (foreign.content, foreign.headers) == (unknown.content, unknown.headers), (method, path)
    assert await furnished.store.position() == before


async def test_a_foreign_post_in_a_bulk_is_answered_like_an_unknown_one(furnished):
    stranger = await furnished.caller("owner", ["globex"])
    body = {"action": "cancel", "posts": [{"id": "acme.spring"}, {"id": "nobody.spring"}, {"id": "globex.spring"}]}
    items = (await stranger.ask("POST", "/v1/posts/bulk", body)).json()["items"]
    assert [each["problem"] for each in items] == [items[0]["problem"]] * 3
    assert items[0]["problem"]["status"] == 404


@pytest.mark.parametrize("role", MAY)
async def test_what_concerns_the_whole_house_takes_a_key_for_all_of_it(house, owner, role):
    some, everywhere = await house.caller(role, ["acme"]), await house.caller(role)
    for method, path, body, action in HOUSE_DOORS:
        assert (await some.ask(method, path, body)).status_code == 403, (method, path)
        answer = await everywhere.ask(method, path, body)
        assert (answer.status_code == 403) == (action not in MAY[role]), (method, path, answer.text)


async def test_an_account_called_like_a_channel_cannot_stop_that_channel_for_everybody(house):
    """None is called so any more; one of old may be."""
    document = AccountDocument.model_validate({"id": "x", "zone": "UTC"})
    await house.say(account_stream("x"), AccountChanged(document=document))
    some = await house.caller("owner", ["x"])
    assert (await some.ask("POST", "/v1/house/pause", {"scope": "x"})).status_code == 403


# Keys.


async def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(house, owner):
    key = owner.key
    revoked = (await owner.ask("POST", "/v1/keys", {"role": "viewer"})).json()
    await owner.ask("DELETE", f"/v1/keys/{revoked['prefix']}")
    unknown = await Caller(house.http, "dk_zzzzzzzz_" + "A" * 43).ask("GET", "/v1/accounts/acme")
    assert unknown.status_code == 401
    assert unknown.headers["www-authenticate"] == "Bearer"
    for wrong in (
        "", key[:-1], key + "A", key.upper(), key[:-1] + ("A" if key[-1] != "A" else "B"), "dk_" + "a" * 8 + key[11:],
        "dk_../../e" + key[11:], key.replace("dk_", "pk_"), "x" * 10_000, revoked["key"],
    ):  # fmt: skip
        answer = await Caller(house.http, wrong).ask("GET", "/v1/accounts/acme")
        assert (answer.status_code, answer.content, answer.headers) == (401, unknown.content, unknown.headers), wrong


async def test_without_a_key_only_the_open_doors_open(house, owner):
    paths = (await house.http.get("/openapi.json")).json()["paths"]
    shut = [path for path in paths if path.startswith("/v1/")]
    assert len(shut) >= 15
    for path in shut:
        for method in paths[path]:
            address = re.sub(r"\{\w+\}", "acme", path)
            answer = await house.http.request(method.upper(), address, json={})
            assert answer.status_code == 401, (method, path, answer.text)
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/login"):
        assert (await house.http.get(path)).status_code == 200


async def test_a_stranger_is_not_even_told_what_is_misspelt(house, owner):
    for content in (b"{", b"\xff", b'{"colour": 1}', b""):
        answer = await house.http.put(
            "/v1/accounts/acme", content=content, headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), content


async def test_a_key_is_issued_shown_once_and_kept_only_as_a_hash(house, owner):
    answer = await owner.ask("POST", "/v1/keys", {"role": "operator", "accounts": ["acme"], "name": "the agency"})
    key, prefix = answer.json()["key"], answer.json()["prefix"]
    assert KEY.fullmatch(key)
    assert key not in await house.everything_said()
    (fact,) = await house.facts(key_stream(prefix))
    assert isinstance(fact, KeyIssued)
    assert (fact.role, fact.accounts, fact.name) == ("operator", ("acme",), "the agency")
    assert (await Caller(house.http, key).ask("GET", "/v1/accounts/acme")).status_code == 200
    listed = (await owner.ask("GET", "/v1/keys")).json()["items"]
    assert {
        "prefix": prefix,
        "role": "operator",
        "accounts": ["acme"],
        "name": "the agency",
        "revoked": False,
    } in listed
    assert key not in str(listed)


async def test_the_same_request_for_a_key_is_answered_with_the_same_key(house, owner):
    asked = [owner.ask("POST", "/v1/keys", {"role": "viewer"}, once="k1") for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert len({each.content for each in answers}) == 1
    assert len(await house.facts(key_stream(answers[0].json()["prefix"]))) == 1
    another = await owner.ask("POST", "/v1/keys", {"role": "viewer"}, once="k2")
    assert another.json()["key"] != answers[0].json()["key"]


async def test_a_revoked_key_opens_nothing_from_that_moment_on(house, owner):
    issued = (await owner.ask("POST", "/v1/keys", {"role": "viewer"})).json()
    by = Caller(house.http, issued["key"])
    assert (await by.ask("GET", "/v1/accounts/acme")).status_code == 200
    for _ in range(2):
        assert (await owner.ask("DELETE", f"/v1/keys/{issued['prefix']}")).status_code == 200
    assert (await by.ask("GET", "/v1/accounts/acme")).status_code == 401
    assert [type(fact) for fact in await house.facts(key_stream(issued["prefix"]))] == [KeyIssued, KeyRevoked]


async def test_a_key_reaches_no_further_than_whoever_issues_it(house, owner):
    await house.account(owner, "globex")
    some = await house.caller("owner", ["acme"])
    for accounts in (None, ["globex"], ["acme", "globex"]):
        answer = await some.ask("POST", "/v1/keys", {"role": "viewer", "accounts": accounts})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "accounts")
    issued = (await some.ask("POST", "/v1/keys", {"role": "viewer", "accounts": ["acme"]})).json()
    theirs = (await owner.ask("POST", "/v1/keys", {"role": "viewer", "accounts": ["globex"]})).json()
    prefixes = [each["prefix"] for each in (await some.ask("GET", "/v1/keys")).json()["items"]]
    assert issued["prefix"] in prefixes
    assert theirs["prefix"] not in prefixes
    foreign = await some.ask("DELETE", f"/v1/keys/{theirs['prefix']}")
    unknown = await some.ask("DELETE", "/v1/keys/zzzzzzzz")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content) == (404, unknown.content)


async def test_keys_of_this_form_are_dots_in_every_log(house, owner):
    assert redacted({"said": f"the key {owner.key} was sent"}) == {"said": "the key ••• was sent"}


# Sessions.


async def signed_in(house, key):
    answer = await house.http.get(f"/login?once={house.gateway.login_once(key)}")
    house.http.cookies.clear()
    return answer


def cookie_of(answer):
    return {"cookie": answer.headers["set-cookie"].split(";")[0], "sec-fetch-site": "same-origin"}


async def test_the_printed_address_signs_a_browser_in_once(house, owner):
    once = house.gateway.login_once(owner.key)
    answer = await house.http.get(f"/login?once={once}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("distribution=")
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert (await house.http.get("/v1/accounts/acme", headers=cookie_of(answer))).status_code == 200
    house.http.cookies.clear()
    assert (await house.http.get(f"/login?once={once}")).status_code == 401
    assert (await house.http.get("/login?once=guessed")).status_code == 401


async def test_the_printed_address_is_good_for_ten_minutes(house, owner):
    once = house.gateway.login_once(owner.key)
    await house.after(minutes=10)
    assert (await house.http.get(f"/login?once={once}")).status_code == 401


async def test_on_https_the_cookie_is_bound_to_this_host():
    async with running(public_url="https://distribution.example") as house:
        owner = await house.caller()
        answer = await signed_in(house, owner.key)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-distribution=")
        assert "; secure" in cookie.lower()
        assert "path=/" in cookie.lower()
        assert "domain" not in cookie.lower()
        assert (await house.http.get("/v1/keys", headers=cookie_of(answer))).status_code == 200


async def test_a_key_typed_into_the_form_signs_in_and_out(house, owner):
    typed = {"content": f"key={owner.key}", "headers": {"sec-fetch-site": "same-origin"}}
    answer = await house.http.post("/login", **typed)
    assert answer.status_code == 303
    cookie = cookie_of(answer)
    house.http.cookies.clear()
    out = await house.http.post("/logout", headers=cookie)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert (await house.http.get("/v1/accounts/acme", headers=cookie)).status_code == 401
    wrong = await house.http.post("/login", content="key=dk_no", headers={"sec-fetch-site": "same-origin"})
    assert (wrong.status_code, "not a key of this house" in wrong.text) == (401, True)


async def test_a_session_ends_after_half_an_hour_of_silence_and_after_twelve_hours_of_anything(house, owner):
    silent, busy = cookie_of(await signed_in(house, owner.key)), cookie_of(await signed_in(house, owner.key))

    async def opens(cookie):
        return (await house.http.get("/v1/accounts/acme", headers=cookie)).status_code == 200

    await house.after(minutes=20)
    assert await opens(busy)
    await house.after(minutes=10)
    assert await opens(busy)
    assert not await opens(silent)
    for _ in range(45):
        await house.after(minutes=15)
        assert await opens(busy)
    assert house.clock.elapsed() == 11.75 * 3600
    await house.after(minutes=15)
    assert not await opens(busy)


async def test_a_session_ends_with_the_key_it_was_opened_with(house, owner):
    issued = (await owner.ask("POST", "/v1/keys", {"role": "viewer"})).json()
    cookie = cookie_of(await signed_in(house, issued["key"]))
    assert (await house.http.get("/v1/accounts/acme", headers=cookie)).status_code == 200
    await owner.ask("DELETE", f"/v1/keys/{issued['prefix']}")
    assert (await house.http.get("/v1/accounts/acme", headers=cookie)).status_code == 401


SENT = [
    ({"sec-fetch-site": "same-origin"}, True),
    ({"origin": "http://distribution.test"}, True),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "same-site"}, False),
    ({"sec-fetch-site": "none"}, False),
    ({"sec-fetch-site": "cross-site", "origin": "http://distribution.test"}, False),
    ({"origin": "https://evil.example"}, False),
    ({"origin": "null"}, False),
    ({}, False),
]


async def test_a_change_by_cookie_has_to_come_from_our_own_page(house, owner):
    """A8: whatever the route and its body. What only reads may be a link anywhere: a consent leads back by one."""
    cookie = {"cookie": cookie_of(await signed_in(house, owner.key))["cookie"]}
    for sent, taken in SENT:
        for path in ("/v1/house/pause", "/v1/house/resume"):
            answer = await house.http.post(path, headers={**cookie, **sent})
            assert answer.status_code == (200 if taken else 403), (path, sent)
            assert taken or answer.json()["code"] == "cross_site"
        assert (await house.http.get("/v1/accounts/acme", headers={**cookie, **sent})).status_code == 200


async def test_a_key_sent_along_may_come_from_anywhere(house, owner):
    answer = await owner.ask("POST", "/v1/house/pause", None, **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


async def test_nobody_is_signed_in_from_another_site(house, owner):
    answer = await house.http.post("/login", content=f"key={owner.key}", headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


# What every answer carries, and what no request may.


async def test_every_answer_says_what_a_browser_may_do_with_it(house, owner):
    for path in ("/livez", "/v1/accounts/acme", "/nowhere", "/login", "/docs", "/openapi.json"):
        answer = await house.http.get(path)
        rules = answer.headers["content-security-policy"].split("; ")
        for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
                     "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):  # fmt: skip
            assert rule in rules, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
async def test_a_body_over_a_million_bytes_is_refused_however_it_comes(house, owner, told):
    body = b'{"zone": "UTC", "name": "' + b"a" * 1_000_001 + b'"}'

    async def pieces():
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    headers = {"authorization": f"Bearer {owner.key}", "content-type": "application/json"}
    answer = await house.http.put("/v1/accounts/acme", content=body if told else pieces(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


UNCLEAR = {
    "twice": (b'{"zone": "UTC", "zone": "Europe/Berlin"}', "zone: is there twice"),
    "nan": (b'{"zone": NaN}', "NaN"),
    "infinity": (b'{"zone": -Infinity}', "Infinity"),
    "half a character": (b'{"zone": "\\ud800"}', "surrogates"),
    "big": (b'{"zone": 123456789012345678901234567890}', ""),
    "deep": (b'{"zone": ' + b"[" * 40 + b"]" * 40 + b"}", "deeper"),
    "abyss": (b'{"zone": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper"),
    "cut": (b"{", ""),
    "bytes": (b"\xff\xfe", ""),
    "list": (b"[]", ""),
    "null": (b"null", ""),
}


async def test_what_two_parsers_could_read_differently_is_refused(house, owner):
    """A25."""
    headers = {"authorization": f"Bearer {owner.key}", "content-type": "application/json"}
    for name, (raw, word) in UNCLEAR.items():
        answer = await house.http.put("/v1/accounts/acme", content=raw, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), name
        assert word in answer.json()["detail"], name


async def test_a_wrong_address_or_method_is_a_problem_like_any_other(house):
    nowhere, wrong = await house.http.get("/nowhere"), await house.http.put("/livez")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert nowhere.headers["content-type"] == "application/problem+json"


async def test_whoever_comes_by_the_wrong_method_is_told_the_right_ones(house):
    """RFC 9110: also where one address has a route for each."""
    for method, path, offered in (
        ("POST", "/v1/accounts/acme", "GET, PUT, PATCH, HEAD"),
        ("DELETE", "/v1/posts/acme.spring", "GET, PATCH, HEAD"),
        ("GET", "/v1/posts/acme.spring/retry", "POST"),
        ("POST", "/v1/events", "GET"),
        ("PUT", "/livez", "GET, HEAD"),
    ):
        answer = await house.http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, offered), path


@pytest.mark.parametrize(
    ("role", "method", "path", "whom"),
    [
        ("operator", "GET", "/v1/keys", "an owner"),
        ("viewer", "GET", "/v1/keys", "an owner"),
        ("viewer", "POST", "/v1/posts/acme.spring/retry", "an owner or an operator"),
        ("operator", "POST", "/v1/posts/acme.spring/approve", "an owner or a reviewer"),
    ],
)
async def test_whoever_may_not_is_sent_to_somebody_who_may(furnished, role, method, path, whom):
    answer = await (await furnished.caller(role)).ask(method, path)
    assert (answer.status_code, answer.json()["detail"]) == (403, f"The role {role} may not do this; ask {whom}.")


# Health.


async def test_it_is_ready_when_nothing_is_missing_and_names_what_is():
    missing = []

    async def unready():
        return missing

    async with running(hooks=Hooks(unready=unready)) as house:
        assert (await house.http.get("/readyz")).status_code == 200
        missing.append("the broker does not answer")
        answer = await house.http.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "the broker does not answer" in answer.json()["detail"]
        assert (await house.http.get("/livez")).status_code == 200


async def test_it_is_not_ready_without_its_log_or_with_views_that_stand_still(house, monkeypatch):
    async def gone():
        raise StoreError("no route to postgresql://house:secret@db")

    house.views.stopped = "disk full"
    assert "the views do not follow the log" in (await house.http.get("/readyz")).json()["detail"]
    monkeypatch.setattr(house.store, "position", gone)
    answer = await house.http.get("/readyz")
    assert (answer.status_code, "secret" in answer.text) == (503, False)
    assert "the log does not answer" in answer.json()["detail"]


async def test_views_that_cannot_be_read_are_no_fault_of_ours_but_come_back(house, owner):
    await house.views.together(queue.table.drop)
    answer = await owner.ask("GET", "/v1/posts")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "ask again" in answer.json()["detail"]


async def test_it_is_not_ready_while_its_log_says_nothing(house, monkeypatch):
    """Whoever asks has an answer in time, whether the log or a part beside it waits for the database."""
    monkeypatch.setattr(import_module("services.gateway.routes.health"), "ANSWER_S", 0.05)
    monkeypatch.setattr(house.store, "position", asyncio.Event().wait)
    answer = await house.http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "the log does not answer" in answer.json()["detail"]


async def test_its_instruments_can_be_read_and_name_no_account(house, owner):
    await house.calm()
    text = (await house.http.get("/metrics")).text
    assert f'distribution_position{{reader="views"}} {float(await house.store.position())}' in text
    assert "acme" not in text


async def test_the_docs_name_every_door(house):
    paths = (await house.http.get("/openapi.json")).json()["paths"]
    page = (await house.http.get("/docs")).text
    assert all(path in page for path in paths)
    assert "<script" not in page
