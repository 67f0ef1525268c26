"""WordPress, in WordPress's own words: channels.md 8 and 9, row by row (S7, S30, S32, S33, S35)."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from events import Metrics
from services.channels.adapter import Granted, GrantRefused, GrantUnclear
from services.channels.blog import wordpress
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

SITE = "https://blog.acme.example"
SLUG = f"how-acme-grew-{MARKER}"
LIVE = {"id": 42, "link": f"{SITE}/{SLUG}/", "slug": SLUG, "status": "publish"}
NONE_YET = Said(200, [])
POSTED = Said(201, LIVE)


def no(status, code, message="No."):
    return Said(status, {"code": code, "message": message, "data": {"status": status}})


def key(site=SITE):
    return credential("1", site=site, user="editor", key="abcd efgh")


async def published(*answers, site=SITE, **what):
    channel = Channel(*answers)
    return await wordpress.publish(channel, key(site), wish(**what), now=NOW), channel.asked


async def test_a_post_looks_for_its_slug_before_it_is_sent():
    outcome, [looked, sent] = await published(NONE_YET, POSTED)
    assert outcome == Delivered("42", LIVE["link"])
    assert (looked.method, looked.query["slug"], looked.query["status"]) == ("GET", SLUG, "any")
    assert (sent.method, sent.url) == ("POST", f"{SITE}/wp-json/wp/v2/posts")
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"editor:abcd efgh").decode()
    assert {name: sent.json[name] for name in ("title", "slug", "status")} == {
        "title": "How Acme grew", "slug": SLUG, "status": "publish",
    }  # fmt: skip


async def test_a_slug_that_is_there_is_adopted_and_nothing_is_sent():
    """A second post under the same slug would silently become slug-2."""
    outcome, asked = await published(Said(200, [LIVE]))
    assert (outcome, len(asked)) == (Delivered("42", LIVE["link"]), 1)


async def test_a_post_that_was_unpublished_since_gets_no_twin():
    outcome, asked = await published(Said(200, [{**LIVE, "status": "draft"}]))
    assert (outcome.channel_post_id, len(asked)) == ("42", 1)


async def test_somebody_elses_slug_is_not_ours():
    outcome, asked = await published(Said(200, [{**LIVE, "slug": f"{SLUG}-2"}]), POSTED)
    assert (outcome.channel_post_id, len(asked)) == ("42", 2)


async def test_the_deadline_travels_with_the_look_and_with_the_call_that_makes_it_visible():
    channel = Channel(NONE_YET, POSTED)
    late = wordpress.Wish("Text", None, None, MARKER, NOW, deadline=NOW + timedelta(seconds=20))
    await wordpress.publish(channel, key(), late, now=NOW)
    assert [asked.deadline for asked in channel.asked] == [late.deadline, late.deadline]


async def test_markdown_arrives_as_html_without_anything_that_runs():
    text = "# Growth\n\n**By listening**, <script>alert(1)</script> [here](javascript:alert(2))\n\n![x](https://a.de/x.png)"
    _, [_, sent] = await published(NONE_YET, POSTED, text=text, title="How Acme grew")
    content = sent.json["content"]
    assert "<h1>Growth</h1>" in content
    assert "<strong>By listening</strong>" in content
    assert '<img src="https://a.de/x.png"' in content
    assert f'<p><a href="{LINK}">' in content
    assert "<script" not in content
    assert 'href="javascript' not in content


async def test_a_slug_is_made_of_readable_words_and_the_marker():
    assert wordpress.slug_of(wish(title="Größe & Maß – für 7 Häuser!")) == f"groe-ma-fur-7-hauser-{MARKER}"
    assert wordpress.slug_of(wish(title="日本語")) == MARKER
    assert len(wordpress.slug_of(wish(title="word " * 100)).encode()) <= 200


async def test_a_site_without_pretty_addresses_is_asked_by_its_route():
    for site in (f"{SITE}/index.php", f"{SITE}/?rest_route=/"):
        _, [looked, sent] = await published(NONE_YET, POSTED, site=site)
        assert looked.query["rest_route"] == sent.query["rest_route"] == "/wp/v2/posts"
        assert sent.url.partition("?")[0] in (f"{SITE}/index.php", f"{SITE}/")


GONE = ["incorrect_password", "invalid_username", "invalid_email", "rest_not_logged_in",
        "application_passwords_disabled", "rest_forbidden", "a_plugins_own_word"]  # fmt: skip


@pytest.mark.parametrize("code", GONE)
async def test_a_key_that_is_refused_is_gone(code):
    assert (await published(NONE_YET, no(401, code)))[0] == Refused("revoked", code, 401, "No.")
    assert (await published(no(401, code)))[0] == Refused("revoked", code, 401, "No.")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "rest_cannot_create"),
        (401, "rest_cannot_create"),
        (403, "rest_cannot_publish"),
        (403, "rest_cannot_edit"),
        (403, "rest_cannot_assign_term"),
        (403, "rest_cannot_edit_others"),
        (403, "rest_cookie_invalid_nonce"),
        (403, "rest_forbidden"),
        (404, "rest_no_route"),
        (404, "rest_post_invalid_id"),
    ],
)
async def test_a_right_that_is_missing_is_named(status, code):
    assert (await published(NONE_YET, no(status, code)))[0] == Refused("permission", code, status, "No.")
    assert (await published(no(status, code)))[0] == Refused("permission", code, status, "No.")


def forbidden_status(status):
    why = {"code": "rest_forbidden_status", "message": "Status is forbidden.", "data": {"status": status}}
    data = {"status": 400, "params": {"status": "Status is forbidden."}, "details": {"status": why}}
    return Said(400, {"code": "rest_invalid_param", "message": "Invalid parameter(s): status", "data": data})


async def test_a_look_that_finds_nobody_logged_in_means_that_the_key_is_gone():
    """A bare core turns nobody away for a wrong password: it treats the call as a visitor's."""
    outcome, asked = await published(forbidden_status(401))
    assert outcome == Refused("revoked", "rest_not_logged_in", 400, "Invalid parameter(s): status")
    assert len(asked) == 1
    assert (await found(forbidden_status(401))).auth


async def test_a_look_that_is_forbidden_to_a_user_is_a_missing_right():
    outcome, _ = await published(forbidden_status(403))
    assert outcome == Refused("permission", "rest_forbidden_status", 400, "Invalid parameter(s): status")
    assert not (await found(forbidden_status(403))).auth


@pytest.mark.parametrize("code", ["rest_invalid_param", "rest_missing_callback_param", "rest_invalid_json",
                                  "rest_invalid_featured_media", "empty_content", "rest_post_exists"])  # fmt: skip
async def test_content_that_is_refused_says_why(code):
    assert (await published(NONE_YET, no(400, code)))[0] == Refused("content", code, 400, "No.")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (no(403, "incorrect_password"), Refused("revoked", "incorrect_password", 403, "No.")),
        (Said(401, A_PROXYS_PAGE), Refused("permission", "http_401", 401)),
        (Said(403, A_PROXYS_PAGE), Refused("permission", "http_403", 403)),
        (Said(413, A_PROXYS_PAGE), Refused("content", "http_413", 413)),
        (Said(429, A_PROXYS_PAGE), Limited("http_429", 429)),
        (Said(429, A_PROXYS_PAGE, {"retry-after": "60"}), Limited("http_429", 429, NOW + timedelta(minutes=1))),
        (Said(503, A_PROXYS_PAGE, {"retry-after": "60"}), Limited("http_503", 503, NOW + timedelta(minutes=1))),
        (Said(503, A_PROXYS_PAGE), Unclear("http_503", "", 503)),
        (no(500, "db_insert_error"), Unclear("db_insert_error", "No.", 500)),
        (no(500, "internal_server_error"), Unclear("internal_server_error", "No.", 500)),
        (Said(502, A_PROXYS_PAGE), Unclear("http_502", "", 502)),
        (Said(504, A_PROXYS_PAGE), Unclear("http_504", "", 504)),
        (Said(408, b""), Unclear("http_408", "", 408)),
        (Said(301, b"", {"location": "https://elsewhere.example"}), Unclear("http_301", "", 301)),
        (Said(201, A_PROXYS_PAGE), Unclear("http_201", "", 201)),
        (NOTHING_CAME, Unclear("no_answer", "connection reset")),
        (NOBODY_THERE, Unavailable("not_reached", "connection refused")),
    ],
)
async def test_every_answer_to_the_post_means_one_thing(answer, outcome):
    assert (await published(NONE_YET, answer))[0] == outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Said(429, A_PROXYS_PAGE), Limited("http_429", 429)),
        (Said(503, A_PROXYS_PAGE, {"retry-after": "60"}), Limited("http_503", 503, NOW + timedelta(minutes=1))),
        (Said(503, A_PROXYS_PAGE), Unavailable("http_503", "", 503)),
        (Said(502, A_PROXYS_PAGE), Unavailable("http_502", "", 502)),
        (Said(200, A_PROXYS_PAGE), Unavailable("http_200", "", 200)),
        (NOTHING_CAME, Unavailable("no_answer", "connection reset")),
        (NOBODY_THERE, Unavailable("no_answer", "connection refused")),
    ],
)
async def test_a_look_that_fails_beforehand_means_that_nothing_was_sent(answer, outcome):
    told, asked = await published(answer)
    assert (told, len(asked)) == (outcome, 1)


async def found(*answers):
    return await wordpress.find(Channel(*answers), key(), wish(), now=NOW)


def since(*slugs, total=None):
    """A page of what was published since the attempt."""
    return Said(200, [{**LIVE, "slug": slug} for slug in slugs], {"x-wp-total": str(total or len(slugs))})


async def test_a_look_is_exact():
    assert await found(Said(200, [LIVE])) == Found("42", LIVE["link"])
    assert await found(NONE_YET, since()) == Absent()
    assert await found(no(401, "incorrect_password")) == LookFailed("incorrect_password", "No.", 401, auth=True)
    assert await found(NOTHING_CAME) == LookFailed("no_answer", "connection reset")


@pytest.mark.parametrize("slug", [f"corrected-{MARKER}", MARKER, f"{SLUG}-2"])
async def test_a_post_is_found_by_its_marker_whatever_its_title_was(slug):
    channel = Channel(NONE_YET, since("somebody-elses", slug))
    assert await wordpress.find(channel, key(), wish(), now=NOW) == Found("42", LIVE["link"])
    listed = channel.asked[1].query
    assert (listed["after"], listed["status"], listed["page"]) == ("2026-11-23T09:00:00Z", "any", "1")


async def test_a_marker_within_other_letters_is_another_posts():
    assert await found(NONE_YET, since(f"no{MARKER}", f"{MARKER}ab", f"{MARKER}-and-more")) == Absent()


async def test_as_many_pages_are_read_as_the_list_has_and_ten_at_most():
    """A page may come short, where a user may not read all that is counted."""
    assert await found(NONE_YET, since("one", total=150), since(f"another-{MARKER}", total=150)) == Found(
        "42", LIVE["link"]
    )
    assert await found(NONE_YET, since("one", total=150), since("two", total=150)) == Absent()
    assert (await found(NONE_YET, since("one", total=5000))).code == "list_without_end"


@pytest.mark.parametrize("answer", [Said(200, []), Said(200, A_PROXYS_PAGE), Said(500, A_PROXYS_PAGE), NOTHING_CAME])
async def test_a_list_that_cannot_be_read_proves_nothing(answer):
    assert isinstance(await found(NONE_YET, answer), LookFailed)


async def test_an_address_that_is_none_is_not_passed_on():
    assert await found(Said(200, [{**LIVE, "link": "javascript:alert(1)"}])) == Found("42", None)


async def test_core_counts_comments_and_nothing_else():
    channel = Channel(Said(200, [], {"x-wp-total": "7"}))
    told = await wordpress.measure(channel, key(), "42", now=NOW)
    assert told == Measured(Metrics(comments=7))
    assert told.metrics.impressions is None
    assert channel.asked[0].query["post"] == "42"


async def test_a_measurement_that_fails_says_why():
    told = await wordpress.measure(Channel(no(404, "rest_no_route")), key(), "42", now=NOW)
    assert told == MeasureFailed("rest_no_route", "No.", 404)


async def checked(answer):
    channel = Channel(answer)
    return await wordpress.check(channel, key()), channel.asked


async def test_a_key_is_proven_where_a_wrong_one_is_noticed():
    """Public reads answer 200 even to a wrong password; the context `edit` does not."""
    me = {"id": 1, "name": "Editor", "capabilities": {"publish_posts": True}}
    granted, [asked] = await checked(Said(200, me))
    assert granted == Granted(secret=key().secret, member="1", member_name="Editor")
    assert asked.url == f"{SITE}/wp-json/wp/v2/users/me?context=edit"


async def test_a_user_who_may_not_publish_cannot_connect():
    refused, _ = await checked(Said(200, {"id": 1, "name": "Reader", "capabilities": {"read": True}}))
    assert refused.code == "rest_cannot_publish"


@pytest.mark.parametrize("code", ["incorrect_password", "rest_not_logged_in"])
async def test_a_wrong_key_is_refused(code):
    assert (await checked(no(401, code)))[0] == GrantRefused(code, "No.")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Said(403, A_PROXYS_PAGE), "http_403"),
        (Said(401, A_PROXYS_PAGE), "http_401"),
        (Said(404, A_PROXYS_PAGE), "no_rest_api"),
        (Said(200, A_PROXYS_PAGE), "no_rest_api"),
        (Said(502, A_PROXYS_PAGE), "http_502"),
        (NOTHING_CAME, "no_answer"),
        (NOBODY_THERE, "no_answer"),
    ],
)
async def test_a_firewall_or_a_fault_says_nothing_about_the_key(answer, code):
    granted, _ = await checked(answer)
    assert isinstance(granted, GrantUnclear)
    assert granted.code == code


async def test_a_key_cannot_be_refreshed():
    assert isinstance(await wordpress.refresh(Channel(POSTED), None, secret={}, now=NOW), GrantRefused)
