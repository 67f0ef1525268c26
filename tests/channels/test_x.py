"""X, in X's own words: channels.md 2, row by row (S30, S32, S33, S35, S41)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import Metrics
from services.channels import x
from services.channels.adapter import Granted, GrantRefused
from services.channels.outcome import (
    Absent,
    Delivered,
    Found,
    Limited,
    LookFailed,
    Measured,
    MeasureFailed,
    Refused,
    Unavailable,
    Unclear,
)
from tests.channels.answering import (
    A_PROXYS_PAGE,
    LINK,
    NOBODY_THERE,
    NOTHING_CAME,
    NOW,
    Channel,
    Said,
    credential,
    wish,
)

POSTED = Said(201, {"data": {"id": "1860000000000000001", "text": "How Acme grew https://t.co/a1"}})
SEEN = "https://x.com/i/status/1860000000000000001"
PROBLEM = "https://api.x.com/2/problems/"
MIDNIGHT = NOW.replace(hour=0) + timedelta(days=1)


def no(status, kind="about:blank", title="Forbidden", detail="No."):
    kind = kind if kind == "about:blank" else PROBLEM + kind
    return Said(status, {"title": title, "detail": detail, "type": kind, "status": status})


def resets(**minutes):
    """`rate=5`: five minutes until the limit of that name begins anew, and nothing is left of it."""
    names = {"rate": "x-rate-limit", "app": "x-app-limit-24hour", "user": "x-user-limit-24hour"}
    headers = {}
    for name, later in minutes.items():
        headers[f"{names[name]}-reset"] = str(int((NOW + timedelta(minutes=later)).timestamp()))
        headers[f"{names[name]}-remaining"] = "0"
    return headers


async def published(*answers, **what):
    channel = Channel(*answers)
    return await x.publish(channel, credential("42"), wish(**what), now=NOW), channel.asked


async def found(*answers, **what):
    channel = Channel(*answers)
    return await x.find(channel, credential("42"), wish(**what), now=NOW + timedelta(minutes=1)), channel.asked


def listed(*tweets, next_token=None):
    meta = {"result_count": len(tweets)} | ({"next_token": next_token} if next_token else {})
    return Said(200, {"meta": meta} | ({"data": list(tweets)} if tweets else {}))


def tweet(text, *expanded, id="1860000000000000001"):
    urls = [{"url": f"https://t.co/{number}", "expanded_url": url} for number, url in enumerate(expanded)]
    return {"id": id, "text": text} | ({"entities": {"urls": urls}} if urls else {})


async def test_a_post_is_one_call_with_the_link_in_its_text():
    outcome, [asked] = await published(POSTED)
    assert outcome == Delivered("1860000000000000001", SEEN)
    assert (asked.method, asked.url) == ("POST", "https://api.x.com/2/tweets")
    assert asked.headers["authorization"] == "Bearer opened"
    assert asked.json == {"text": f"How Acme grew\n{LINK}"}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (no(401, title="Unauthorized"), Refused("auth", "Unauthorized", 401, "No.")),
        (
            no(403, detail="You are not allowed to create a Tweet with duplicate content."),
            Refused("duplicate", "duplicate", 403, "You are not allowed to create a Tweet with duplicate content."),
        ),
        (
            no(403, detail="You are not permitted to perform this action."),
            Refused("content", "Forbidden", 403, "You are not permitted to perform this action."),
        ),
        (
            no(403, "client-forbidden", "Client Forbidden"),
            Refused("permission", "client-forbidden", 403, "No."),
        ),
        (
            no(403, "unsupported-authentication", "Unsupported Authentication"),
            Refused("permission", "unsupported-authentication", 403, "No."),
        ),
        (no(403, "user-suspended"), Refused("permission", "user-suspended", 403, "No.")),
        (no(400, "invalid-request", "Invalid Request"), Refused("content", "invalid-request", 400, "No.")),
        (no(404, "resource-not-found"), Refused("content", "resource-not-found", 404, "No.")),
        (no(402, "credits", "CreditsDepleted"), Limited("credits", 402, MIDNIGHT)),
        (no(403, "usage-capped", "UsageCapExceeded"), Limited("usage-capped", 403, MIDNIGHT)),
        (no(429, "usage-capped", "UsageCapExceeded"), Limited("usage-capped", 429, MIDNIGHT)),
        (no(429, title="Too Many Requests"), Limited("Too Many Requests", 429)),
        (Said(403, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}), Limited("88", 403)),
        (no(400, "rate-limit"), Limited("rate-limit", 400)),
        (no(400, "internal-error"), Unclear("internal-error", "No.", 400)),
        (no(500, "internal-error"), Unclear("internal-error", "No.", 500)),
        (Said(502, A_PROXYS_PAGE), Unclear("http_502", "", 502)),
        (no(503, title="Service Unavailable"), Unclear("Service Unavailable", "No.", 503)),
        (Said(504, b""), Unclear("http_504", "", 504)),
        (Said(408, b""), Unclear("http_408", "", 408)),
        (Said(201, b"{"), Unclear("http_201", "", 201)),
        (Said(200, {"errors": [{"message": "Partial"}]}), Unclear("http_200", "Partial", 200)),
        (NOTHING_CAME, Unclear("no_answer", "connection reset")),
        (NOBODY_THERE, Unavailable("not_reached", "connection refused")),
    ],
)
async def test_every_answer_means_one_thing(answer, outcome):
    assert (await published(answer))[0] == outcome


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (resets(rate=5), timedelta(minutes=5)),
        (resets(rate=5, app=60), timedelta(hours=1)),
        (resets(rate=5, user=60), timedelta(hours=1)),
        (resets(rate=5, app=60) | {"x-app-limit-24hour-remaining": "17"}, timedelta(minutes=5)),
        (resets(rate=-5), timedelta()),
        (resets(rate=60 * 24 * 365), timedelta(hours=24)),
        ({"retry-after": "30"}, timedelta(seconds=30)),
    ],
)
async def test_a_limit_lasts_until_the_latest_reset_of_what_is_used_up(headers, wait):
    outcome, _ = await published(Said(429, {"title": "Too Many Requests"}, headers))
    assert outcome == Limited("Too Many Requests", 429, NOW + wait)


@pytest.mark.parametrize("reset", ["soon", "", "-1", "9" * 20])
async def test_a_reset_nobody_can_read_is_no_time(reset):
    outcome, _ = await published(Said(429, {}, {"x-rate-limit-reset": reset, "x-rate-limit-remaining": "0"}))
    assert outcome.until is None


async def test_a_look_reads_ones_own_timeline_since_shortly_before_the_attempt():
    look, [asked] = await found(listed(tweet("Other"), tweet("How Acme grew https://t.co/0", LINK)))
    assert look == Found("1860000000000000001", SEEN)
    assert asked.url.startswith("https://api.x.com/2/users/42/tweets?")
    assert asked.query["start_time"] == "2026-11-24T08:59:00Z"


async def test_a_long_post_is_found_by_its_whole_text():
    cut = tweet("How Acme grew …") | {"note_tweet": tweet("How Acme grew, at length: https://t.co/0", LINK)}
    look, [asked] = await found(listed(cut))
    assert isinstance(look, Found)
    assert "note_tweet" in asked.query["tweet.fields"].split(",")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Salt & pepper < 3", tweet("Salt &amp; pepper &lt; 3")),
        ("See acme.com now", tweet("See https://t.co/0 now", "http://acme.com")),
        ("Gru\u0308ße", tweet("Grüße")),
    ],
)
async def test_a_post_without_a_link_of_ours_is_known_by_its_words(text, shown):
    assert isinstance((await found(listed(shown), text=text, link=None))[0], Found)


async def test_a_post_that_went_out_with_our_link_is_known_by_it_whatever_its_words_were():
    """After a restore the words and the link that are known may be those of before an edit (I27)."""
    shown = tweet("How Acme grew, told anew https://t.co/0", LINK)
    assert isinstance((await found(listed(shown), text="How Acme grew", link=None))[0], Found)


async def test_i13_another_post_of_ours_with_the_same_words_is_not_this_one():
    twin, own = tweet("How Acme grew", id="1"), tweet("How Acme grew", id="2")
    alike = {"text": "How Acme grew", "link": None, "others": frozenset({"1"})}
    assert isinstance((await found(listed(twin), **alike))[0], Absent)
    look, _ = await found(listed(twin, own), **alike)
    assert (isinstance(look, Found), look.channel_post_id) == (True, "2")


async def test_similar_words_are_not_ours():
    assert isinstance((await found(listed(tweet("How Acme grew!")), link=None))[0], Absent)
    assert isinstance((await found(listed(tweet("How Acme grew"))))[0], Absent)


async def test_an_empty_timeline_is_absence():
    assert isinstance((await found(listed()))[0], Absent)


async def test_a_look_turns_the_page():
    look, asked = await found(listed(tweet("Other"), next_token="n1"), listed(tweet(f"x {LINK}")))
    assert isinstance(look, Found)
    assert [each.query.get("pagination_token") for each in asked] == [None, "n1"]


async def test_a_timeline_without_end_proves_nothing():
    look, asked = await found(listed(tweet("Other"), next_token="n1"))
    assert isinstance(look, LookFailed)
    assert len(asked) == 10


@pytest.mark.parametrize(
    ("answer", "look"),
    [
        (no(401, title="Unauthorized"), LookFailed("Unauthorized", "No.", 401, auth=True)),
        (no(403, "client-forbidden"), LookFailed("client-forbidden", "No.", 403)),
        (Said(200, A_PROXYS_PAGE), LookFailed("http_200", "", 200)),
        (Said(200, {"data": []}), LookFailed("http_200", "", 200)),
        (NOTHING_CAME, LookFailed("no_answer", "connection reset")),
    ],
)
async def test_a_look_that_fails_proves_nothing(answer, look):
    assert (await found(answer))[0] == look


async def test_a_limited_look_says_when():
    look, _ = await found(Said(429, {}, resets(rate=5)))
    assert look.until == NOW + timedelta(minutes=5)


async def measured(told):
    channel = Channel(told if isinstance(told, Said) else Said(200, told))
    return await x.measure(channel, credential("42"), "18", now=NOW), channel.asked


PUBLIC = {"impression_count": 900, "like_count": 40, "reply_count": 5, "retweet_count": 3, "quote_count": 2,
          "bookmark_count": 7}  # fmt: skip


@pytest.mark.parametrize("word", ["retweet_count", "repost_count"])
async def test_a_measurement_reads_the_counters_under_their_old_and_new_names(word):
    """Reach is not offered, which is None and not 0."""
    public = {(word if name == "retweet_count" else name): value for name, value in PUBLIC.items()}
    told, _ = await measured({"data": [{"public_metrics": public, "non_public_metrics": {"url_link_clicks": 11}}]})
    assert told == Measured(Metrics(impressions=900, likes=40, comments=5, shares=5, saves=7, clicks=11))
    assert told.metrics.reach is None


async def test_clicks_that_are_no_longer_shown_are_not_zero():
    errors = [{"type": PROBLEM + "not-authorized-for-field", "detail": "Older than 30 days."}]
    told, _ = await measured({"data": [{"public_metrics": PUBLIC}], "errors": errors})
    assert told.metrics.clicks is None
    assert told.metrics.likes == 40


async def test_a_measurement_that_fails_says_why():
    gone = {"errors": [{"type": PROBLEM + "resource-not-found", "title": "Not Found Error", "detail": "Gone."}]}
    assert (await measured(gone))[0] == MeasureFailed("not_found", "Gone.", 200)
    assert (await measured(no(401, title="Unauthorized")))[0].auth
    assert (await measured(Said(429, {}, resets(rate=5))))[0].until == NOW + timedelta(minutes=5)


async def test_a_check_names_the_member():
    me = Said(200, {"data": {"id": "42", "username": "acme", "subscription_type": "None"}})
    assert await x.check(Channel(me), credential()) == Granted(
        secret={"access_token": "opened"}, member="42", member_name="acme"
    )


async def test_a_check_is_refused_in_xs_own_words():
    refused = await x.check(Channel(no(401, title="Unauthorized")), credential())
    assert refused == GrantRefused("Unauthorized", "No.")
