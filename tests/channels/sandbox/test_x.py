"""X as it answers: every refusal of its table, its rate headers, and what it does to links."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.channels.sandbox.far_side import BACK, MONDAY_NINE, FarSide, X, read


@pytest.fixture
def far() -> FarSide:
    return FarSide()


@pytest.fixture
def x(far) -> X:
    return X(far).connect()


def test_a_post_comes_back_with_its_link_shortened_and_its_ampersands_escaped(x):
    told = read(x.post("Tea & toast https://acme.example/?a=1&utm_content=m1"))["data"]
    assert told["text"].startswith("Tea &amp; toast https://t.co/")
    [listed] = x.listed(**{"tweet.fields": "entities,created_at"})["data"]
    assert listed["entities"]["urls"][0]["expanded_url"] == "https://acme.example/?a=1&utm_content=m1"
    assert listed["created_at"] == "2026-11-23T09:00:00.000Z"


def test_only_what_was_asked_for_is_shown(x):
    x.post()
    assert set(x.listed()["data"][0]) == {"id", "text", "edit_history_tweet_ids"}


def test_an_empty_timeline_leaves_data_out(x):
    assert x.listed() == {"meta": {"result_count": 0}}


def test_a_timeline_is_read_page_by_page_and_from_a_moment_on(x, far):
    for number in range(12):
        x.post(f"Story {number}")
        far.later(minutes=1)
    first = x.listed(max_results="5")
    rest = x.listed(max_results="5", pagination_token=first["meta"]["next_token"])
    assert [each["text"] for each in rest["data"]] == [f"Story {number}" for number in (6, 5, 4, 3, 2)]
    assert x.listed(start_time="2026-11-23T09:10:00Z")["meta"]["result_count"] == 2


def test_every_answer_tells_what_is_left(x, far):
    headers = x.post().headers
    reset = MONDAY_NINE + timedelta(minutes=15)
    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == ("100", "99")
    assert headers["x-rate-limit-reset"] == str(int(reset.timestamp()))


def test_the_metrics_grow_and_clicks_are_the_authors_alone(x, far):
    id = read(x.post())["data"]["id"]
    far.later(days=1)
    x.connect()
    other = X(far, account="other").connect()
    asked = f"/tweets?ids={id}&tweet.fields=public_metrics,non_public_metrics"
    told = read(x.call("GET", asked))["data"][0]
    assert told["public_metrics"]["impression_count"] > 0
    assert told["non_public_metrics"]["url_link_clicks"] > 0
    foreign = read(other.call("GET", asked))
    assert "non_public_metrics" not in foreign["data"][0]
    assert foreign["errors"][0]["type"].endswith("not-authorized-for-field")


def test_after_30_days_the_private_metrics_are_withheld(x, far):
    id = read(x.post())["data"]["id"]
    far.later(days=30)
    x.connect()
    told = read(x.call("GET", f"/tweets?ids={id}&tweet.fields=non_public_metrics"))
    assert told["errors"][0]["field"] == "non_public_metrics"


def test_an_unknown_post_is_an_error_inside_a_200(x):
    given = x.call("GET", "/tweets?ids=1")
    assert given.status == 200
    assert "data" not in read(given)
    assert read(given)["errors"][0]["type"].endswith("resource-not-found")


def test_a_premium_account_may_say_more(far):
    premium = X(far, account="premium-acme").connect()
    assert premium.post("a" * 25_000).status == 201
    assert premium.post("b" * 25_001).status == 403
    assert (
        read(premium.call("GET", "/users/me?user.fields=subscription_type"))["data"]["subscription_type"] == "Premium"
    )


# Refusals, in the order of the table.


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_has_the_status_that_was_asked_for(x, far, status):
    far.weather("x", "outage_before", status=status, times=1)
    assert x.call("GET", "/users/me").status == status


def test_an_internal_error_can_be_scripted(x, far):
    far.weather("x", "refuse", code="internal-error", times=1)
    refused = x.post()
    assert (refused.status, read(refused)["type"]) == (500, "https://api.x.com/2/problems/internal-error")


def test_the_101st_post_within_15_minutes_waits_for_the_reset(x, far):
    for number in range(100):
        assert x.post(f"Story {number}").status == 201
    refused = x.post("One more")
    assert (refused.status, refused.headers["x-rate-limit-remaining"]) == (429, "0")
    far.later(minutes=15)
    assert x.post("One more").status == 201


@pytest.mark.parametrize(("code", "status"), [("usage-capped", 429), ("usage-capped", 403), ("CreditsDepleted", 402)])
def test_an_allowance_that_is_gone_can_be_scripted(x, far, code, status):
    far.weather("x", "refuse", code=code, status=status, times=1)
    refused = x.post()
    assert (refused.status, read(refused)["status"]) == (status, status)
    assert read(refused)["title"] in ("UsageCapExceeded", "CreditsDepleted")


def test_an_access_token_lives_two_hours(x, far):
    far.later(hours=2)
    refused = x.post()
    assert (refused.status, read(refused)["title"]) == (401, "Unauthorized")


def test_a_refresh_token_works_once_and_brings_the_next(x):
    told = read(x.token_call(grant_type="refresh_token", refresh_token=x.refresh))
    refused = x.token_call(grant_type="refresh_token", refresh_token=x.refresh)
    assert (refused.status, read(refused)["error"]) == (400, "invalid_request")
    assert x.token_call(grant_type="refresh_token", refresh_token=told["refresh_token"]).status == 200


def test_without_offline_access_there_is_no_refresh_token(far):
    assert X(far, scope="tweet.read tweet.write users.read").connect().refresh == ""


def test_a_code_lives_30_seconds(x, far):
    code = x.code()
    far.later(seconds=30)
    assert x.exchange(code).status == 400


def test_the_verifier_must_fit_the_challenge(x):
    assert x.exchange(x.code(), code_verifier="another").status == 400


def test_a_consent_without_a_challenge_is_refused(far):
    asked = f"client_id=c&redirect_uri={BACK}&state=acme.s&scope=tweet.read&response_type=code"
    assert far.send("GET", f"https://x.com/i/oauth2/authorize?{asked}").status == 400


def test_a_missing_scope_is_forbidden_to_the_client(far):
    narrow = X(far, scope="tweet.read users.read").connect()
    refused = narrow.post()
    assert (refused.status, read(refused)["type"]) == (403, "https://api.x.com/2/problems/client-forbidden")


@pytest.mark.parametrize("code", ["unsupported-authentication", "user-suspended", "client-forbidden"])
def test_a_permission_that_is_missing_can_be_scripted(x, far, code):
    far.weather("x", "refuse", code=code, times=1)
    refused = x.post()
    assert (refused.status, read(refused)["type"].rpartition("/")[2]) == (403, code)


def test_the_same_words_again_are_a_duplicate_without_an_id(x):
    x.post()
    refused = x.post()
    assert (refused.status, read(refused)["type"]) == (403, "about:blank")
    assert "duplicate" in read(refused)["detail"]


def test_280_weigh_enough_and_a_link_weighs_23(x):
    assert x.post("漢" * 140).status == 201
    assert x.post("漢" * 141).status == 403
    assert x.post("a" * 256 + " https://acme.example/" + "b" * 300).status == 201
    assert read(x.post("a" * 257 + " https://acme.example/" + "b" * 300))["detail"].startswith("You are not permitted")


@pytest.mark.parametrize("more", [{"media": {"media_ids": ["1"]}}, {"status": "x"}, {"text": ""}])
def test_an_invalid_request_names_itself(x, more):
    refused = x.post(**more)
    assert (refused.status, read(refused)["type"]) == (400, "https://api.x.com/2/problems/invalid-request")


def test_a_list_is_at_least_5_and_at_most_100_long(x):
    user = x.user
    asked = [x.call("GET", f"/users/{user}/tweets?max_results={most}").status for most in (4, 5, 100, 101)]
    assert asked == [400, 200, 200, 400]


def test_a_deleted_post_is_gone(x):
    id = read(x.post())["data"]["id"]
    x.call("DELETE", f"/tweets/{id}")
    assert x.listed()["meta"]["result_count"] == 0
