"""The page as it is sent: who may see it, what it shows, what its forms ask, and that nothing in it is a stranger's."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from events import (
    AskRefused,
    CancelAsked,
    EditAsked,
    MessageParked,
    MessageRedriven,
    PostCancelled,
    PostDue,
    PostEdited,
    PostPublished,
    PostScheduled,
    PostTakenIn,
    RedriveAsked,
    RescheduleAsked,
    RetryAsked,
    SettleAsked,
    Slot,
    Why,
)
from events.production import Content
from events.subjects import answer_stream, delivery_stream, post_stream
from services.chassis.bells import FACTS
from services.gateway.page.sheets import LISTED_MAX, actions
from services.gateway.views.turns import SECTIONS
from tests.gateway.examples import STATES, THURSDAY, at
from tests.gateway.telling import HASH
from tests.gateway.weeks import week as week

SHEETS = ("/", "/week", "/channels", "/accounts/acme", "/parked", "/posts/acme.team-day")
OWN = {"sec-fetch-site": "same-origin"}
PART = {"hx-request": "true"}
AT_THE_GATE = ("approve", "reject", "comments")
OWN_SCRIPTS = ("vendor/htmx.min.js", "page.js", "board.js")


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict]:
        return [attrs for found, attrs in self.found if found == tag]


async def signed_in(week, role: str = "owner", accounts=None) -> None:
    """The browser's cookie, by the address that `up` prints."""
    key = await week.gateway.issue_key(role=role, accounts=accounts)
    answer = await week.http.get(f"/login?once={week.gateway.login_once(key)}")
    assert answer.status_code == 303, answer.text


@pytest.fixture
async def browser(week):
    await signed_in(week)
    return week.http


async def look(browser, path: str, status: int = 200) -> Elements:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    return Elements(answer.text)


async def send(browser, path: str, part: bool = True, **fields: str):
    return await browser.post(path, data=fields, headers=OWN | (PART if part else {}))


async def said_last(week, kind):
    return next(told for told in reversed(await week.store.tail(0, 10_000)) if isinstance(told.fact, kind))


DUE_AGAIN = PostDue(round=2, connection="acme.linkedin", content=Content(text="x"), content_hash=HASH, slot_at=THURSDAY)


# Who may see it.


async def test_whoever_is_not_signed_in_is_shown_the_door(week):
    for path in SHEETS:
        answer = await week.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        part = await week.http.get(path, headers=PART)
        assert (part.status_code, part.headers["hx-redirect"], part.text) == (401, "/login", "")


async def test_every_sheet_and_every_post_can_be_shown(browser):
    for path in (*SHEETS, *(f"/posts/{story}" for story in STATES)):
        await look(browser, path)


async def test_of_another_account_there_is_no_sign_on_the_page(week):
    await signed_in(week, "viewer", ["bistro"])
    for path in ("/", "/week", "/channels", "/parked", "/?account=acme"):
        text = (await week.http.get(path)).text
        assert "acme" not in text.replace("account=acme", "")
    foreign, unknown = [await week.http.get(f"/posts/{name}") for name in ("acme.team-day", "acme.nothing")]
    assert (foreign.status_code, foreign.text) == (404, unknown.text)


async def test_a_viewer_is_offered_nothing_to_do_and_may_do_nothing(week):
    await signed_in(week, "viewer")
    for path in ("/posts/acme.long-read", "/channels", "/parked"):
        shown = await look(week.http, path)
        assert [form["action"] for form in shown.all("form")] == ["/logout"]
    before = await week.store.position()
    for path in ("posts/acme.long-read/retry", "accounts/bistro/connect/x"):
        assert (await send(week.http, f"/page/{path}")).status_code == 403
    parked = (await said_last(week, MessageParked)).stream
    assert (await send(week.http, f"/page/parked/{parked}/redrive")).status_code == 403
    assert await week.store.position() == before


async def test_of_few_accounts_one_is_chosen_and_of_many_one_is_typed(week, browser):
    for path in ("/", "/week"):
        assert {"value": "acme"} in (await look(browser, path)).all("option")
    for number in range(LISTED_MAX):
        await week.teller.account(f"client-{number}", "UTC")
    for path in ("/", "/week"):
        shown = await look(browser, path)
        assert [each["list"] for each in shown.all("input") if each.get("name") == "account"] == ["accounts"]
        assert [each["id"] for each in shown.all("datalist")] == ["accounts"]
        assert {"value": "acme"} not in shown.all("option")
    assert {"value": "client-7"} in (await look(browser, "/page/accounts")).all("option")
    await signed_in(week, "viewer", ["bistro"])
    assert (await look(week.http, "/page/accounts")).all("option") == [{"value": "bistro"}]


async def test_a_form_of_another_site_does_nothing(week, browser):
    before = await week.store.position()
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        answer = await browser.post("/page/posts/acme.long-read/retry", headers=headers)
        assert answer.status_code == 403
    assert await week.store.position() == before


# What it shows.


async def test_the_queue_shows_first_what_needs_a_person(browser):
    html = (await browser.get("/")).text
    order = [html.index(f'class="section-{name}"') for name in SECTIONS]
    assert order == sorted(order)
    assert html.index("acme.exact-noon") < html.index("acme.quarter-numbers") < html.index("acme.advent-calendar")
    assert html.index("acme.advent-calendar") < html.index("acme.winter-guide"), "what comes up: soonest first"
    assert html.index("acme.team-day") < html.index("acme.autumn-report"), "what is over: latest first"


async def test_counts_stand_by_every_status_and_lead_to_it(browser):
    shown = await look(browser, "/?account=acme")
    links = [each["href"] for each in shown.all("a") if "status=" in each.get("href", "")]
    assert "/?account=acme&status=failed" in links
    assert "Failed 2" in shown.text
    assert "Scheduled 7" in shown.text
    failed = await look(browser, "/?account=acme&status=failed")
    assert {each["href"] for each in failed.all("a") if each.get("href", "").startswith("/posts/")} == {
        "/posts/acme.long-read", "/posts/acme.too-long",
    }  # fmt: skip
    assert "Scheduled 7" in failed.text, "the other counts stay, to go there"


async def test_a_filter_that_is_none_is_named(browser):
    for path, field in (("/?status=lost", "status"), ("/?from=soon", "from"), ("/?cursor=x", "cursor"),
                        ("/week?from=soon", "from"), ("/week?from=0001-01-01", "from"), ("/?nonsense=1", "nonsense"),
                        ("/parked?cursor=x", "cursor")):  # fmt: skip
        assert f"{field}:" in (await look(browser, path, 422)).text


async def test_a_long_queue_goes_on_on_the_next_page(week, browser):
    for number in range(60):
        await week.teller.take_in(f"acme.more-{number:02}", "acme.x")
    first = await look(browser, "/?account=acme")
    [following] = [each["href"] for each in first.all("a") if each.get("class") == "more"]
    second = await look(browser, following)
    posts = [{each["href"] for each in sheet.all("a") if each.get("href", "").startswith("/posts/")}
             for sheet in (first, second)]  # fmt: skip
    assert (len(posts[0]), len(posts[1]), posts[0] & posts[1]) == (50, 27, set())


async def test_times_stand_as_on_the_wall_of_the_account(browser):
    """09:00 in Berlin is 08:00 UTC; the bistro's noon is Lisbon's."""
    text = (await look(browser, "/?bucket=research&status=published")).text
    assert "09:00" in text
    assert "Tue 24 Nov" in text
    assert "12:00" in (await look(browser, "/?account=bistro&status=scheduled&channel=linkedin")).text


async def test_a_post_shows_why_then_and_its_story(browser):
    text = (await look(browser, "/posts/acme.hiring-nurses")).text
    assert "2 earlier slots were looked at and not taken" in text
    assert "over the cap of 5 posts a day" in text
    assert "Slot reserved: Friday 27 November 2026, 10:00 in Europe/Berlin" in text
    failed = (await look(browser, "/posts/acme.long-read")).text
    assert "LinkedIn does not take this content." in failed
    assert "content · MEDIA_ASSET_PROCESSING_FAILED · HTTP 422" in failed
    assert "Is the second number audited?" in (await look(browser, "/posts/acme.quarter-numbers")).text


async def test_what_is_paused_stands_above_every_sheet(week, browser):
    owner = await week.caller("owner")
    await owner.ask("POST", "/v1/house/pause", {"reason": "an incident"})
    for path in SHEETS:
        assert "Publishing is paused for everything: an incident." in (await look(browser, path)).text
    await owner.ask("POST", "/v1/house/resume")
    await owner.ask("POST", "/v1/house/pause", {"scope": "acme"})
    await signed_in(week, "viewer", ["bistro"])
    assert "paused" not in (await look(week.http, "/")).text


@pytest.mark.parametrize(
    ("story", "offered"),
    [
        ("acme.long-read", ["retry", "edit"]),
        ("acme.founders-letter", ["settle"]),
        ("acme.hiring-nurses", ["reschedule", "edit", "cancel"]),
        ("acme.price-change", ["reschedule", "edit", "cancel"]),
        ("acme.exact-noon", ["reschedule", "edit", "cancel"]),
        ("acme.quarter-numbers", ["approve", "reject", "comments", "edit", "cancel"]),
        ("acme.webinar-invite", []),
        ("acme.team-day", []),
        ("acme.old-offer", []),
    ],
)
async def test_only_what_makes_sense_is_offered(week, browser, story, offered):
    shown = await look(browser, f"/posts/{story}")
    names = [form["action"].rsplit("/", 1)[1] for form in shown.all("form") if form["action"] != "/logout"]
    assert list(dict.fromkeys(names)) == offered
    of_the_queue = [each for each in offered if each not in AT_THE_GATE]
    assert [each.name for each in actions(await week.views.post(story))] == of_the_queue


# What its forms ask.


async def test_retry_asks_what_the_api_asks_and_says_when_it_is_done(week, browser):
    week.answers = lambda told: [(post_stream(told.story), DUE_AGAIN)]
    answer = await send(browser, "/page/posts/acme.long-read/retry", version="3.2")
    assert (answer.status_code, "It is tried again." in answer.text) == (200, True)
    asked = await said_last(week, RetryAsked)
    assert (asked.fact.post, asked.fact.expected, asked.story) == ("acme.long-read", "3.2", "acme.long-read")
    assert asked.about.actor.startswith("key:")
    assert "scheduled" in (await look(browser, "/posts/acme.long-read")).text


async def test_without_scripts_a_form_leads_back_to_the_sheet(week, browser):
    week.answers = lambda told: [(post_stream(told.story), PostCancelled())]
    answer = await send(browser, "/page/posts/acme.hiring-nurses/cancel", part=False, reason="not needed any more")
    assert (answer.status_code, answer.headers["location"]) == (303, "/posts/acme.hiring-nurses")
    assert (await said_last(week, CancelAsked)).fact.reason == "not needed any more"


async def test_the_deciders_own_no_is_shown_where_it_was_asked(week, browser):
    no = AskRefused(code="already_started", reason="An attempt to publish is under way; wait for its outcome.")
    week.answers = lambda told: [(answer_stream(told.id), no)]
    part = await send(browser, "/page/posts/acme.hiring-nurses/cancel")
    assert part.status_code == 409
    assert part.text.strip() == f'<p class="bad">{no.reason}</p>'
    whole = await send(browser, "/page/posts/acme.hiring-nurses/cancel", part=False)
    assert whole.status_code == 409
    assert no.reason in whole.text


async def test_a_move_is_meant_on_the_wall_of_the_account(week, browser):
    week.answers = lambda told: [(answer_stream(told.id), AskRefused(code="no", reason="No."))]
    for zone_summer, wall, instant in ((False, "2026-12-01T09:30", "2026-12-01T08:30:00+00:00"),
                                       (True, "2027-06-01T09:30", "2027-06-01T07:30:00+00:00")):  # fmt: skip
        await send(browser, "/page/posts/acme.hiring-nurses/reschedule", at=wall, how="not_before")
        fact = (await said_last(week, RescheduleAsked)).fact
        assert (fact.not_before.isoformat(), fact.at) == (instant, None), zone_summer
    await send(browser, "/page/posts/acme.hiring-nurses/reschedule", at="2026-12-01T09:30", how="at")
    assert (await said_last(week, RescheduleAsked)).fact.at.isoformat() == "2026-12-01T08:30:00+00:00"
    answer = await send(browser, "/page/posts/acme.hiring-nurses/reschedule", at="", how="at")
    assert (answer.status_code, "choose a date and a time" in answer.text) == (422, True)


async def test_an_edit_changes_the_words_and_takes_an_emptied_link_away(week, browser):
    def edited(told):
        content = told.fact.content or Content(text=told.fact.text)
        return [(post_stream(told.story), PostEdited(content=content, content_hash="x"))]

    week.answers = edited
    answer = await send(browser, "/page/posts/acme.hiring-nurses/edit", text="One\r\nTwo", link="", title="")
    assert answer.status_code == 200, answer.text
    fact = (await said_last(week, EditAsked)).fact
    assert (fact.content.text, fact.content.link, fact.content.title) == ("One\nTwo", None, None)
    wrong = await send(browser, "/page/posts/acme.hiring-nurses/edit", text="x", link="javascript:alert(1)")
    assert (wrong.status_code, "link:" in wrong.text) == (422, True)


async def test_an_unknown_outcome_is_settled_by_where_it_is_or_sent_again(week, browser):
    live = PostPublished(round=1, attempt=1, connection="acme.x", channel_post_id="1", published_at=THURSDAY,
                         content_hash=HASH, marker="m", tries=0, found_by="person")  # fmt: skip
    week.answers = lambda told: [(delivery_stream(told.story), live)]
    path = "/page/posts/acme.founders-letter/settle"
    await send(browser, path, **{"as": "published", "where": "https://x.com/acme/status/1"})
    fact = (await said_last(week, SettleAsked)).fact
    assert (fact.verdict, fact.url, fact.channel_post_id) == ("published", "https://x.com/acme/status/1", None)
    await send(browser, path, **{"as": "published", "where": " 1872 "})
    assert (await said_last(week, SettleAsked)).fact.channel_post_id == "1872"
    await send(browser, path, **{"as": "send_again"})
    assert (await said_last(week, SettleAsked)).fact.verdict == "send_again"
    nowhere = await send(browser, path, **{"as": "published", "where": ""})
    assert nowhere.status_code == 422
    assert (await send(browser, path, **{"as": "burn"})).status_code == 422


async def test_what_is_not_an_action_is_not_there(week, browser):
    before = await week.store.position()
    for path in ("posts/acme.long-read/publish", "posts/acme.nothing/retry", "posts/other.thing/retry"):
        assert (await send(browser, f"/page/{path}")).status_code == 404
    assert await week.store.position() == before


async def test_connecting_gives_a_link_to_the_channels_own_consent(week, browser):
    part = await send(browser, "/page/accounts/bistro/connect/x")
    [link] = Elements(part.text).all("a")
    assert urlsplit(link["href"]).scheme == "https"
    assert "state=" in link["href"]
    came_back = await week.http.get(week.consent(link["href"]))
    assert came_back.status_code == 200, came_back.text
    assert "bistro.x" in (await look(browser, "/channels")).text
    assert (await send(browser, "/page/accounts/nobody/connect/x")).status_code == 404
    assert (await send(browser, "/page/accounts/acme/connect/myspace")).status_code == 404


async def test_a_blog_is_connected_by_its_key(week, browser):
    key = week.blog_key("bistro")
    fields = {name: key[name] for name in ("site", "user", "key")}
    wrong = await send(browser, "/page/accounts/bistro/connect/blog", **fields | {"key": "not the key"})
    assert wrong.status_code == 422
    answer = await send(browser, "/page/accounts/bistro/connect/blog", **fields)
    assert (answer.status_code, "connected" in answer.text) == (200, True)
    assert key["key"] not in answer.text + wrong.text + (await browser.get("/channels")).text


async def scheduler(week) -> None:
    """Answers every redrive by hand, as the one who decides it does."""
    bell, heard = week.store.bell(FACTS), await week.store.position()
    while True:
        bell.clear()
        for told in await week.store.tail(heard):
            heard = told.position
            if isinstance(told.fact, RedriveAsked):
                outcome = "discarded" if told.fact.discard else "taken_in"
                await week.teller.say(told.fact.parked, MessageRedriven(outcome=outcome), cause=told)
        await bell.wait()


@pytest.mark.parametrize(
    ("path", "fields", "mended", "discard", "words"),
    [
        ("redrive", {}, False, False, "It was taken in."),
        ("redrive", {"body": '{"mended": true}'}, True, False, "It was taken in."),
        ("discard", {}, False, True, "It was given up."),
    ],
)
async def test_a_parked_message_is_offered_again_mended_or_given_up(
    week, browser, path, fields, mended, discard, words
):
    stream = (await said_last(week, MessageParked)).stream
    assert stream in (await browser.get("/parked")).text
    answering = asyncio.create_task(scheduler(week))
    answer = await send(browser, f"/page/parked/{stream}/{path}", **fields)
    answering.cancel()
    assert (answer.status_code, words in answer.text) == (200, True), answer.text
    fact = (await said_last(week, RedriveAsked)).fact
    assert (fact.parked, fact.mended, fact.discard) == (stream, mended, discard)
    assert stream not in (await browser.get("/parked")).text


# Nothing in it is a stranger's.


async def test_nothing_is_inline_and_nothing_is_from_another_host(browser):
    for path in (*SHEETS, "/login", "/posts/acme.founders-letter", "/posts/acme.hiring-nurses"):
        answer = await browser.get(path)
        shown = Elements(answer.text)
        for tag, attrs in shown.found:
            assert not [name for name in attrs if name == "style" or name.startswith("on") or "hx-on" in name]
            for name in ("src", "href", "action", "hx-get", "hx-post"):
                loaded = tag in ("script", "link", "img", "form") or name.startswith("hx-")
                assert not loaded or not urlsplit(attrs.get(name) or "").netloc, (tag, attrs)
        assert all("src" in attrs for attrs in shown.all("script"))
        assert not shown.all("style")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


PAYLOADS = ("<script>window.pwned=1</script>", '"><img src=x onerror=window.pwned=1>', "'-alert(1)-'", "{{7*7}}",
            "</textarea><svg onload=window.pwned=1>", "javascript:window.pwned=1")  # fmt: skip


async def test_what_others_wrote_is_text_and_nothing_else(week, browser):
    for number, payload in enumerate(PAYLOADS):
        story = f"acme.payload-{number}"
        fact = PostTakenIn(post=f"payload-{number}", connection="acme.x", bucket=payload, campaign=payload,
                           content=Content(text=payload, title=payload), content_hash=HASH)  # fmt: skip
        await week.teller.of_post("post", story, fact, channel="x")
        due = await week.teller.come_due(story)
        await week.teller.publish(story, due, url=payload, channel_post_id=payload)
        for path in ("/?bucket=", f"/posts/{story}", "/week"):
            shown = await look(browser, path)
            assert len(shown.all("script")) == len(OWN_SCRIPTS)
            assert not [attrs for _, attrs in shown.found if any(name.startswith("on") for name in attrs)]
            assert not [each for each in shown.all("a") if (each.get("href") or "").startswith("javascript:")]
        assert payload in (await look(browser, f"/posts/{story}")).text


async def test_the_files_of_the_page_need_no_key_and_are_kept_until_they_change(week):
    html = (await week.http.get("/login")).text
    style = await week.http.get("/page/static/page.css")
    assert '"/page/static/page.css"' in html
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    again = await week.http.get("/page/static/page.css", headers={"if-none-match": style.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for path in ("", "../templates/base.html", "%2e%2e/rendering.py", "vendor", "/etc/passwd"):
        assert (await week.http.get(f"/page/static/{path}")).status_code == 404


async def test_htmx_is_htmx_and_its_licence_lies_beside_it(week):
    script = (await week.http.get("/page/static/vendor/htmx.min.js")).text
    assert re.search(r'version="4\.\d+\.\d+"', script)
    assert "Zero-Clause BSD" in (await week.http.get("/page/static/vendor/htmx.LICENSE")).text


async def test_a_slot_in_the_night_the_clocks_change_reads_right(week, browser):
    slot = {"local": "2027-03-28T03:00", "zone": "Europe/Berlin", "wanted": "02:30", "why": "gap"}
    moved = PostScheduled(connection="acme.x", slot=Slot(at=at(27, 1).replace(year=2027, month=3, day=28), **slot),
                          why=Why(mode="custom"))  # fmt: skip
    await week.teller.of_post("post", "acme.fresh-idea", moved)
    text = (await look(browser, "/posts/acme.fresh-idea")).text
    assert "Sunday 28 March 2027, 03:00 in Europe/Berlin (wanted 02:30, which the clocks skip that day)" in text
