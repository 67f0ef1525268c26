"""What it means to be a channel here: one suite for every adapter, and for every consent page (S6, S7)."""

from __future__ import annotations

from inspect import signature
from urllib.parse import parse_qs, urlsplit

import pytest

from events.channels import CHANNELS
from services.channels.adapter import Adapter, ConsentPage, Credential, Granted, GrantRefused, GrantUnclear
from services.channels.registry import ADAPTERS
from tests.channels.answering import A_PROXYS_PAGE, CLIENT, NOBODY_THERE, NOTHING_CAME, Channel, Said
from tests.channels.sandbox.far_side import MONDAY_NINE, VERIFIER, FarSide, back_with
from tests.channels.world_http import WorldHttp

CONSENT_PAGES = {name: adapter for name, adapter in ADAPTERS.items() if isinstance(adapter, ConsentPage)}
TOKENS = {"access_token": "a1", "refresh_token": "r1", "expires_in": 7200}

every_channel = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
every_consent_page = pytest.mark.parametrize("page", CONSENT_PAGES.values(), ids=CONSENT_PAGES)


class Clock:
    def now(self):
        return MONDAY_NINE


@pytest.fixture
def far() -> FarSide:
    return FarSide()


def consented(far, page):
    """What the owner comes back with."""
    return back_with(far.send("GET", page.authorize_url(CLIENT, state="acme.s1", verifier=VERIFIER)))


async def granted(far, page, code, verifier=VERIFIER):
    http = WorldHttp(far.world, Clock())
    return await page.grant(http, CLIENT, code=code, verifier=verifier, now=MONDAY_NINE)


def asked_of(protocol):
    """Its functions, each with the names of what it is called with."""
    functions = {name: function for name, function in vars(protocol).items() if callable(function) and name[0] != "_"}
    return {name: list(signature(function).parameters)[1:] for name, function in functions.items()}


def offered_by(module, protocol):
    return {name: list(signature(getattr(module, name)).parameters) for name in asked_of(protocol)}


# Every channel.


@every_channel
def test_it_has_the_five_verbs_and_no_other_is_asked_of_it(adapter):
    assert list(asked_of(Adapter)) == ["refresh", "check", "publish", "find", "measure"]
    assert offered_by(adapter, Adapter) == asked_of(Adapter)


@every_channel
def test_it_has_a_consent_page_exactly_where_there_are_rights_to_consent_to(adapter):
    assert isinstance(adapter, ConsentPage) == bool(CHANNELS[adapter.name].scopes)


@pytest.mark.parametrize("name", asked_of(ConsentPage))
def test_a_blog_does_not_pretend_to_have_one(name):
    assert not hasattr(ADAPTERS["blog"], name)


# Every consent page.


@every_consent_page
def test_both_of_its_functions_are_called_alike(page):
    assert list(asked_of(ConsentPage)) == ["authorize_url", "grant"]
    assert offered_by(page, ConsentPage) == asked_of(ConsentPage)


@every_consent_page
def test_its_address_is_the_channels_own_and_asks_for_exactly_what_is_needed(page):
    address = urlsplit(page.authorize_url(CLIENT, state="acme.s1", verifier=VERIFIER))
    asked = parse_qs(address.query)
    assert (address.scheme, address.hostname in page.hosts) == ("https", True)
    assert set(asked["scope"][0].split()) == set(CHANNELS[page.name].scopes)
    assert [asked[each] for each in ("response_type", "client_id", "redirect_uri", "state")] == [
        ["code"], [CLIENT.client_id], [CLIENT.redirect_uri], ["acme.s1"],
    ]  # fmt: skip


@every_consent_page
def test_nothing_secret_leaves_with_the_browser(page):
    address = page.authorize_url(CLIENT, state="acme.s1", verifier=VERIFIER)
    assert VERIFIER not in address
    assert CLIENT.client_secret not in address


@every_consent_page
async def test_the_code_an_owner_comes_back_with_becomes_a_grant_that_names_its_member(far, page):
    back = consented(far, page)
    grant = await granted(far, page, back["code"])
    assert back["state"] == "acme.s1"
    assert isinstance(grant, Granted)
    assert grant.member
    assert set(grant.scopes) == set(CHANNELS[page.name].scopes)
    assert grant.access_expires_at > MONDAY_NINE
    proven = await page.check(WorldHttp(far.world, Clock()), Credential("acme.channel", 1, grant.secret))
    assert proven.member == grant.member


@every_consent_page
async def test_a_code_is_good_once_and_a_guessed_one_never(far, page):
    code = consented(far, page)["code"]
    first, again, guessed = [await granted(far, page, each) for each in (code, code, "guessed")]
    assert [type(each) for each in (first, again, guessed)] == [Granted, GrantRefused, GrantRefused]


@every_consent_page
@pytest.mark.parametrize("answer", [Said(500, b""), Said(403, A_PROXYS_PAGE), NOBODY_THERE, NOTHING_CAME])
async def test_an_exchange_that_is_not_answered_plainly_says_nothing_about_the_grant(page, answer):
    grant = await page.grant(Channel(answer), CLIENT, code="c1", verifier=VERIFIER, now=MONDAY_NINE)
    assert isinstance(grant, GrantUnclear)


@every_consent_page
@pytest.mark.parametrize(
    "answer", [Said(500, b""), Said(403, A_PROXYS_PAGE), NOBODY_THERE, NOTHING_CAME, Said(200, [])]
)
async def test_a_grant_whose_owner_could_not_be_read_is_unclear(page, answer):
    http = Channel(Said(200, TOKENS), answer)
    assert isinstance(await page.grant(http, CLIENT, code="c1", verifier=VERIFIER, now=MONDAY_NINE), GrantUnclear)
