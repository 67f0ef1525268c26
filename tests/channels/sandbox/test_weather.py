"""Each kind of weather, over each channel: what it strikes, what it spares, and whether the effect happened."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.channels.sandbox.engagement import Planted
from tests.channels.sandbox.far_side import FarSide, LinkedIn, WordPress, X, read

CLIENTS = {"linkedin": LinkedIn, "x": X, "blog": WordPress}
HARMLESS = {"linkedin": "/v2/userinfo", "x": "/users/me", "blog": "/wp/v2/users/me"}


@pytest.fixture
def far() -> FarSide:
    return FarSide()


@pytest.fixture(params=CLIENTS)
def channel(request) -> str:
    return request.param


@pytest.fixture
def client(far, channel):
    return CLIENTS[channel](far).connect()


def standing(far: FarSide, channel: str) -> int:
    return len(far.world.posts.everything(channel))


def harmless(client, channel: str) -> int:
    return client.call("GET", HARMLESS[channel]).status


def test_an_outage_before_is_a_page_and_nothing_happened(far, channel, client):
    far.weather(channel, "outage_before", **{"for": "PT20M"})
    assert (client.call("GET", HARMLESS[channel]).status, standing(far, channel)) == (503, 0)
    far.later(minutes=20)
    assert (client.post().status, standing(far, channel)) == (201, 1)


def test_an_outage_before_with_status_0_is_never_reached(far, channel, client):
    far.weather(channel, "outage_before", status=0, times=1)
    given = client.call("GET", HARMLESS[channel])
    assert (given.lost, given.before) == (True, True)


def test_an_outage_after_is_a_page_though_it_happened(far, channel, client):
    first = client.body() if channel == "linkedin" else None
    far.weather(channel, "outage_after", status=502, times=1)
    given = client.call("POST", "/rest/posts", json=first) if first else client.post()
    assert (given.status, given.before, standing(far, channel)) == (502, False, 1)


def test_an_answer_is_lost_though_it_happened(far, channel, client):
    far.weather(channel, "lost_answer", times=1)
    assert harmless(client, channel) == 200
    given = client.post()
    assert (given.lost, given.before, standing(far, channel)) == (True, False, 1)
    assert not client.post(*("Another",)).lost


def test_a_limit_is_429_and_says_when_it_can(far, channel, client):
    far.weather(channel, "limit", retry_after=90, times=1)
    given = client.call("GET", HARMLESS[channel])
    told = given.headers.get("retry-after") or given.headers["x-rate-limit-reset"]
    assert given.status == 429
    assert told in ("90", str(int(far.now.timestamp()) + 90))
    assert harmless(client, channel) == 200


def test_a_slow_answer_is_held_and_otherwise_as_ever(far, channel, client):
    far.weather(channel, "slow", hold_ms=250, times=1)
    given = client.call("GET", HARMLESS[channel])
    assert (given.status, given.hold_ms) == (200, 250)


def test_what_strikes_publishing_alone_spares_a_look_up(far, channel, client):
    far.weather(channel, "slow", hold_ms=250, times=1, publishing=True)
    assert client.call("GET", HARMLESS[channel]).hold_ms == 0
    assert client.post().hold_ms == 250


def test_a_refusal_strikes_publishing_alone_and_speaks_with_the_code(far, channel, client):
    far.weather(channel, "refuse", status=403, code="word_of_the_script", times=1)
    assert harmless(client, channel) == 200
    given = client.post()
    assert (given.status, standing(far, channel)) == (403, 0)
    assert b"word_of_the_script" in given.body


def test_what_is_expired_stops_at_once(far, channel, client):
    far.weather(channel, "expired", account="acme")
    assert harmless(client, channel) == 401


def test_what_is_revoked_needs_a_new_consent(far, channel, client):
    far.weather(channel, "revoked")
    assert harmless(client, channel) == 401
    assert harmless(client.connect(), channel) == 200


def test_a_refresh_cures_what_expired_and_not_what_was_revoked(far):
    x = X(far).connect()
    far.weather("x", "expired")
    told = read(x.token_call(grant_type="refresh_token", refresh_token=x.refresh))
    x.token = told["access_token"]
    assert harmless(x, "x") == 200
    far.weather("x", "revoked")
    assert x.token_call(grant_type="refresh_token", refresh_token=told["refresh_token"]).status == 400


def test_a_list_that_lags_hides_the_youngest(far):
    x = X(far).connect()
    far.weather("x", "look_up_lag", lag="PT45S", **{"for": "PT20M"})
    x.post()
    far.later(seconds=44)
    assert x.listed()["meta"]["result_count"] == 0
    far.later(seconds=1)
    assert x.listed()["meta"]["result_count"] == 1


def test_a_look_up_by_slug_is_exact_and_never_lags(far):
    wordpress = WordPress(far).connect()
    far.weather("blog", "look_up_lag")
    wordpress.post()
    assert len(wordpress.listed(slug="how-acme-grew")) == 1


def test_an_accounts_weather_spares_everybody_else(far, channel, client):
    other = CLIENTS[channel](far, account="other").connect()
    far.weather(channel, "outage_before", account="acme")
    assert (harmless(client, channel), harmless(other, channel)) == (503, 200)


def test_a_channels_weather_spares_the_other_channels(far):
    far.weather("x", "outage_before")
    assert harmless(LinkedIn(far).connect(), "linkedin") == 200


def test_weather_strikes_as_often_as_was_said(far, channel, client):
    far.weather(channel, "outage_before", times=2)
    assert [harmless(client, channel) for _ in range(3)] == [503, 503, 200]


def test_a_token_endpoint_knows_outages_and_no_limits(far):
    x = X(far).connect()
    far.weather("x", "limit", account="acme")
    assert x.token_call(grant_type="refresh_token", refresh_token=x.refresh).status == 200
    far.weather("x", "outage_before")
    assert x.token_call(grant_type="refresh_token", refresh_token=x.refresh).status == 503


def test_no_weather_touches_the_page_of_consent(far):
    far.weather("x", "outage_before")
    assert X(far).code()


@pytest.mark.parametrize("asked", [{"kind": "storm"}, {"kind": "limit", "retryafter": 3}, {"kind": "slow", "times": 0}])
def test_a_misspelt_weather_is_refused(far, asked):
    with pytest.raises(ValidationError):
        far.weather("x", asked.pop("kind"), **asked)


def test_planted_engagement_multiplies_interactions_and_leaves_what_was_seen(far):
    x = X(far).connect()
    plain, planted = read(x.post("Two words"))["data"]["id"], read(x.post("A story of growth"))["data"]["id"]
    far.later(days=7)
    x.connect()
    posts = far.world.posts
    before = far.world.engagement(posts.get("x", planted))
    far.world.plant("x", Planted(account="acme", contains="growth", factor=4))
    after = far.world.engagement(posts.get("x", planted))
    assert after.impressions == before.impressions
    assert after.likes >= 4 * before.likes > 0
    ordinary = far.world.engagement(posts.get("x", plain))
    assert ordinary.likes < after.likes


def test_engagement_is_the_same_in_every_run_and_only_grows():
    def seen(*ages: timedelta):
        far = FarSide()
        X(far).connect().post()
        [post] = far.world.posts.everything("x")
        start = far.now
        for age in ages:
            far.now = start + age
            yield far.world.engagement(post)

    ages = [timedelta(hours=hours) for hours in (0, 1, 24, 168)]
    once, again = list(seen(*ages)), list(seen(*ages))
    assert once == again
    assert [each.impressions for each in once] == sorted({each.impressions for each in once})


def test_two_labels_are_two_connections(far):
    far_state = LinkedIn(far)
    far_state.account = "acme.linkedin.team"
    far_state.connect().post()
    [post] = far.world.posts.everything("linkedin")
    assert (post.account, post.connection) == ("acme", "acme.linkedin.team")
