"""Accounts, their connections, what was learned, what is parked, and the views compared: over HTTP (S8, S43, S44)."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from events import EngagementProfiled, MeasurementPlanned, MessageRedriven, Metrics, MetricsCollected, RateLimited, Why
from events.subjects import engagement_stream
from services.chassis.rows import BUDGET, Put
from services.chassis.store import Append
from tests.gateway.examples import THURSDAY, at
from tests.gateway.telling import slot
from tests.gateway.test_reading_posts import got
from tests.gateway.weeks import week as week
from tests.gateway.weeks import week_owner as week_owner


async def connections(by, account: str) -> dict[str, dict]:
    return {each["id"]: each for each in (await got(by, f"/v1/accounts/{account}/connections"))["items"]}


async def test_the_accounts_a_key_may_see_are_listed_by_name_page_by_page(week, week_owner):
    body = await got(week_owner, "/v1/accounts?limit=1")
    assert [(item["id"], item["zone"], item["mode"]) for item in body["items"]] == [
        ("acme", "Europe/Berlin", "best_practice")
    ]
    body = await got(week_owner, f"/v1/accounts?limit=1&cursor={body['next_cursor']}")
    assert ([item["id"] for item in body["items"]], body["next_cursor"]) == (["bistro"], None)
    one = (await got(week_owner, "/v1/accounts/bistro")) | {}
    assert body["items"][0] == one, "the list and the door of one account show the same document"
    only = await week.caller("viewer", accounts=["bistro"])
    assert [item["id"] for item in (await got(only, "/v1/accounts"))["items"]] == ["bistro"]


async def test_a_connection_shows_its_state_its_end_its_budget_and_who_waits_for_it(week_owner):
    acme, bistro = await connections(week_owner, "acme"), await connections(week_owner, "bistro")
    assert {name: each["status"] for name, each in (acme | bistro).items()} == {
        "acme.linkedin": "active", "acme.x": "active", "acme.blog": "active", "bistro.linkedin": "disconnected",
        "bistro.instagram": "expiring_soon",
    }  # fmt: skip
    assert (bistro["bistro.linkedin"]["held"], acme["acme.x"]["held"]) == (1, 0)
    assert bistro["bistro.linkedin"]["disconnected"]["code"] == "65601"
    assert bistro["bistro.instagram"]["expires_at"] == "2026-12-02T12:00:00Z"
    assert acme["acme.x"]["budget"] == [
        {"window": "PT15M", "starts_at": "2026-11-26T09:00:00Z", "calls_max": 100, "used": 37, "left": 63,
         "resets_at": "2026-11-26T09:16:00Z"}
    ]  # fmt: skip
    assert acme["acme.x"]["limited_until"] == "2026-11-26T09:30:00Z"
    assert acme["acme.blog"]["budget"] == []


async def test_what_counts_of_a_budget_is_what_was_used_within_its_window(week, week_owner):
    later = {"connection": "acme.x", "window": "PT15M", "starts_at": at(26, 9, 10), "used": 1, "calls_max": 100}
    await week.store.append(Append(rows=[Put(BUDGET, later)]))
    assert (await connections(week_owner, "acme"))["acme.x"]["budget"][0]["used"] == 38
    week.teller.until(at(26, 9, 20))
    assert (await connections(week_owner, "acme"))["acme.x"]["budget"][0]["used"] == 1
    week.teller.until(at(26, 9, 30))
    (nothing,) = (await connections(week_owner, "acme"))["acme.x"]["budget"]
    assert (nothing["used"], nothing["left"], nothing["resets_at"]) == (0, 100, None)


async def test_what_may_be_visible_today_counts_against_the_accounts_own_cap(week_owner):
    """On Thursday LinkedIn has one post of this day (being checked); Acme's own cap is five."""
    linkedin = (await connections(week_owner, "acme"))["acme.linkedin"]
    assert (linkedin["posts_today"], linkedin["posts_per_day_max"]) == (1, 5)
    assert (await connections(week_owner, "acme"))["acme.x"]["posts_per_day_max"] is None


async def test_posts_used_and_left_are_told_with_the_moment_they_come_back(week, week_owner):
    """LinkedIn counts by the day in UTC, Instagram over any 24 hours, and X has no cap at all (S17a, S18)."""
    acme, bistro = await connections(week_owner, "acme"), await connections(week_owner, "bistro")
    assert acme["acme.linkedin"]["posts"] == {
        "window": "P1D", "zone": "UTC", "max": 5, "used": 1, "left": 4, "resets_at": "2026-11-27T00:00:00Z"
    }  # fmt: skip
    assert (acme["acme.x"]["posts"]["max"], acme["acme.x"]["posts"]["left"]) == (None, None)
    assert bistro["bistro.instagram"]["posts"] == {
        "window": "PT24H", "zone": None, "max": 100, "used": 0, "left": 100, "resets_at": None
    }  # fmt: skip
    week.teller.until(at(27, 18, 30))
    instagram = (await connections(week_owner, "bistro"))["bistro.instagram"]["posts"]
    assert (instagram["used"], instagram["left"], instagram["resets_at"]) == (1, 99, "2026-11-28T18:00:00Z")


async def test_the_coming_week_is_told_with_what_moved_because_a_day_was_full(week_owner):
    """The vacancy was to go out on Thursday, which had no room left for it."""
    forecast = (await connections(week_owner, "acme"))["acme.linkedin"]["forecast"]
    assert forecast["sentence"] == "Full on Thursday, 1 post moves to Friday. It has room for 3 again."
    assert [(each["day"], each["planned"], each["fit"], each["moved"], each["taken"], each["room"])
            for each in forecast["days"]] == [
        ("2026-11-26", 2, 1, 1, 1, 3), ("2026-11-27", 0, 0, 0, 1, 3), ("2026-11-28", 0, 0, 0, 0, 0),
        ("2026-11-29", 0, 0, 0, 0, 0), ("2026-11-30", 0, 0, 0, 0, 4), ("2026-12-01", 0, 0, 0, 0, 5),
        ("2026-12-02", 0, 0, 0, 0, 5),
    ]  # fmt: skip
    assert forecast["days"][0]["moved_to"] == {"2026-11-27": 1}
    empty = (await connections(week_owner, "bistro"))["bistro.linkedin"]["forecast"]
    assert empty["sentence"] == "Everything planned for the coming 7 days fits."


async def test_a_post_that_went_out_after_midnight_is_told_on_the_day_it_went_out_on(week, week_owner):
    """Its slot was five to twelve on Thursday; no day was too full for it, so nothing is said to have moved."""

    async def days() -> dict:
        found = (await connections(week_owner, "acme"))["acme.linkedin"]["forecast"]["days"]
        return {each["day"]: (each["planned"], each["fit"], each["moved"], each["taken"]) for each in found}

    late = slot(at(26, 22, 55), "Europe/Berlin", 1)
    await week.teller.take_in("acme.late", "acme.linkedin")
    await week.teller.schedule("acme.late", "acme.linkedin", late)
    planned = await days()
    assert (planned["2026-11-26"], planned["2026-11-27"]) == ((3, 2, 1, 2), (0, 0, 0, 1))
    due = await week.teller.come_due("acme.late")
    await week.teller.start("acme.late", due, 1)
    week.teller.until(at(26, 23, 5))
    await week.teller.publish("acme.late", due)
    assert (await days())["2026-11-27"] == (1, 1, 0, 2)


async def test_after_a_change_of_zone_an_exact_time_is_told_on_the_day_it_is_there_now(week, week_owner):
    """Nobody moves it, so it is written as 1 December still; in Auckland half past eleven in UTC is the 2nd."""
    await week.teller.account("harbour", "UTC")
    await week.teller.connect("harbour.linkedin")
    await week.teller.take_in("harbour.exact", "harbour.linkedin")
    evening = slot(datetime(2026, 12, 1, 23, 30, tzinfo=UTC))
    await week.teller.schedule("harbour.exact", "harbour.linkedin", evening, Why(mode="exactly"))

    async def taken() -> dict:
        found = (await connections(week_owner, "harbour"))["harbour.linkedin"]["forecast"]["days"]
        return {each["day"]: (each["planned"], each["fit"], each["taken"]) for each in found if each["taken"]}

    assert await taken() == {"2026-12-01": (1, 1, 1)}
    await week.teller.account("harbour", "Pacific/Auckland")
    assert await taken() == {"2026-12-02": (1, 1, 1)}


async def test_a_connection_that_sends_again_is_no_longer_limited(week, week_owner):
    due = await week.teller.come_due("acme.product-tour", round=2)
    await week.teller.start("acme.product-tour", due, 2)
    assert (await connections(week_owner, "acme"))["acme.x"]["limited_until"] is None
    await week.teller.of_post("delivery", "acme.product-tour", RateLimited(
        round=2, attempt=2, connection="acme.x", until=at(26, 12), code="429", told=True))  # fmt: skip
    assert (await connections(week_owner, "acme"))["acme.x"]["limited_until"] == "2026-11-26T12:00:00Z"


async def test_no_secret_is_in_a_connection(week_owner):
    shown = (await connections(week_owner, "acme"))["acme.x"]
    assert not [name for name in shown if "token" in name or "secret" in name or "credential" in name]


async def test_the_weights_are_the_last_ones_and_none_before(week_owner):
    assert await got(week_owner, "/v1/accounts/acme/weights") == {
        "account": "acme", "weights": {"customer-stories": 0.4, "research": 0.6}, "inputs": {"posts": 2},
        "previous": None, "at": "2026-11-26T09:15:00Z",
    }  # fmt: skip
    assert (await got(week_owner, "/v1/accounts/bistro/weights"))["weights"] == {}


async def test_insights_sum_what_was_counted_and_leave_null_what_is_not_offered(week, week_owner):
    windows = ({"day": "tue", "from": "09:00", "to": "11:00"},)
    profile = EngagementProfiled(connection="acme.x", windows=windows, inputs={"posts": 40})
    await week.teller.say(engagement_stream("acme.x"), profile)
    body = await got(week_owner, "/v1/accounts/acme/insights")
    channels = {each["name"]: each for each in body["channels"]}
    assert (channels["linkedin"]["posts"], channels["linkedin"]["metrics"]["impressions"]) == (1, 9120)
    assert channels["x"]["metrics"]["clicks"] == 310
    assert channels["linkedin"]["metrics"]["clicks"] is None
    assert {each["name"] for each in body["buckets"]} == {"research", "customer-stories"}
    assert body["windows"][0]["windows"] == [{"day": "tue", "from": "09:00", "to": "11:00"}]
    narrow = await got(week_owner, "/v1/accounts/acme/insights?from=2026-11-25")
    assert narrow["channels"] == []


async def test_the_windows_are_those_the_planner_offers_in_the_mode_that_takes_effect(week, week_owner):
    def of(body, name: str) -> dict:
        return next(each for each in body["items"] if each["connection"] == name)

    preset = of(await got(week_owner, "/v1/accounts/acme/windows"), "acme.linkedin")
    assert (preset["mode"], preset["zone"], preset["learned"]) == ("best_practice", "Europe/Berlin", None)
    assert preset["week"]["tue"][0] == {"at": "09:00", "window": "09:00-12:00", "weight": 3}
    assert preset["week"]["sun"] == []
    own = {"zone": "Europe/Lisbon", "mode": "custom", "times": {"linkedin": {"mon": ["12:00"], "sat": ["10:30"]}}}
    await week_owner.ask("PUT", "/v1/accounts/bistro", own)
    custom = of(await got(week_owner, "/v1/accounts/bistro/windows"), "bistro.linkedin")
    assert custom["mode"] == "custom"
    assert {day: [each["at"] for each in times] for day, times in custom["week"].items() if times} == {
        "mon": ["12:00"], "sat": ["10:30"],
    }  # fmt: skip
    await week_owner.ask("PATCH", "/v1/accounts/acme", {"mode": "adaptive"})
    learned = ({"days": [3], "from": "20:00", "to": "21:00", "weight": 1.0},)
    await week.teller.say(engagement_stream("acme.x"), EngagementProfiled(connection="acme.x", windows=learned,
                                                                          inputs={"posts": 40}))  # fmt: skip
    body = await got(week_owner, "/v1/accounts/acme/windows")
    assert (of(body, "acme.x")["mode"], of(body, "acme.linkedin")["mode"]) == ("adaptive", "best_practice")
    assert [each["at"] for each in of(body, "acme.x")["week"]["wed"]] == ["20:00", "20:30"]
    assert of(body, "acme.x")["learned"] == {"at": "2026-11-26T09:15:00Z", "inputs": {"posts": 40}}


async def test_every_window_says_what_it_rests_on(week, week_owner):
    """Posts seen there, how far they decide, and what the benchmark alone would say (S16, S21)."""

    async def of(name: str) -> dict:
        items = (await got(week_owner, f"/v1/accounts/{name.split('.')[0]}/windows"))["items"]
        return next(each for each in items if each["connection"] == name)

    preset = await of("acme.linkedin")
    assert preset["sentence"] == "Best Practice: what published benchmarks say of LinkedIn."
    assert preset["windows"][0]["sentence"] == (
        "Tue, Wed, Thu 09:00-12:00: suits LinkedIn by published benchmarks, weight 3."
    )
    await week_owner.ask("PATCH", "/v1/accounts/acme", {"mode": "adaptive"})
    window = {"days": [3], "from": "20:00", "to": "21:00", "weight": 1.31, "posts": 12, "own": 0.4, "benchmark": 1.02}
    profile = EngagementProfiled(connection="acme.x", windows=(window,), inputs={"posts": 40})
    await week.teller.say(engagement_stream("acme.x"), profile)
    learned = await of("acme.x")
    assert learned["sentence"] == "Adaptive: X has learned its windows from 40 posts of its own."
    assert learned["windows"] == [window | {"window": "20:00-21:00", "sentence":
        "Wed 20:00-21:00: 12 posts seen here; 40 % own data, 60 % benchmark; 1.31 times the usual, 1.02 by the "
        "benchmark."}]  # fmt: skip
    waits = await of("acme.linkedin")
    assert waits["sentence"] == "Best Practice, until Adaptive has 14 days of data on at least 7 of them for LinkedIn."
    custom = {"zone": "Europe/Lisbon", "mode": "custom", "times": {"linkedin": {"sat": ["10:30", "12:00"]}}}
    await week_owner.ask("PUT", "/v1/accounts/bistro", custom)
    own, none = await of("bistro.linkedin"), await of("bistro.instagram")
    assert own["windows"][0]["sentence"] == "Sat 10:30, 12:00: chosen by the account."
    assert none["sentence"] == "Best Practice: the account has chosen no times of its own for Instagram."


async def test_figures_beyond_all_reason_do_not_break_a_sum(week, week_owner):
    for number in range(3):
        story = f"acme.viral-{number}"
        plan = MeasurementPlanned(connection="acme.x", channel_post_id="1", bucket="b", published_at=THURSDAY)
        await week.teller.of_post("measurement", story, plan,
                                  MetricsCollected(window="1h", metrics=Metrics(likes=2**62)))  # fmt: skip
    body = await got(week_owner, "/v1/accounts/acme/insights")
    assert {each["name"]: each for each in body["buckets"]}["b"]["metrics"]["likes"] == 3 * 2**48


async def test_an_export_has_a_line_a_post_and_no_cell_that_is_a_formula(week, week_owner):
    for number, bucket in enumerate(["=1+1", "+1", "-1", "@cmd", "\tx", "\rx", "plain"]):
        plan = MeasurementPlanned(connection="acme.x", channel_post_id="1", bucket=bucket, published_at=THURSDAY)
        await week.teller.of_post("measurement", f"acme.cell-{number}", plan)
    answer = await week_owner.ask("GET", "/v1/accounts/acme/insights?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(lines) == 2 + 7
    assert {line["bucket"] for line in lines[2:]} == {"'=1+1", "'+1", "'-1", "'@cmd", "'\tx", "'\rx", "plain"}
    assert lines[0]["impressions"] == "9120"
    assert not [cell for line in lines for cell in line.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_what_is_parked_is_listed_latest_first_until_it_is_redriven(week, week_owner):
    body = await got(week_owner, "/v1/parked?limit=1")
    assert [item["code"] for item in body["items"]] == ["malformed"]
    rest = await got(week_owner, f"/v1/parked?limit=1&cursor={body['next_cursor']}")
    assert ([item["code"] for item in rest["items"]], rest["next_cursor"]) == (["unknown_account"], None)
    whole = await got(week_owner, f"/v1/parked/{body['items'][0]['id']}")
    assert "Café" in whole["body"]
    stream = rest["items"][0]["id"]
    await week.teller.say(stream, MessageRedriven(outcome="taken_in", story="acme.mystery"))
    assert [item["code"] for item in (await got(week_owner, "/v1/parked"))["items"]] == ["malformed"]


async def test_a_parked_cursor_that_is_not_ours_is_named(week_owner):
    queue = (await got(week_owner, "/v1/posts?limit=1"))["next_cursor"]
    body = await got(week_owner, f"/v1/parked?cursor={queue}", 422)
    assert body["errors"][0]["field"] == "cursor"


async def test_of_another_account_there_is_no_sign_here_either(week):
    bistro = await week.caller("owner", accounts=["bistro"])
    assert (await got(bistro, "/v1/parked"))["items"] == []
    for path in (
        "accounts/{}/connections",
        "accounts/{}/weights",
        "accounts/{}/windows",
        "accounts/{}/insights",
        "accounts/{}",
    ):
        foreign = await bistro.ask("GET", "/v1/" + path.format("acme"))
        unknown = await bistro.ask("GET", "/v1/" + path.format("nobody"))
        assert (foreign.status_code, foreign.content) == (404, unknown.content)
    everyone = await week.caller("owner")
    parked = (await got(everyone, "/v1/parked"))["items"][0]["id"]
    foreign, unknown = [await bistro.ask("GET", f"/v1/parked/{name}") for name in (parked, "parked-" + "0" * 32)]
    assert (foreign.status_code, foreign.content) == (404, unknown.content)


async def test_a_view_is_rebuilt_and_checked_by_whoever_runs_the_house(week, week_owner):
    answer = await week_owner.ask("POST", "/v1/views/queue/rebuild")
    assert (answer.status_code, answer.json()["rows"]) == (200, 20)
    body = await got(week_owner, "/v1/views/queue/check")
    assert (body["equal"], body["rows"], body["differences"]) == (True, 20, [])
    assert body["position"] == await week.store.position()
    await got(week_owner, "/v1/views/horoscope/check", 404)
    for role, accounts in (("owner", ["acme"]), ("viewer", None), ("reviewer", None)):
        by = await week.caller(role, accounts=accounts)
        assert (await by.ask("POST", "/v1/views/queue/rebuild")).status_code == 403
        assert (await by.ask("GET", "/v1/views/queue/check")).status_code == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=999", "limit=x"])
async def test_a_wrong_limit_is_named(week_owner, query):
    for path in ("/v1/accounts", "/v1/parked"):
        assert (await got(week_owner, f"{path}?{query}", 422))["errors"][0]["field"] == "limit"
