"""LinkedIn organisation pages, in LinkedIn's own words: channels.md 1, row by row (S30, S32, S33, S35, S41)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events import Metrics
from services.channels import linkedin
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
    MARKER,
    NOBODY_THERE,
    NOTHING_CAME,
    NOW,
    Channel,
    Said,
    credential,
    wish,
)

PAGE = "urn:li:organization:7"
SHARE = "urn:li:share:7130000000000000001"
POSTED = Said(201, b"", {"x-restli-id": SHARE})


def no(status, code=None, service=None, message="No."):
    words = {"status": status, "code": code, "serviceErrorCode": service, "message": message}
    return Said(status, {name: value for name, value in words.items() if value is not None})


async def published(*answers, **what):
    channel = Channel(*answers)
    return await linkedin.publish(channel, credential(PAGE), wish(**what), now=NOW), channel.asked


async def found(*answers, **what):
    channel = Channel(*answers)
    return await linkedin.find(channel, credential(PAGE), wish(**what), now=NOW + timedelta(minutes=1)), channel.asked


def listed(*elements):
    return Said(200, {"elements": list(elements)})


def element(commentary="something else", *, id=SHARE, minutes=0.0, source=None):
    made = int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)
    return {"id": id, "commentary": commentary, "createdAt": made, "content": {"article": {"source": source}}}


async def test_a_post_is_one_call_in_the_pages_name():
    outcome, [asked] = await published(POSTED, title="How Acme grew")
    assert outcome == Delivered(SHARE, f"https://www.linkedin.com/feed/update/{SHARE}")
    assert (asked.method, asked.url) == ("POST", "https://api.linkedin.com/rest/posts")
    assert asked.headers["linkedin-version"].isdigit()
    assert asked.headers["x-restli-protocol-version"] == "2.0.0"
    assert asked.json == {
        "author": PAGE, "commentary": "How Acme grew", "visibility": "PUBLIC", "lifecycleState": "PUBLISHED",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "isReshareDisabledByAuthor": False, "content": {"article": {"source": LINK, "title": "How Acme grew"}},
    }  # fmt: skip


async def test_reserved_characters_are_escaped_and_hashtags_are_not():
    """An unescaped bracket silently ends the post there."""
    _, [asked] = await published(POSTED, text="(Acme) #grows * # a_b ~c", link=None)
    assert asked.json["commentary"] == r"\(Acme\) #grows \* \# a\_b \~c"
    assert "content" not in asked.json


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (no(401, "INVALID_ACCESS_TOKEN", 65600), Refused("auth", "INVALID_ACCESS_TOKEN", 401, "No.")),
        (no(401, "EXPIRED_ACCESS_TOKEN", 65602), Refused("auth", "EXPIRED_ACCESS_TOKEN", 401, "No.")),
        (no(401, "UNAUTHORIZED", 65602), Refused("auth", "EXPIRED_ACCESS_TOKEN", 401, "No.")),
        (no(401, "REVOKED_ACCESS_TOKEN", 65601), Refused("revoked", "REVOKED_ACCESS_TOKEN", 401, "No.")),
        (no(401, None, 65601), Refused("revoked", "REVOKED_ACCESS_TOKEN", 401, "No.")),
        (no(401, "UNAUTHORIZED", 65601), Refused("revoked", "REVOKED_ACCESS_TOKEN", 401, "No.")),
        (no(403, "ACCESS_DENIED"), Refused("permission", "ACCESS_DENIED", 403, "No.")),
        (no(400, "FIELD_LENGTH_TOO_LONG"), Refused("content", "FIELD_LENGTH_TOO_LONG", 400, "No.")),
        (no(400, "INVALID_URN_TYPE"), Refused("content", "INVALID_URN_TYPE", 400, "No.")),
        (no(422, "UNPROCESSABLE_ENTITY"), Refused("content", "UNPROCESSABLE_ENTITY", 422, "No.")),
        (no(422, "DUPLICATE_POST"), Refused("duplicate", "DUPLICATE_POST", 422, "No.")),
        (no(400, "DUPLICATE_POST"), Refused("duplicate", "DUPLICATE_POST", 400, "No.")),
        (no(409, "CONFLICT"), Unavailable("CONFLICT", "No.", 409)),
        (no(426, "NONEXISTENT_VERSION"), Limited("NONEXISTENT_VERSION", 426)),
        (no(429, "TOO_MANY_REQUESTS"), Limited("TOO_MANY_REQUESTS", 429)),
        (no(408), Unclear("http_408", "No.", 408)),
        (no(500, "INTERNAL_SERVER_ERROR"), Unclear("INTERNAL_SERVER_ERROR", "No.", 500)),
        (Said(502, A_PROXYS_PAGE), Unclear("http_502", "", 502)),
        (no(503), Unclear("http_503", "No.", 503)),
        (Said(504, b""), Unclear("http_504", "", 504)),
        (Said(403, A_PROXYS_PAGE), Refused("permission", "http_403", 403, "")),
        (Said(201, b""), Unclear("http_201", "", 201)),
        (Said(201, b"", {"x-restli-id": "<b>"}), Unclear("http_201", "", 201)),
        (Said(302, b""), Unclear("http_302", "", 302)),
        (NOTHING_CAME, Unclear("no_answer", "connection reset")),
        (NOBODY_THERE, Unavailable("not_reached", "connection refused")),
    ],
)
async def test_every_answer_means_one_thing(answer, outcome):
    assert (await published(answer))[0] == outcome


async def test_a_limit_lasts_as_long_as_it_says():
    limit = Said(429, {"code": "TOO_MANY_REQUESTS"}, {"retry-after": "90"})
    assert (await published(limit))[0] == Limited("TOO_MANY_REQUESTS", 429, NOW + timedelta(seconds=90))


async def test_the_deadline_travels_with_the_call_that_makes_it_visible():
    channel = Channel(POSTED)
    late = wish()
    await linkedin.publish(channel, credential(PAGE), late, now=NOW)
    assert channel.asked[0].deadline == late.deadline


async def test_a_look_reads_the_pages_own_posts():
    look, [asked] = await found(listed(element(), element(rf"Read {LINK}".replace("_", r"\_"))))
    assert look == Found(SHARE, f"https://www.linkedin.com/feed/update/{SHARE}")
    assert asked.headers["x-restli-method"] == "FINDER"
    assert asked.query["author"] == PAGE
    assert "author=urn%3Ali%3Aorganization%3A7&" in asked.url


async def test_a_look_finds_the_marker_in_the_card_too():
    assert isinstance((await found(listed(element("How Acme grew", source=LINK))))[0], Found)


async def test_a_post_without_a_link_is_known_by_its_words_since_the_attempt():
    assert isinstance((await found(listed(element(r"\(Acme\)")), text="(Acme)", link=None))[0], Found)
    assert isinstance((await found(listed(element("(Acme)", minutes=-9)), text="(Acme)", link=None))[0], Absent)


async def test_i13_another_post_of_ours_with_the_same_words_is_not_this_one():
    twin, own = element("How Acme grew"), element("How Acme grew", id="urn:li:share:8")
    alike = {"text": "How Acme grew", "link": None, "others": frozenset({SHARE})}
    assert isinstance((await found(listed(twin), **alike))[0], Absent)
    look, _ = await found(listed(twin, own), **alike)
    assert (isinstance(look, Found), look.channel_post_id) == (True, "urn:li:share:8")


async def test_words_alone_do_not_prove_a_post_that_carries_a_marker():
    assert isinstance((await found(listed(element("How Acme grew"))))[0], Absent)


async def test_an_empty_list_is_absence():
    assert isinstance((await found(listed()))[0], Absent)


async def test_a_look_goes_on_until_before_the_attempt():
    full = listed(*[element(minutes=0.5)] * 50)
    look, asked = await found(full, listed(element(f"x {MARKER}")))
    assert isinstance(look, Found)
    assert [each.query["start"] for each in asked] == ["0", "50"]
    look, asked = await found(listed(*[element(minutes=-5)] * 50))
    assert (look, len(asked)) == (Absent(), 1)


async def test_a_list_without_end_proves_nothing():
    look, asked = await found(listed(*[element(minutes=0.5)] * 50))
    assert isinstance(look, LookFailed)
    assert (look.code, len(asked)) == ("list_without_end", 10)


@pytest.mark.parametrize(
    ("answer", "look"),
    [
        (no(401, "EXPIRED_ACCESS_TOKEN", 65602), LookFailed("EXPIRED_ACCESS_TOKEN", "No.", 401, auth=True)),
        (no(403, "ACCESS_DENIED"), LookFailed("ACCESS_DENIED", "No.", 403)),
        (no(500), LookFailed("http_500", "No.", 500)),
        (Said(200, A_PROXYS_PAGE), LookFailed("http_200", "", 200)),
        (Said(200, {"elements": "many"}), LookFailed("http_200", "", 200)),
        (NOTHING_CAME, LookFailed("no_answer", "connection reset")),
    ],
)
async def test_a_look_that_fails_proves_nothing(answer, look):
    assert (await found(answer))[0] == look


async def test_a_limited_look_says_when():
    look, _ = await found(Said(429, {"code": "TOO_MANY_REQUESTS"}, {"retry-after": "60"}))
    assert look.until == NOW + timedelta(minutes=2)


async def measured(answer, id=SHARE):
    channel = Channel(answer)
    return await linkedin.measure(channel, credential(PAGE), id, now=NOW), channel.asked


async def test_a_measurement_reads_the_totals_of_one_share():
    totals = {"uniqueImpressionsCount": 90, "impressionCount": 120, "likeCount": -1, "commentCount": 2,
              "shareCount": 3, "clickCount": 11}  # fmt: skip
    told, [asked] = await measured(Said(200, {"elements": [{"share": SHARE, "totalShareStatistics": totals}]}))
    # LinkedIn says itself that likeCount can be negative: then nobody knows how many there are, and that is not none.
    assert told == Measured(Metrics(reach=90, impressions=120, likes=None, comments=2, shares=3, clicks=11))
    assert asked.url.endswith("&shares=List(urn%3Ali%3Ashare%3A7130000000000000001)")


async def test_an_ugc_post_is_asked_for_by_its_own_kind():
    _, [asked] = await measured(listed(), "urn:li:ugcPost:9")
    assert asked.url.endswith("&ugcPosts=List(urn%3Ali%3AugcPost%3A9)")


async def test_a_post_nobody_acted_on_has_true_zeros_and_no_saves():
    told, _ = await measured(listed())
    assert told == Measured(Metrics(reach=0, impressions=0, likes=0, comments=0, shares=0, clicks=0))
    assert told.metrics.saves is None


async def test_a_measurement_that_fails_says_why():
    assert (await measured(no(403, "ACCESS_DENIED")))[0] == MeasureFailed("ACCESS_DENIED", "No.", 403)
    assert (await measured(no(401, None, 65602)))[0].auth


async def test_a_check_names_the_page():
    assert await linkedin.check(Channel(listed({"organization": PAGE})), credential()) == Granted(
        secret={"access_token": "opened"}, member=PAGE
    )


async def test_a_member_without_a_page_cannot_connect():
    assert (await linkedin.check(Channel(listed()), credential())).code == "no_organisation"


async def test_a_check_is_refused_in_linkedins_own_words():
    assert await linkedin.check(Channel(no(401, "REVOKED_ACCESS_TOKEN", 65601)), credential()) == GrantRefused(
        "REVOKED_ACCESS_TOKEN", "No."
    )
