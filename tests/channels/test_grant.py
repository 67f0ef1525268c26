"""The OAuth 2.0 dance: consent, exchange, refresh, and what counts as a no (S6, S12)."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.channels import linkedin, x
from services.channels.adapter import Granted, GrantRefused, GrantUnclear
from services.channels.grant import Dance, challenge_of
from tests.channels.answering import A_PROXYS_PAGE, CLIENT, NOBODY_THERE, NOTHING_CAME, NOW, Channel, Said

PLAIN = Dance("https://channel.example/authorize", "https://channel.example/token", ("read", "write"))
PROVEN = Dance(PLAIN.authorize, PLAIN.token, PLAIN.scopes, pkce=True, basic=True)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636, appendix B."""
TOKENS = {"access_token": "a1", "refresh_token": "r1", "expires_in": 7200, "scope": "read write"}


async def exchanged(dance, *answers):
    channel = Channel(*answers)
    return await dance.exchange(channel, CLIENT, code="c1", verifier=VERIFIER, now=NOW), channel.asked


async def refreshed(dance, *answers, secret=None):
    channel = Channel(*answers)
    secret = {"access_token": "a0", "refresh_token": "r0"} if secret is None else secret
    return await dance.refresh(channel, CLIENT, secret=secret, now=NOW), channel.asked


def test_the_challenge_is_the_one_of_the_rfc():
    assert challenge_of(VERIFIER) == CHALLENGE


def test_the_owner_is_sent_to_consent_with_our_scopes_and_state():
    address = PLAIN.authorize_url(CLIENT, state="acme.s1", verifier=VERIFIER)
    assert address.startswith("https://channel.example/authorize?")
    assert dict(parse_qsl(urlsplit(address).query)) == {
        "response_type": "code", "client_id": "client", "redirect_uri": CLIENT.redirect_uri, "scope": "read write",
        "state": "acme.s1",
    }  # fmt: skip


def test_only_the_challenge_leaves_with_the_browser():
    """PKCE: the verifier itself is sent once, with the code."""
    address = PROVEN.authorize_url(CLIENT, state="acme.s1", verifier=VERIFIER)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (CHALLENGE, "S256")
    assert VERIFIER not in address


async def test_a_code_becomes_a_grant():
    granted, [asked] = await exchanged(PLAIN, Said(200, TOKENS))
    assert granted == Granted(
        secret={"access_token": "a1", "refresh_token": "r1"},
        scopes=("read", "write"),
        access_expires_at=NOW + timedelta(hours=2),
    )
    assert (asked.method, asked.url) == ("POST", "https://channel.example/token")
    assert asked.form == {"grant_type": "authorization_code", "client_id": "client", "client_secret": "secret",
                          "code": "c1", "redirect_uri": CLIENT.redirect_uri}  # fmt: skip


async def test_a_confidential_client_proves_itself_in_the_header_and_not_in_the_form():
    _, [asked] = await exchanged(PROVEN, Said(200, TOKENS))
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"client:secret").decode()
    assert asked.form["code_verifier"] == VERIFIER
    assert "client_secret" not in asked.form


async def test_a_refresh_gives_a_new_access_token_and_keeps_the_refresh_token_that_is_not_replaced():
    granted, [asked] = await refreshed(PLAIN, Said(200, {"access_token": "a1", "expires_in": "5184000"}))
    assert granted.secret == {"access_token": "a1", "refresh_token": "r0"}
    assert granted.access_expires_at == NOW + timedelta(days=60)
    assert asked.form["grant_type"] == "refresh_token"
    assert asked.form["refresh_token"] == "r0"


async def test_a_refresh_token_used_once_is_replaced():
    granted, _ = await refreshed(PROVEN, Said(200, TOKENS))
    assert granted.secret["refresh_token"] == "r1"


async def test_a_grant_that_cannot_be_renewed_is_not_asked_about():
    granted, asked = await refreshed(PLAIN, Said(500), secret={"access_token": "a0"})
    assert isinstance(granted, GrantRefused)
    assert (granted.code, asked) == ("no_refresh_token", [])


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_request", "access_denied", "invalid_token"])
async def test_a_definite_no_is_a_refusal(code):
    no = Said(400, {"error": code, "error_description": "Value passed for the token was invalid."})
    assert (await refreshed(PLAIN, no))[0] == GrantRefused(code, "Value passed for the token was invalid.")
    assert (await exchanged(PLAIN, no))[0] == GrantRefused(code, "Value passed for the token was invalid.")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Said(401, {"error": "invalid_client"}), "invalid_client"),
        (Said(400, {"error": "unauthorized_client"}), "unauthorized_client"),
        (Said(429, {"error": "invalid_grant"}), "invalid_grant"),
        (Said(500, {"error": "invalid_grant"}), "invalid_grant"),
        (Said(503, A_PROXYS_PAGE), "http_503"),
        (Said(403, A_PROXYS_PAGE), "http_403"),
        (Said(200, A_PROXYS_PAGE), "http_200"),
        (Said(200, {"access_token": None}), "http_200"),
        (Said(200, ["access_token"]), "http_200"),
        (NOBODY_THERE, "not_reached"),
        (NOTHING_CAME, "no_answer"),
    ],
)
async def test_anything_else_says_nothing_about_the_grant(answer, code):
    """A network fault, a proxy's page or a fault of our own registration never disconnects an account (S12)."""
    granted, _ = await refreshed(PLAIN, answer)
    assert isinstance(granted, GrantUnclear)
    assert granted.code == code


@pytest.mark.parametrize("seconds", [None, "soon", -5, 0, True, 10**12, 1.5])
async def test_a_life_nobody_can_read_is_not_made_up(seconds):
    granted, _ = await exchanged(PLAIN, Said(200, {**TOKENS, "expires_in": seconds}))
    assert granted.access_expires_at is None


async def test_no_secret_shows_in_a_repr():
    granted, _ = await exchanged(PLAIN, Said(200, TOKENS))
    assert "a1" not in repr(granted)
    assert "r1" not in repr(granted)
    assert "secret" not in repr(CLIENT).replace("client_secret", "")


async def test_linkedin_learns_which_page_it_speaks_for_and_when_the_consent_ends():
    """Without a refresh token the consent ends with the access token: its owner has to come back."""
    acls = Said(200, {"elements": [{"organization": "urn:li:organization:7"}]})
    for more, ends in (({}, 60), ({"refresh_token": "r1", "refresh_token_expires_in": 31536000}, 365)):
        channel = Channel(Said(200, {"access_token": "a1", "expires_in": 5184000, **more}), acls)
        granted = await linkedin.grant(channel, CLIENT, code="c1", verifier=VERIFIER, now=NOW)
        assert granted.member == "urn:li:organization:7"
        assert granted.access_expires_at == NOW + timedelta(days=60)
        assert granted.grant_expires_at == NOW + timedelta(days=ends)


async def test_a_linkedin_token_of_some_seconds_that_is_called_revoked_is_not_yet_known_to_be():
    no = Said(401, {"status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN", "message": "Revoked"})
    granted = await linkedin.grant(Channel(Said(200, TOKENS), no), CLIENT, code="c", verifier=VERIFIER, now=NOW)
    assert granted == GrantUnclear("REVOKED_ACCESS_TOKEN", "Revoked")


async def test_x_learns_who_granted_and_whether_long_posts_are_paid_for():
    me = Said(200, {"data": {"id": "42", "username": "acme", "subscription_type": "Premium"}})
    granted = await x.grant(Channel(Said(200, TOKENS), me), CLIENT, code="c", verifier=VERIFIER, now=NOW)
    assert (granted.member, granted.member_name, granted.premium) == ("42", "acme", True)
    assert granted.grant_expires_at == NOW + timedelta(days=180)


async def test_a_refreshed_grant_of_x_lives_anew():
    granted = await x.refresh(Channel(Said(200, TOKENS)), CLIENT, secret={"refresh_token": "r0"}, now=NOW)
    assert granted.grant_expires_at == NOW + timedelta(days=180)
