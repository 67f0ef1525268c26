"""Connecting through the door: to a channel's consent page and back, or by a blog's key (S6, S7, S9, I36)."""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qs, urlsplit

import pytest

from events import ChannelConnected, ChannelDisconnected
from events.channels import CHANNELS
from events.subjects import account_stream, connection_stream
from services.channels.sandbox import sites
from services.chassis.alarms import clear_alarm
from services.chassis.store import Append
from services.gateway import consents
from services.gateway.principal import Principal
from services.gateway.routes.callback import page
from tests.gateway.house import running

CALLBACK = "http://distribution.test/oauth/{}/callback"
CONNECTS_BY_KEY = {
    "type": "urn:distribution:problem:connects_by_key",
    "title": "Refused",
    "status": 409,
    "code": "connects_by_key",
    "detail": "A blog connects by a key of its CMS: PUT …/connections/blog.",
}


def state_of(address):
    return parse_qs(urlsplit(address).query)["state"][0]


async def authorize_url(by, channel, account="acme", **body):
    answer = await by.ask("POST", f"/v1/accounts/{account}/connections/{channel}/authorize", body or None)
    assert answer.status_code == 200, answer.text
    return answer.json()["authorize_url"]


# A consent.


@pytest.mark.parametrize("channel", ["linkedin", "x"])
async def test_an_owner_consents_and_the_channel_is_connected(house, owner, channel):
    answer = await house.connected(owner, channel)
    assert answer.status_code == 200
    assert f"acme.{channel} is connected" in answer.text
    (fact,) = await house.facts(connection_stream(f"acme.{channel}"))
    assert isinstance(fact, ChannelConnected)
    assert fact.credential_version == 1
    assert fact.member
    assert set(fact.scopes) == set(CHANNELS[channel].scopes)
    assert fact.access_expires_at > house.clock.now()


async def test_the_first_connect_puts_it_on_the_accounts_list_and_the_second_does_not(house, owner):
    await house.connected(owner, "linkedin")
    await house.connected(owner, "linkedin")
    assert [type(fact).__name__ for fact in await house.facts(account_stream("acme"))] == [
        "AccountChanged",
        "ConnectionListed",
    ]
    assert [fact.credential_version for fact in await house.facts(connection_stream("acme.linkedin"))] == [1, 2]


async def test_a_further_connection_on_the_channel_has_a_label_of_its_own(house, owner):
    await house.connected(owner, "linkedin")
    answer = await house.connected(owner, "linkedin", label="team")
    assert "acme.linkedin.team is connected" in answer.text
    assert await house.said("acme.linkedin.team") == ["ChannelConnected"]


async def test_the_address_asks_for_exactly_what_is_needed_and_names_one_way_back(house, owner):
    asked = parse_qs(urlsplit(await authorize_url(owner, "x")).query)
    assert set(asked["scope"][0].split()) == set(CHANNELS["x"].scopes)
    assert asked["redirect_uri"] == [CALLBACK.format("x")]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"][0].startswith("acme.")
    assert len(asked["state"][0].removeprefix("acme.")) == 43


async def test_the_address_is_shown_as_browsers_see_it():
    async with running() as house:
        object.__setattr__(house.gateway.asgi.state.desk, "seen_as", lambda url: f"http://sandbox/{url}")
        by = await house.caller()
        await house.account(by)
        assert (await authorize_url(by, "linkedin")).startswith("http://sandbox/https://www.linkedin.com/")


async def test_the_same_request_is_sent_to_the_same_address_and_another_to_another(house, owner):
    path = "/v1/accounts/acme/connections/x/authorize"
    first, again, other = [(await owner.ask("POST", path, once=key)).json() for key in ("k1", "k1", "k2")]
    assert first == again
    assert first != other


async def test_nothing_secret_is_said_or_kept_in_the_open(house, owner):
    """S9: neither state nor verifier, code or token, in any fact or row."""
    back = await house.consented(owner, "x")
    await house.http.get(back)
    await owner.ask("PUT", "/v1/accounts/acme/connections/blog", house.blog_key())
    secrets = {state_of(back), parse_qs(urlsplit(back).query)["code"][0], *house.world.tokens._all}
    everything = await house.everything_said()
    assert len(secrets) >= 4
    assert not [secret for secret in secrets if secret in everything or secret.removeprefix("acme.") in everything]


@pytest.mark.parametrize("channel", ["linkedin", "x"])
async def test_a_consent_is_good_once(house, owner, channel):
    back = await house.consented(owner, channel)
    assert (await house.http.get(back)).status_code == 200
    again = await house.http.get(back)
    assert (again.status_code, again.json()["code"]) == (422, "consent_over")
    assert await house.said(f"acme.{channel}") == ["ChannelConnected"]


async def test_of_two_who_bring_the_same_consent_at_once_one_is_taken(house, owner):
    back = await house.consented(owner, "linkedin")
    answers = await asyncio.gather(*(house.http.get(back) for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 422, 422, 422, 422]
    assert house.world.calls["linkedin"] == 3  # the consent page, one exchange, one look at whom it speaks for


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_an_owner_who_does_not_consent_reads_so_in_a_page(house, owner):
    """So do they who come back too late; a program is told as everywhere else."""
    state = state_of(await house.consented(owner, "linkedin"))
    back = f"/oauth/linkedin/callback?error=user_cancelled_login&state={state}"
    declined, again, program = [await house.http.get(back, headers=each) for each in (BROWSER, BROWSER, {})]
    for answer, said in (
        (declined, "did not consent. Nothing was connected. You can close this window."),
        (again, "It was used already, is too old, or was begun elsewhere. Begin again."),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert said in html.unescape(answer.text)
        assert "<h1>" in answer.text
    assert (program.status_code, program.json()["code"]) == (422, "consent_over")
    assert await house.said("acme.linkedin") == []


def test_what_a_channel_says_no_with_is_text_on_the_page():
    shown = bytes(page("The channel said no", "invalid_grant: <b>bold</b>", 422).body).decode()
    assert "invalid_grant: &lt;b&gt;bold&lt;/b&gt;" in shown


async def test_a_consent_is_good_for_ten_minutes_and_then_nothing_of_it_is_left(house, owner):
    back = await house.consented(owner, "linkedin")
    assert len(await house.sealed()) == 1
    await house.after(minutes=10)
    assert (await house.http.get(back)).json()["code"] == "consent_over"
    assert await house.sealed() == []
    assert await house.alarms() == {}


async def test_a_consent_too_old_is_not_taken_even_where_its_alarm_has_not_rung(house, owner):
    back = await house.consented(owner, "linkedin")
    (alarm,) = await house.alarms()
    await house.store.append(Append(rows=[clear_alarm("gateway", alarm)]))
    await house.after(minutes=10)
    assert (await house.http.get(back)).json()["code"] == "consent_over"
    assert await house.sealed() == []


@pytest.mark.parametrize(
    "bent",
    [
        lambda back: back.replace("/oauth/linkedin/", "/oauth/x/"),
        lambda back: back.replace("state=acme.", "state=globex."),
        lambda back: back.replace("state=acme.", "state=acme.linkedin.team."),
        lambda back: back.replace("state=", "state=x"),
        lambda back: back[:-1] + ("A" if back[-1] != "A" else "B"),
        lambda back: back.split("&state=")[0],
        lambda back: back.split("&state=")[0] + "&state=" + "a" * 5000,
        lambda back: back.split("&state=")[0] + "&state=acme.linkedin",
    ],
    ids=["other channel", "other account", "other label", "longer", "guessed", "none", "huge", "no secret"],
)  # fmt: skip
async def test_a_state_that_is_not_ours_for_this_channel_is_never_taken(house, owner, bent):
    """A9, A10: and the true one stays good."""
    await house.account(owner, "globex")
    back = await house.consented(owner, "linkedin")
    answer = await house.http.get(bent(back))
    assert (answer.status_code, answer.json()["code"]) == (422, "consent_over")
    assert (await house.http.get(back)).status_code == 200


async def test_a_consent_begun_in_a_browser_is_finished_in_that_browser(house, owner):
    login = house.gateway.login_once(owner.key)
    signed_in = await house.http.get(f"/login?once={login}")
    cookie = {"cookie": signed_in.headers["set-cookie"].split(";")[0]}
    own = {**cookie, "sec-fetch-site": "same-origin"}
    house.http.cookies.clear()
    path = "/v1/accounts/acme/connections/linkedin/authorize"
    first, second = [(await house.http.post(path, headers=own)).json()["authorize_url"] for _ in range(2)]
    stolen = await house.http.get(house.consent(first))
    assert (stolen.status_code, stolen.json()["code"]) == (422, "consent_over")
    assert (await house.http.get(house.consent(second), headers=cookie)).status_code == 200


async def test_whose_key_was_revoked_meanwhile_finishes_nothing(house, owner):
    other = await house.caller("operator")
    back = await house.consented(other, "linkedin")
    await owner.ask("DELETE", f"/v1/keys/{other.key[3:11]}")
    assert (await house.http.get(back)).json()["code"] == "consent_over"
    assert await house.said("acme.linkedin") == []


async def test_an_owner_who_says_no_connects_nothing_and_uses_the_consent_up(house, owner):
    state = state_of(await authorize_url(owner, "linkedin"))
    for code in ("refused_by_channel", "consent_over"):
        answer = await house.http.get(f"/oauth/linkedin/callback?error=user_cancelled_login&state={state}")
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await house.said("acme.linkedin") == []


async def test_a_code_the_channel_does_not_know_connects_nothing(house, owner):
    state = state_of(await authorize_url(owner, "linkedin"))
    answer = await house.http.get(f"/oauth/linkedin/callback?code=guessed&state={state}")
    assert (answer.status_code, answer.json()["code"]) == (422, "refused_by_channel")


async def test_an_exchange_without_an_answer_connects_nothing_and_is_not_repeated(house, owner):
    back = await house.consented(owner, "linkedin")
    house.weather("linkedin", "outage_before", times=1, **{"for": "PT1H"})
    answer = await house.http.get(back)
    assert (answer.status_code, answer.json()["code"]) == (502, "channel_unclear")
    assert (await house.http.get(back)).json()["code"] == "consent_over"


async def test_a_consent_that_leaves_a_right_out_is_refused_by_its_name(house, owner):
    url = await authorize_url(owner, "x")
    answer = await house.http.get(house.consent(url.replace("+media.write", "").replace("%20media.write", "")))
    assert (answer.status_code, answer.json()["code"]) == (422, "refused_by_channel")
    assert "media.write" in answer.json()["detail"]


async def test_another_member_takes_a_persons_word(house, owner):
    """A12: what waits was approved for one page; after a person disconnects it, any may come."""
    await house.connected(owner, "linkedin")
    was = (await house.facts(connection_stream("acme.linkedin")))[0]
    another = was.model_copy(update={"member": "urn:li:organization:another", "credential_version": 2})
    await house.say(connection_stream("acme.linkedin"), another)
    answer = await house.connected(owner, "linkedin")
    assert (answer.status_code, answer.json()["code"]) == (409, "another_member")
    await owner.ask("DELETE", "/v1/connections/acme.linkedin")
    assert (await house.connected(owner, "linkedin")).status_code == 200


@pytest.mark.parametrize(
    ("account", "channel", "body", "status", "code"),
    [
        ("nobody", "linkedin", None, 404, "not_found"),
        ("acme", "myspace", None, 404, "not_found"),
        ("acme", "tiktok", None, 409, "channel_not_offered"),
        ("acme", "blog", None, 409, "connects_by_key"),
        ("acme", "linkedin", {"label": "A B"}, 422, "invalid"),
        ("acme", "linkedin", {"redirect_uri": "https://evil.example"}, 422, "invalid"),
        ("ac.me", "linkedin", None, 404, "not_found"),
    ],
)
async def test_what_cannot_be_connected_says_why(house, owner, account, channel, body, status, code):
    answer = await owner.ask("POST", f"/v1/accounts/{account}/connections/{channel}/authorize", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await house.sealed() == []


async def test_whoever_asks_for_the_consent_page_of_a_blog_is_told_how_one_connects(house, owner):
    answer = await owner.ask("POST", "/v1/accounts/acme/connections/blog/authorize")
    assert (answer.status_code, answer.json()) == (409, CONNECTS_BY_KEY)


async def test_an_owner_who_comes_back_for_a_blog_is_told_so_too_and_connects_nothing(house, owner):
    """No door begins such a consent; one that stands there all the same is used up like any other."""
    by = Principal(f"key:{owner.key[3:11]}", "owner")
    begun = consents.begin("acme.blog", by=by, now=house.clock.now(), secret=bytes(64), vault=house.vault)
    await house.store.append(begun.append)
    back = f"/oauth/blog/callback?code=c1&state={begun.state.reveal()}"
    first, again = [await house.http.get(back) for _ in range(2)]
    assert (first.status_code, first.json()) == (409, CONNECTS_BY_KEY)
    assert (again.status_code, again.json()["code"]) == (422, "consent_over")
    assert await house.said("acme.blog") == []


async def test_without_a_registration_the_operator_is_told_where_it_goes(house, owner):
    house.gateway.asgi.state.desk.grants._clients.pop("x")
    answer = await owner.ask("POST", "/v1/accounts/acme/connections/x/authorize")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_registered")
    assert "DISTRIBUTION_CLIENTS_FILE" in answer.json()["detail"]


# A blog.


async def test_a_blog_is_connected_by_its_key(house, owner):
    key = house.blog_key()
    answer = await owner.ask("PUT", "/v1/accounts/acme/connections/blog", key)
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["status"], answer.json()["site"]) == ("acme.blog", "active", key["site"])
    assert key["key"] not in answer.text
    (fact,) = await house.facts(connection_stream("acme.blog"))
    assert (fact.site, fact.access_expires_at, fact.grant_expires_at) == (key["site"], None, None)
    assert await house.alarms() == {}


async def test_a_wrong_key_is_refused_and_nothing_is_kept(house, owner):
    answer = await owner.ask("PUT", "/v1/accounts/acme/connections/blog", {**house.blog_key(), "key": "wrong wrong"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key_refused")
    assert "wrong wrong" not in answer.text
    assert await house.sealed() == []


async def test_a_user_who_may_not_publish_is_told_so(house, owner):
    password = sites.new_password(house.world, "acme", "subscriber")
    key = {**house.blog_key(), "user": "subscriber", "key": password}
    answer = await owner.ask("PUT", "/v1/accounts/acme/connections/blog", key)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_refused")
    assert "Author" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"site": "ftp://acme.example"}, "site"),
        ({"site": "https://user@acme.example"}, "site"),
        ({"site": "acme"}, "site"),
        ({"site": "https://[::1"}, "site"),
        ({"site": "https://acme.example:99999"}, "site"),
        ({"site": "https:///blog"}, "site"),
        ({"site": "https://acme..example"}, "site"),
        ({"site": "https://acme.example/\0"}, "site"),
        ({"user": ""}, "user"),
        ({"key": ""}, "key"),
        ({"cms": "ghost"}, "cms"),
        ({"password": "p"}, "password"),
    ],
)
async def test_a_blog_that_is_misspelt_is_refused_by_name(house, owner, change, field):
    answer = await owner.ask("PUT", "/v1/accounts/acme/connections/blog", {**house.blog_key(), **change})
    assert answer.status_code == 422
    assert field in [each["field"] for each in answer.json()["errors"]]


async def test_a_site_that_does_not_answer_is_not_connected(house, owner):
    house.weather("blog", "outage_before", **{"for": "PT1H"})
    answer = await owner.ask("PUT", "/v1/accounts/acme/connections/blog", house.blog_key())
    assert (answer.status_code, answer.json()["code"]) == (502, "channel_unclear")


async def test_the_same_key_put_twice_under_one_idempotency_key_is_one_connect(house, owner):
    key = house.blog_key()
    first, again = [await owner.ask("PUT", "/v1/accounts/acme/connections/blog", key, once="k1") for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert await house.said("acme.blog") == ["ChannelConnected"]


# Check, and the end.


@pytest.mark.parametrize(("kind", "works"), [(None, True), ("revoked", False), ("outage_before", None)])
async def test_a_check_shows_whether_the_grant_still_works_and_changes_nothing(house, owner, kind, works):
    await house.connected(owner, "x")
    if kind:
        house.weather("x", kind, **{"for": "PT1H"})
    answer = await owner.ask("POST", "/v1/connections/acme.x/check")
    assert (answer.status_code, answer.json()["works"], answer.json()["status"]) == (200, works, "active")
    assert await house.said("acme.x") == ["ChannelConnected"]


async def test_a_person_disconnects_a_channel_and_its_secret_goes(house, owner):
    await house.connected(owner, "linkedin")
    answer = await owner.ask("DELETE", "/v1/connections/acme.linkedin", version="1")
    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, "disconnected", '"2"')
    fact = (await house.facts(connection_stream("acme.linkedin")))[-1]
    assert fact == ChannelDisconnected(connections=("acme.linkedin",), reason="asked")
    assert await house.sealed() == []
    assert await house.alarms() == {}
    check = await owner.ask("POST", "/v1/connections/acme.linkedin/check")
    assert (check.status_code, check.json()["code"]) == (409, "disconnected")


async def test_whoever_disconnects_twice_has_disconnected_once(house, owner):
    await house.connected(owner, "linkedin")
    for _ in range(2):
        assert (await owner.ask("DELETE", "/v1/connections/acme.linkedin")).status_code == 200
    assert await house.said("acme.linkedin") == ["ChannelConnected", "ChannelDisconnected"]


async def test_a_disconnect_relying_on_an_older_version_is_stale(house, owner):
    await house.connected(owner, "linkedin")
    await house.connected(owner, "linkedin")
    answer = await owner.ask("DELETE", "/v1/connections/acme.linkedin", version="1")
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


@pytest.mark.parametrize("id", ["acme.linkedin", "acme", "acme.linkedin.x.y", "ACME.linkedin", "%2e%2e"])
async def test_what_was_never_connected_is_not_found(house, owner, id):
    assert (await owner.ask("DELETE", f"/v1/connections/{id}")).status_code == 404
    assert (await owner.ask("POST", f"/v1/connections/{id}/check")).status_code == 404
