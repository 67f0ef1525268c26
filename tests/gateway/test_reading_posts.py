"""The queue over HTTP: filters, pages, counts, and each post with its story, slot and figures (S21, S23, S24)."""

from __future__ import annotations

import base64
import itertools
import json
from datetime import UTC, datetime

import pytest

from events import PostCancelled, PostEdited, PostHeld, RateLimited
from events.production import Content
from events.subjects import delivery_stream, post_stream
from services.gateway.views.showing import DISPLAY
from services.gateway.views.words import day
from tests.gateway.examples import STATES, THURSDAY
from tests.gateway.telling import slot
from tests.gateway.weeks import week as week
from tests.gateway.weeks import week_owner as week_owner

ITEM = {"id", "account", "channel", "connection", "bucket", "campaign", "status", "reason", "scheduled_at", "slot",
        "published_at", "channel_post_id", "url", "attempts", "tries", "error", "version", "post"}  # fmt: skip


async def got(by, path: str, status: int = 200):
    answer = await by.ask("GET", path)
    assert answer.status_code == status, answer.text
    return answer.json()


async def ids(by, query: str = "") -> list[str]:
    return [item["id"] for item in (await got(by, f"/v1/posts?limit=200&{query}"))["items"]]


async def test_every_post_is_there_with_the_promised_fields(week_owner):
    body = await got(week_owner, "/v1/posts?limit=200")
    assert {item["id"]: (item["status"], item["reason"]) for item in body["items"]} == STATES
    assert all(set(item) >= ITEM for item in body["items"])
    assert body["next_cursor"] is None


async def test_filters_narrow_the_queue(week_owner):
    assert await ids(week_owner, "status=awaiting_approval") == ["acme.quarter-numbers"]
    assert await ids(week_owner, "bucket=hiring") == ["acme.hiring-nurses"]
    assert await ids(week_owner, "channel=instagram") == ["bistro.wine-evening"]
    assert set(await ids(week_owner, "account=bistro")) == {story for story in STATES if story.startswith("bistro")}
    assert await ids(week_owner, "account=bistro&status=pending&channel=linkedin&bucket=menu") == ["bistro.lunch-menu"]
    assert await ids(week_owner, "account=nobody") == []


async def test_a_range_of_dates_is_about_when_a_post_went_out_or_will(week_owner):
    assert set(await ids(week_owner, "from=2026-11-24&to=2026-11-24")) == {"acme.autumn-report", "acme.customer-voice"}
    exact = "from=2026-11-30T08:00:00Z&to=2026-11-30T12:00:00Z"
    assert await ids(week_owner, exact) == ["acme.winter-guide"], "from is inside, to just outside"
    berlin = "from=2026-11-30T09:00:00%2B01:00&to=2026-11-30T12:00:00Z"
    assert await ids(week_owner, berlin) == ["acme.winter-guide"]
    assert "bistro.lunch-menu" not in await ids(week_owner, "from=2026-11-01"), "what has no slot has no date"


async def test_pages_follow_each_other_without_a_gap_or_a_repeat_while_posts_come_and_change(week, week_owner):
    expected, seen, cursor = await ids(week_owner), [], ""
    while cursor is not None:
        body = await got(week_owner, f"/v1/posts?limit=3&cursor={cursor}")
        seen += [item["id"] for item in body["items"]]
        cursor = body["next_cursor"]
        # Between two pages one post is published, one moves, and one is new.
        await week.teller.take_in(f"acme.new-{len(seen)}", "acme.x")
        await week.teller.of_post("post", expected[0], PostCancelled())
        await week.teller.schedule(expected[-1], "acme.x", slot(THURSDAY))
    assert seen == expected


async def test_a_cursor_that_is_not_ours_is_named(week_owner):
    real = (await got(week_owner, "/v1/posts?limit=3"))["next_cursor"]
    wrong = (["turn", 1, "x"], ["newest", 2**63, "x"], ["newest", 1.5, "x"], ["newest", 1, "\0"])
    made = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in wrong]
    for cursor in ("nonsense", "AAAA", real[:-2], real + "AA", "%00", "e30", *made):
        body = await got(week_owner, f"/v1/posts?cursor={cursor}", 422)
        assert (body["code"], body["errors"][0]["field"]) == ("invalid", "cursor")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("status=lost", "status"),
        ("channel=myspace", "channel"),
        ("from=yesterday", "from"),
        ("from=2026-11-24T09:00", "from"),
        ("to=9999-12-31", "to"),
        ("statsu=failed", "statsu"),
    ],
)
async def test_a_wrong_filter_is_named_and_never_ignored(week_owner, query, field):
    body = await got(week_owner, f"/v1/posts?{query}", 422)
    assert (body["code"], body["errors"][0]["field"]) == ("invalid", field)


async def test_counts_are_by_status_under_the_same_filters(week_owner):
    counts = await got(week_owner, "/v1/posts/counts")
    assert counts == {"awaiting_approval": 1, "pending": 3, "scheduled": 9, "published": 3, "failed": 2, "cancelled": 1,
                      "rejected": 1}  # fmt: skip
    bistro = await got(week_owner, "/v1/posts/counts?account=bistro")
    assert {name: count for name, count in bistro.items() if count} == {"pending": 1, "scheduled": 2}
    failed = await got(week_owner, "/v1/posts/counts?status=failed&bucket=research")
    assert sum(failed.values()) == failed["failed"] == 1


async def test_one_post_has_its_content_and_its_version_as_an_etag(week, week_owner):
    answer = await week_owner.ask("GET", "/v1/posts/acme.team-day")
    body = answer.json()
    assert set(body) >= ITEM | {"text", "title", "link", "media"}
    assert (body["title"], body["text"], body["link"]) == ("Our team day", "Forty people, one forest, no slides.", None)
    assert body["media"][0]["alt"] == "Forty people under beeches"
    post, delivery = [len(await week.store.read(name("acme.team-day"))) for name in (post_stream, delivery_stream)]
    assert body["version"] == f"{post}.{delivery}"
    assert answer.headers["etag"] == f'"{post}.{delivery}"'


async def test_whoever_changed_something_reads_it_at_once(week, week_owner):
    """The view is folded up to the log's end before it answers: no request reads behind its own change."""
    for number in range(20):
        edited = PostEdited(content=Content(text=f"Version {number}"), content_hash="x")
        await week.teller.of_post("post", "acme.fresh-idea", edited)
        assert (await got(week_owner, "/v1/posts/acme.fresh-idea"))["text"] == f"Version {number}"


async def test_the_timeline_is_every_fact_of_the_story_in_order_with_a_sentence(week, week_owner):
    body = await got(week_owner, "/v1/posts/acme.long-read/timeline")
    facts = body["items"]
    assert [fact["type"] for fact in facts] == [
        "scheduler.post_taken_in", "scheduler.post_scheduled", "scheduler.post_due", "publisher.attempt_started",
        "publisher.post_failed", "gateway.retry_asked",
    ]  # fmt: skip
    told = {each.position: each for each in await week.store.tail(0, 1000)}
    for fact in facts:
        one = told[fact["position"]]
        assert (fact["stream"], fact["actor"], fact["cause"]) == (one.stream, one.about.actor, one.about.cause)
        assert fact["data"] == json.loads(one.fact.model_dump_json())
        assert fact["sentence"].endswith(".")
        assert fact["happened_at"] <= fact["recorded_at"]
    assert all(before["position"] < after["position"] for before, after in itertools.pairwise(facts))
    assert facts[4]["sentence"] == ("Failed (MEDIA_ASSET_PROCESSING_FAILED, HTTP 422): LinkedIn does not take this "
                                    "content. Edit the post, then retry.")  # fmt: skip
    assert body["next_cursor"] is None


async def test_every_sentence_of_the_week_reads_like_one(week, week_owner):
    for story in STATES:
        for fact in (await got(week_owner, f"/v1/posts/{story}/timeline"))["items"]:
            sentence = fact["sentence"]
            assert sentence[0].isupper()
            assert sentence[-1] in ".?"
            assert "None" not in sentence
            assert "  " not in sentence


async def test_the_timeline_is_paged_where_a_limit_is_asked_for(week_owner):
    path = "/v1/posts/acme.long-read/timeline"
    whole, seen, cursor = (await got(week_owner, path))["items"], [], ""
    while cursor is not None:
        page = await got(week_owner, f"{path}?limit=4&cursor={cursor}")
        seen.append(page["items"])
        cursor = page["next_cursor"]
    assert seen == [whole[:4], whole[4:]]
    assert (await got(week_owner, f"{path}?limit={len(whole)}"))["next_cursor"] is None


async def test_what_no_timeline_has_given_is_named(week_owner):
    of_the_queue = (await got(week_owner, "/v1/posts?limit=3"))["next_cursor"]
    for asked, field in (("cursor=zzz", "cursor"), (f"cursor={of_the_queue}", "cursor"), ("limit=0", "limit"),
                         ("limit=201", "limit"), ("limit=one", "limit")):  # fmt: skip
        body = await got(week_owner, f"/v1/posts/acme.long-read/timeline?{asked}", 422)
        assert (body["code"], body["errors"][0]["field"]) == ("invalid", field)


async def test_why_tells_which_slots_were_passed_over(week_owner):
    body = await got(week_owner, "/v1/posts/acme.hiring-nurses/why")
    assert (body["mode"], body["window"], body["slot"]["local"]) == ("best_practice", "10:00-12:00", "2026-11-27T10:00")
    assert body["considered"][1] == {"local": "2026-11-26T11:30", "refused": "over the cap of 5 posts a day"}
    assert body["sentence"] == (
        "Friday 27 November 2026, 10:00 in Europe/Berlin: the first free slot in the window 10:00-12:00, which suits "
        "LinkedIn by Best Practice. 2 earlier slots were looked at and not taken: 2026-11-26 11:00 was taken; "
        "2026-11-26 11:30 was over the cap of 5 posts a day."
    )


def test_s21_a_whole_day_that_was_full_is_named_without_a_clock():
    assert (day("2026-11-23T10:00"), day("2026-11-23")) == ("Monday 23 November 2026, 10:00", "Monday 23 November 2026")


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ("acme.fresh-idea", "No slot has been chosen."),
        ("acme.quarter-numbers", "before the post is approved"),
        ("acme.too-long", "refused before it took a slot"),
        ("bistro.lunch-menu", "Reconnect it"),
    ],
)
async def test_why_there_is_no_slot_is_said_too(week_owner, story, words):
    body = await got(week_owner, f"/v1/posts/{story}/why")
    assert body["slot"] is None
    assert words in body["sentence"]


async def test_figures_come_in_three_windows_and_not_offered_is_null(week_owner):
    body = await got(week_owner, "/v1/posts/acme.autumn-report/metrics")
    assert set(body["windows"]) == {"1h", "24h", "7d"}
    assert body["windows"]["1h"]["metrics"]["impressions"] == 4210
    assert body["windows"]["1h"]["metrics"]["saves"] is None
    assert body["windows"]["7d"] == {"due_at": "2026-12-01T08:00:01Z", "metrics": None, "collected_at": None,
                                     "failed": None}  # fmt: skip
    assert (body["metrics"]["impressions"], body["closed"]) == (9120, False)
    unpublished = await got(week_owner, "/v1/posts/acme.fresh-idea/metrics")
    assert unpublished["metrics"] is None
    assert unpublished["windows"]["1h"]["due_at"] is None


async def test_what_stands_in_the_way_of_a_post_is_said_before_it_happens(week, week_owner):
    """A reconnect before the slot costs nothing, so the row carries a warning until then (S10)."""
    by_id = {item["id"]: item for item in (await got(week_owner, "/v1/posts?limit=200"))["items"]}
    assert "LinkedIn is disconnected" in by_id["bistro.new-year"]["warning"]
    assert by_id["acme.hiring-nurses"]["warning"] is None
    assert by_id["acme.autumn-report"]["warning"] is None
    answer = await week_owner.ask("POST", "/v1/house/pause", {"scope": "x", "reason": "an incident"})
    assert answer.status_code == 200
    paused = await got(week_owner, "/v1/posts/acme.advent-calendar")
    assert paused["warning"] == "Publishing is paused for X: an incident."
    await week_owner.ask("POST", "/v1/house/resume", {"scope": "x"})
    assert (await got(week_owner, "/v1/posts/acme.advent-calendar"))["warning"] is None


@pytest.mark.parametrize(
    ("code", "warning"),
    [
        ("budget_spent", "No call is left of what X allows; the connection waits until 2026-12-31 12:00 UTC."),
        ("429", "X asked us to slow down until 2026-12-31 12:00 UTC."),
    ],
)
async def test_who_waits_is_told_whether_the_channel_has_asked_for_it(week, week_owner, code, warning):
    """Its allowance is kept to before the channel has to (I17), and then it has asked for nothing."""
    until = datetime(2026, 12, 31, 12, tzinfo=UTC)
    limited = RateLimited(round=1, attempt=1, connection="acme.x", until=until, code=code, told=False)
    await week.teller.of_post("delivery", "acme.product-tour", limited)
    assert (await got(week_owner, "/v1/posts/acme.advent-calendar"))["warning"] == warning


async def test_a_post_for_a_channel_that_cannot_be_connected_yet_does_not_say_that_it_can(week, week_owner):
    """X can: this house speaks to it."""
    for channel in ("tiktok", "youtube", "x"):
        name, story = f"bistro.{channel}", f"bistro.for-{channel}"
        await week.teller.take_in(story, name)
        assert (await week_owner.ask("POST", f"/v1/accounts/bistro/connections/{channel}/authorize")).status_code == (
            200 if channel == "x" else 409
        )
        unplanned = (await got(week_owner, f"/v1/posts/{story}"))["warning"]
        await week.teller.of_post("post", story, PostHeld(connection=name, reason="not_connected"))
        held = (await got(week_owner, f"/v1/posts/{story}"))["waiting"]["sentence"]
        if channel == "x":
            assert "Connect it, and the post is planned." in held
        else:
            said = f"no way to speak to {DISPLAY[channel]} yet, so it cannot be connected; the post waits."
            assert (said in held, said in unplanned) == (True, True)


async def test_of_another_account_there_is_no_sign(week):
    """A foreign id is answered byte for byte like an unknown one, in every door (I30)."""
    bistro = await week.caller("viewer", accounts=["bistro"])
    assert set(await ids(bistro)) == {story for story in STATES if story.startswith("bistro")}
    assert await ids(bistro, "account=acme") == []
    assert sum((await got(bistro, "/v1/posts/counts")).values()) == 3
    for door in ("", "/timeline", "/why", "/metrics"):
        foreign = await bistro.ask("GET", f"/v1/posts/acme.team-day{door}")
        unknown = await bistro.ask("GET", f"/v1/posts/acme.no-such-post{door}")
        own = await bistro.ask("GET", f"/v1/posts/bistro.no-such-post{door}")
        assert foreign.status_code == 404
        assert foreign.content == unknown.content == own.content
        assert dict(foreign.headers) == dict(unknown.headers)


async def test_without_a_key_nothing_is_read(week):
    for path in (
        "/v1/posts",
        "/v1/posts/counts",
        "/v1/posts/acme.team-day",
        "/v1/accounts",
        "/v1/parked",
        "/v1/events",
    ):
        answer = await week.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
