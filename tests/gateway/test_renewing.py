"""A grant kept alive: renewed by alarm and on refusal, warned of before its end, ended for a reason (S8, S12, I33)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from events import (
    AccountChanged,
    AttemptStarted,
    ChannelConnected,
    ChannelDisconnected,
    CredentialRefused,
    GrantExpiring,
    GrantRefreshed,
    MeasurementFailed,
    MeasurementPlanned,
)
from events.subjects import account_stream, connection_stream, delivery_stream, measurement_stream
from services.channels import linkedin, x
from services.channels.adapter import Granted, GrantRefused, GrantUnclear
from services.chassis.alarms import set_alarm
from services.chassis.store import Append, StoreError
from tests.gateway.house import NINE, running

STORY = "acme.spring"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def facts(house, connection="acme.x"):
    return await house.facts(connection_stream(connection))


async def refused(house, connection="acme.x", version=1, revoked=False):
    """The publisher met a 401."""
    fact = CredentialRefused(round=1, attempt=1, connection=connection, credential_version=version, code="401",
                             revoked=revoked)  # fmt: skip
    told = await house.say(delivery_stream(STORY), fact, story=STORY)
    await house.calm()
    return told


async def secret_of(house, connection="acme.x"):
    opened = await house.vault.open(connection, connection.split(".")[1])
    return opened and (opened.version, opened.body["secret"]["access_token"])


# Renewed.


async def test_a_grant_is_renewed_at_four_fifths_of_its_access_life(house, owner):
    """X gives two hours: the refresh rings at 1:36, and again after each."""
    await house.connected(owner, "x")
    assert (await house.alarms())["refresh-acme.x"] == NINE + HOUR * 1.6
    await house.until(NINE + HOUR * 1.6)
    _, refreshed = await facts(house)
    assert isinstance(refreshed, GrantRefreshed)
    assert refreshed.credential_version == 2
    assert refreshed.access_expires_at == NINE + HOUR * 3.6
    assert refreshed.grant_expires_at == NINE + HOUR * 1.6 + DAY * 180
    await house.until(NINE + DAY)
    assert [type(fact) for fact in (await facts(house))[1:]] == [GrantRefreshed] * 15


async def test_the_new_secret_is_kept_with_the_fact_and_the_old_one_goes(house, owner):
    await house.connected(owner, "x")
    before = await secret_of(house)
    await house.after(hours=2)
    after = await secret_of(house)
    assert (before[0], after[0]) == (1, 2)
    assert before[1] != after[1]
    assert await house.sealed() == [("acme.x", "grant", 2)]
    check = await owner.ask("POST", "/v1/connections/acme.x/check")
    assert check.json()["works"] is True


async def test_a_refused_credential_is_exchanged_at_once_and_the_fact_says_why(house, owner):
    await house.connected(owner, "x")
    house.weather("x", "expired")
    told = await refused(house)
    refreshed = (await house.store.read(connection_stream("acme.x")))[-1]
    assert isinstance(refreshed.fact, GrantRefreshed)
    assert (refreshed.about.cause, refreshed.about.actor) == (told.id, "gateway")


async def test_many_refusals_of_one_version_make_one_exchange(house, owner):
    """I33: the second post's 401 speaks of a version that is not in use any more."""
    await house.connected(owner, "x")
    for _ in range(5):
        await refused(house)
    assert await house.said("acme.x") == ["ChannelConnected", "GrantRefreshed"]


async def test_a_refused_poll_renews_the_grant_too(house, owner):
    await house.connected(owner, "x")
    planned = MeasurementPlanned(connection="acme.x", channel_post_id="1", published_at=NINE)
    failed = MeasurementFailed(window="1h", reason="401", credential_version=1, credential_refused=True)
    await house.say(measurement_stream(STORY), planned, failed, story=STORY)
    await house.calm()
    assert await house.said("acme.x") == ["ChannelConnected", "GrantRefreshed"]


@pytest.mark.parametrize(
    "failed",
    [
        MeasurementFailed(window="1h", reason="500", credential_version=1),
        MeasurementFailed(window="1h", reason="401", credential_version=7, credential_refused=True),
        MeasurementFailed(window="1h", reason="disconnected", credential_refused=True),
    ],
)
async def test_a_poll_that_failed_otherwise_renews_nothing(house, owner, failed):
    await house.connected(owner, "x")
    planned = MeasurementPlanned(connection="acme.x", channel_post_id="1", published_at=NINE)
    await house.say(measurement_stream(STORY), planned, failed, story=STORY)
    await house.calm()
    assert await house.said("acme.x") == ["ChannelConnected"]


# Not renewed.


async def test_a_refused_refresh_disconnects_and_nothing_of_the_grant_is_left(house, owner):
    await house.connected(owner, "x")
    house.weather("x", "revoked")
    await refused(house)
    fact = (await facts(house))[-1]
    assert isinstance(fact, ChannelDisconnected)
    assert (fact.reason, fact.connections, fact.code) == ("refused", ("acme.x",), "invalid_request")
    assert fact.sentence
    assert await house.sealed() == []
    assert await house.alarms() == {}


async def test_a_grant_that_is_said_to_be_revoked_ends_without_an_exchange(house, owner):
    await house.connected(owner, "x")
    calls = house.world.calls["x"]
    await refused(house, revoked=True)
    fact = (await facts(house))[-1]
    assert (type(fact), fact.reason) == (ChannelDisconnected, "revoked")
    assert house.world.calls["x"] == calls


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_refusal_of_an_older_version_ends_nothing(house, owner, revoked):
    await house.connected(owner, "x")
    await house.after(hours=2)
    await refused(house, version=1, revoked=revoked)
    assert await house.said("acme.x") == ["ChannelConnected", "GrantRefreshed"]


async def test_a_blog_whose_key_is_refused_is_disconnected(house, owner):
    await owner.ask("PUT", "/v1/accounts/acme/connections/blog", house.blog_key())
    await refused(house, "acme.blog")
    fact = (await facts(house, "acme.blog"))[-1]
    assert (type(fact), fact.reason, fact.code) == (ChannelDisconnected, "refused", "key_refused")


@pytest.mark.parametrize("status", [0, 500, 503])
async def test_a_network_fault_never_disconnects_and_is_tried_again_later(house, owner, status):
    """S12: after 1, 5 and 25 minutes; with the old secret, until a new one is there."""
    await house.connected(owner, "linkedin")
    house.weather("linkedin", "outage_before", status=status, **{"for": "PT20M"})
    calls = house.world.calls["linkedin"]
    await refused(house, "acme.linkedin")
    tries = [house.world.calls["linkedin"] - calls]
    for minutes in (1, 5):
        await house.after(minutes=minutes)
        tries.append(house.world.calls["linkedin"] - calls)
    assert tries == [1, 2, 3]
    assert await house.said("acme.linkedin") == ["ChannelConnected"]
    assert await secret_of(house, "acme.linkedin") is not None
    await house.after(minutes=25)
    assert await house.said("acme.linkedin") == ["ChannelConnected", "GrantRefreshed"]


async def test_refusals_meanwhile_do_not_hurry_an_exchange_that_is_being_waited_for(house, owner):
    await house.connected(owner, "linkedin")
    house.weather("linkedin", "outage_before", **{"for": "PT1H"})
    await refused(house, "acme.linkedin")
    calls = house.world.calls["linkedin"]
    for _ in range(5):
        await refused(house, "acme.linkedin")
    assert house.world.calls["linkedin"] == calls


async def test_an_exchange_is_written_down_before_it_is_made(house, owner, monkeypatch):
    """D9: whoever dies in the middle of it finds it waiting, as after an unclear answer."""
    await house.connected(owner, "x")
    seen = []

    async def dies(http, client, *, secret, now):
        seen.append((await house.alarms())["refresh-acme.x"])
        raise RuntimeError("the process is gone")

    with monkeypatch.context() as patched:
        patched.setattr(x, "refresh", dies)
        await refused(house)
    assert seen == [NINE + timedelta(minutes=1)]
    assert await house.said("acme.x") == ["ChannelConnected"]
    await house.after(minutes=1)
    assert await house.said("acme.x") == ["ChannelConnected", "GrantRefreshed"]


async def test_whatever_moves_meanwhile_the_new_secret_is_kept_and_no_second_exchange_is_made(house, owner):
    """The answer of an exchange cannot be asked for again."""
    await house.connected(owner, "x")
    before, calls = await secret_of(house), house.world.calls["x"]
    expiring = GrantExpiring(connection="acme.x", grant_expires_at=NINE)
    house.interrupt(GrantRefreshed, lambda: house.say(connection_stream("acme.x"), expiring))
    await refused(house)
    assert house.world.calls["x"] == calls + 1
    assert await house.said("acme.x") == ["ChannelConnected", "GrantExpiring", "GrantRefreshed"]
    assert (await secret_of(house))[0] == 2
    assert (await secret_of(house))[1] != before[1]


async def test_a_refusal_is_written_down_whatever_moves_meanwhile(house, owner):
    await house.connected(owner, "x")
    house.weather("x", "revoked")
    expiring = GrantExpiring(connection="acme.x", grant_expires_at=NINE)
    house.interrupt(ChannelDisconnected, lambda: house.say(connection_stream("acme.x"), expiring))
    await refused(house)
    assert await house.said("acme.x") == ["ChannelConnected", "GrantExpiring", "ChannelDisconnected"]


async def test_an_alarm_for_a_version_that_is_not_in_use_exchanges_nothing(house, owner):
    await house.connected(owner, "x")
    calls = house.world.calls["x"]
    late = set_alarm("gateway", "refresh-acme.x", NINE, {"ring": "refresh", "connection": "acme.x", "version": 7})
    await house.store.append(Append(rows=[late]))
    await house.calm()
    assert house.world.calls["x"] == calls


async def test_a_store_that_does_not_take_it_is_asked_until_it_does(house, owner, monkeypatch):
    await house.connected(owner, "x")
    append, full = house.store.append, [3]

    async def disk_full(asked):
        if full[0] and any(isinstance(each.fact, GrantRefreshed) for say in asked.says for each in say.facts):
            full[0] -= 1
            raise StoreError("the disk is full")
        return await append(asked)

    monkeypatch.setattr(house.store, "append", disk_full)
    task = asyncio.ensure_future(refused(house))
    while not task.done():
        house.clock.step_to(house.clock.now() + timedelta(seconds=1))
        await asyncio.sleep(0)
    assert full == [0]
    assert await house.said("acme.x") == ["ChannelConnected", "GrantRefreshed"]


async def test_a_person_who_disconnects_meanwhile_has_the_last_word(house, owner, monkeypatch):
    await house.connected(owner, "x")
    real = x.refresh

    async def slow(http, client, *, secret, now):
        granted = await real(http, client, secret=secret, now=now)
        await owner.ask("DELETE", "/v1/connections/acme.x")
        return granted

    monkeypatch.setattr(x, "refresh", slow)
    await refused(house)
    assert await house.said("acme.x") == ["ChannelConnected", "ChannelDisconnected"]
    assert await house.sealed() == []


@pytest.mark.parametrize("answer", [GrantRefused("invalid_grant"), Granted(secret={"access_token": "new"})])
async def test_an_answer_about_a_grant_that_was_replaced_meanwhile_means_nothing(house, owner, monkeypatch, answer):
    await house.connected(owner, "x")
    back = await house.consented(owner, "x")

    async def slow(http, client, *, secret, now):
        assert (await house.http.get(back)).status_code == 200
        return answer

    monkeypatch.setattr(x, "refresh", slow)
    await refused(house)
    assert await house.said("acme.x") == ["ChannelConnected", "ChannelConnected"]
    assert (await secret_of(house))[0] == 2


async def test_a_channel_that_never_answers_is_asked_every_twenty_five_minutes(house, owner, monkeypatch):
    await house.connected(owner, "x")
    asked_at = []

    async def silent(http, client, *, secret, now):
        asked_at.append(now)
        return GrantUnclear("no_answer")

    monkeypatch.setattr(x, "refresh", silent)
    await refused(house)
    await house.after(minutes=81)
    minutes = [0, 1, 6, 31, 56, 81]
    assert asked_at == [NINE + timedelta(minutes=each) for each in minutes]
    assert await house.said("acme.x") == ["ChannelConnected"]


# The end.


async def test_a_week_before_its_end_a_grant_is_said_to_be_expiring_once(house, owner):
    await house.connected(owner, "linkedin")
    end = (await facts(house, "acme.linkedin"))[0].grant_expires_at
    await house.until(end - DAY * 7 - HOUR)
    assert "GrantExpiring" not in await house.said("acme.linkedin")
    await house.until(end - DAY)
    said = [fact for fact in await facts(house, "acme.linkedin") if isinstance(fact, GrantExpiring)]
    assert said == [GrantExpiring(connection="acme.linkedin", grant_expires_at=end)]


async def test_at_its_end_a_grant_is_disconnected_before_any_channel_says_so(house, owner):
    await house.connected(owner, "linkedin")
    end = (await facts(house, "acme.linkedin"))[0].grant_expires_at
    await house.until(end)
    fact = (await facts(house, "acme.linkedin"))[-1]
    assert (type(fact), fact.reason) == (ChannelDisconnected, "expired")
    assert await house.sealed() == []
    assert await house.alarms() == {}


async def test_a_reconnect_in_time_is_neither_warned_of_nor_ended_by_the_old_grants_alarms(house, owner):
    await house.connected(owner, "linkedin")
    end = (await facts(house, "acme.linkedin"))[0].grant_expires_at
    await house.until(end - DAY * 8)
    await house.connected(owner, "linkedin")
    await house.until(end + DAY)
    assert not {"GrantExpiring", "ChannelDisconnected"} & set(await house.said("acme.linkedin"))


async def test_a_grant_without_a_refresh_ends_with_its_access_and_is_never_exchanged():
    """LinkedIn gives refresh tokens to partners only: nothing rings at four fifths, the countdown is to day 60."""
    async with running(client_id="somebody") as house:
        owner = await house.caller()
        await house.account(owner)
        await house.connected(owner, "linkedin")
        (fact,) = await facts(house, "acme.linkedin")
        assert fact.grant_expires_at == fact.access_expires_at == NINE + DAY * 60
        assert set(await house.alarms()) == {"warn-acme.linkedin", "end-acme.linkedin"}
        calls = house.world.calls["linkedin"]
        await house.until(NINE + DAY * 60)
        assert await house.said("acme.linkedin") == ["ChannelConnected", "GrantExpiring", "ChannelDisconnected"]
        assert house.world.calls["linkedin"] == calls


async def test_a_refused_credential_that_cannot_be_renewed_is_the_end(house, owner):
    async with running(client_id="somebody") as house:
        owner = await house.caller()
        await house.account(owner)
        await house.connected(owner, "linkedin")
        await refused(house, "acme.linkedin")
        fact = (await facts(house, "acme.linkedin"))[-1]
        assert (type(fact), fact.reason, fact.code) == (ChannelDisconnected, "refused", "no_refresh_token")


async def test_a_channel_that_names_no_end_of_access_has_the_documented_one(house, owner, monkeypatch):
    granted = Granted(secret={"access_token": "a", "refresh_token": "r"}, member="urn:li:organization:7")

    async def grant(http, client, *, code, verifier, now):
        return granted

    monkeypatch.setattr(linkedin, "grant", grant)
    await house.connected(owner, "linkedin")
    (fact,) = await facts(house, "acme.linkedin")
    assert (fact.access_expires_at, fact.grant_expires_at) == (NINE + DAY * 60, None)
    assert set(await house.alarms()) == {"refresh-acme.linkedin"}


async def test_a_grant_of_which_only_the_access_is_known_ends_with_it(house, owner, monkeypatch):
    granted = Granted(secret={"access_token": "a"}, member="urn:li:organization:7", access_expires_at=NINE + DAY)

    async def grant(http, client, *, code, verifier, now):
        return granted

    monkeypatch.setattr(linkedin, "grant", grant)
    await house.connected(owner, "linkedin")
    await house.until(NINE + DAY)
    assert await house.said("acme.linkedin") == ["ChannelConnected", "GrantExpiring", "ChannelDisconnected"]


async def test_reconnected_it_counts_on_from_the_last_version(house, owner):
    await house.connected(owner, "x")
    await house.after(hours=2)
    await owner.ask("DELETE", "/v1/connections/acme.x")
    await house.connected(owner, "x")
    last = (await facts(house))[-1]
    assert isinstance(last, ChannelConnected)
    assert last.credential_version == 3
    assert await house.sealed() == [("acme.x", "grant", 3)]


async def test_facts_of_others_ring_nothing_here(house, owner):
    """What the gateway hears of a delivery is a refused credential, and nothing else."""
    await house.connected(owner, "x")
    before = await house.alarms()
    started = AttemptStarted(round=1, attempt=1, epoch=1, connection="acme.x", deadline=NINE, look_at=NINE,
                             content_hash="a1", marker="d1", tier="B", credential_version=1)  # fmt: skip
    await house.say(delivery_stream(STORY), started, story=STORY)
    await house.calm()
    assert await house.alarms() == before
    assert isinstance((await house.facts(account_stream("acme")))[0], AccountChanged)
