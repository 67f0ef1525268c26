"""The page in a real browser: by keyboard, alive, in both themes without a barrier, and never beyond the house (A5)."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from events import (
    AskRefused,
    PostCancelled,
    PostDue,
    PostEdited,
    PostScheduled,
    PostTakenIn,
    Slot,
    Why,
)
from events.production import Content
from events.subjects import answer_stream, post_stream
from services.gateway.page.sheets import LISTED_MAX
from tests.gateway.browsing import chromium, visiting
from tests.gateway.examples import THURSDAY, at
from tests.gateway.telling import HASH
from tests.gateway.test_page import PAYLOADS

SHEETS = ("/", "/?status=failed", "/?bucket=nothing", "/week", "/channels", "/parked", "/posts/acme.long-read",
          "/posts/acme.founders-letter", "/posts/acme.hiring-nurses", "/posts/acme.autumn-report",
          "/posts/acme.quarter-numbers", "/posts/bistro.lunch-menu", "/posts/acme.nothing")  # fmt: skip
DUE_AGAIN = PostDue(round=2, connection="acme.linkedin", content=Content(text="The long read of the month."),
                    content_hash=HASH, slot_at=THURSDAY)  # fmt: skip


@pytest.fixture
async def browser():
    async with chromium() as it:
        yield it


async def test_by_keyboard_alone_one_filters_opens_reads_why_and_retries(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/")).page
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main", "the first Tab leads past the navigation"

        await visit.tab_to(page.get_by_role("link", name="Failed 2"))
        await page.keyboard.press("Enter")
        await expect(page.locator(".queue th[scope=row]")).to_have_count(2)
        await visit.tab_to(page.get_by_label("Channel"))
        await page.keyboard.type("LinkedIn")
        await expect(page.locator(".queue th[scope=row]")).to_have_count(1)
        assert "channel=linkedin" in page.url

        await visit.tab_to(page.get_by_role("link", name="The long read of the month."))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("The long read of the month.")
        await expect(page.locator("section", has=page.locator("#why"))).to_contain_text("the first free slot in the")

        visit.week.answers = lambda told: [(post_stream(told.story), DUE_AGAIN)]
        await visit.tab_to(page.get_by_role("button", name="Retry"))
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_have_text("It is tried again.")
        await expect(page.locator("#post .head .status")).to_have_text("scheduled")
        await expect(page.get_by_role("button", name="Retry")).to_have_count(0)
        await expect(page.locator("#name")).to_be_focused()
        assert visit.complaints == []
        assert visit.strangers == []


async def test_of_many_accounts_one_is_typed_and_its_name_is_offered(browser):
    async with visiting(browser) as visit:
        for number in range(LISTED_MAX):
            await visit.week.teller.account(f"client-{number}", "UTC")
        page = (await visit.go("/")).page
        await visit.tab_to(page.get_by_label("Account"))
        await expect(page.locator("#accounts option")).to_have_count(LISTED_MAX + 2)
        await page.keyboard.type("bistro")
        await page.keyboard.press("Enter")
        await expect(page.locator(".queue .name", has_text="acme.")).to_have_count(0)
        assert "account=bistro" in page.url
        assert await page.locator("#accounts option").count() == LISTED_MAX + 2, "what is seen anew keeps the names"
        assert await visit.violations() == []
        assert visit.complaints == []


async def test_what_happens_is_seen_without_asking(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/")).page
        await visit.week.teller.take_in("acme.just-in", "acme.x", "Hot off the press.")
        await expect(page.get_by_role("link", name="Hot off the press.")).to_be_visible()
        await visit.week.teller.of_post("post", "acme.just-in", PostCancelled())
        await expect(page.locator("tr", has_text="Hot off the press.")).to_contain_text("cancelled")
        assert visit.complaints == []


async def test_looking_again_keeps_the_place_and_the_focus(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/")).page
        link = page.get_by_role("link", name="The winter guide")
        await link.focus()
        await visit.week.teller.take_in("acme.just-in", "acme.x", "Hot off the press.")
        await expect(page.get_by_role("link", name="Hot off the press.")).to_be_visible()
        await expect(link).to_be_focused()


async def test_what_somebody_is_writing_is_left_alone_until_it_is_sent(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/posts/acme.hiring-nurses")).page
        await page.locator("summary", has_text="Edit").click()
        await page.get_by_label("Text").fill("Half a sentence")
        edited = PostEdited(content=Content(text="Somebody else's words"), content_hash="x")
        await visit.week.teller.of_post("post", "acme.hiring-nurses", edited)
        heard = page.wait_for_event("request", lambda request: request.url.endswith("/posts/acme.hiring-nurses"))
        await expect(page.get_by_label("Text")).to_have_value("Half a sentence")
        await page.keyboard.press("Escape")
        await heard
        await expect(page.get_by_role("heading", level=1)).to_have_text("Somebody else's words")


async def test_a_no_is_said_where_it_was_asked_and_the_form_stays(browser):
    reason = "An attempt to publish is under way; wait for its outcome."
    async with visiting(browser) as visit:
        visit.week.answers = lambda told: [(answer_stream(told.id), AskRefused(code="already_started", reason=reason))]
        page = (await visit.go("/posts/acme.hiring-nurses")).page
        await page.locator("summary", has_text="Cancel").click()
        await page.get_by_role("button", name="Cancel this post").click()
        await expect(page.locator("#said .bad")).to_have_text(reason)
        await expect(page.get_by_role("button", name="Cancel this post")).to_be_visible()


async def test_a_move_is_typed_on_the_accounts_wall_and_shown_there(browser):
    moved = PostScheduled(connection="acme.linkedin", why=Why(mode="exactly", reason="moved"),
                          slot=Slot(at=at(30, 8), local="2026-11-30T09:00", zone="Europe/Berlin"))  # fmt: skip
    async with visiting(browser) as visit:
        visit.week.answers = lambda told: [(post_stream(told.story), moved)]
        page = (await visit.go("/posts/acme.hiring-nurses")).page
        await page.locator("summary", has_text="Move").click()
        await page.get_by_label("Day and time in Europe/Berlin").fill("2026-11-30T09:00")
        await page.get_by_label("exactly then").check()
        await page.get_by_role("button", name="Move it").click()
        await expect(page.locator(".facts")).to_contain_text("Monday 30 November 2026, 09:00")
        asked = [
            told.fact for told in await visit.week.store.tail(0, 10_000) if told.fact.type.endswith("reschedule_asked")
        ]
        assert asked[0].at == at(30, 8)


async def test_connect_gives_a_link_and_goes_nowhere_by_itself(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/channels")).page
        await page.get_by_role("button", name="Connect X of bistro").click()
        link = page.get_by_role("link", name="Continue at X")
        await expect(link).to_be_visible()
        assert "state=" in str(await link.get_attribute("href"))
        assert visit.strangers == []


async def test_a_house_that_went_away_is_said_to_have_gone(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/")).page
        visit.server.should_exit = True
        await expect(page.locator("#live")).to_have_text("not connected, trying again")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_sheet_has_a_barrier_in_either_theme(browser, theme):
    """axe: names, roles, order, and a contrast that can be read."""
    async with visiting(browser, color_scheme=theme) as visit:
        for path in SHEETS:
            await visit.go(path)
            await visit.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert await visit.violations() == [], path
        await visit.page.goto(f"{visit.address}/login")
        assert await visit.violations() == []
        assert visit.strangers == []


async def test_a_small_screen_shows_all_of_it(browser):
    async with visiting(browser) as visit:
        await visit.page.set_viewport_size({"width": 360, "height": 740})
        for path in SHEETS:
            await visit.go(path)
            width = await visit.page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, path


async def test_what_others_wrote_is_never_run(browser):
    async with visiting(browser) as visit:
        for number, payload in enumerate(PAYLOADS):
            fact = PostTakenIn(post=f"payload-{number}", connection="acme.x", bucket=payload, campaign=payload,
                               content=Content(text=payload, title=payload), content_hash=HASH)  # fmt: skip
            await visit.week.teller.of_post("post", f"acme.payload-{number}", fact, channel="x")
        for path in ("/", "/week", *(f"/posts/acme.payload-{number}" for number in range(len(PAYLOADS)))):
            await visit.go(path)
            await visit.week.teller.of_post("post", "acme.payload-0", PostCancelled())
            assert await visit.page.evaluate("window.pwned") is None
        assert visit.complaints == []
        assert visit.strangers == []


async def test_without_scripts_the_page_works_too(browser):
    async with visiting(browser, java_script_enabled=False) as visit:
        visit.week.answers = lambda told: [(post_stream(told.story), DUE_AGAIN)]
        page = visit.page
        await page.goto(f"{visit.address}/")
        await page.get_by_label("Channel").select_option("LinkedIn")
        await page.get_by_role("button", name="Filter").click()
        assert "channel=linkedin" in page.url
        await page.get_by_role("link", name="The long read of the month.").click()
        await page.get_by_role("button", name="Retry").click()
        await expect(page.locator("#post .head .status")).to_have_text("scheduled")


async def test_a_session_that_ended_leads_to_the_door_as_soon_as_something_happens(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/")).page
        await visit.context.clear_cookies()
        await visit.week.teller.take_in("acme.just-in", "acme.x")
        await page.wait_for_url("**/login")
        await expect(page.get_by_label("API key")).to_be_visible()


async def test_an_answer_that_comes_while_somebody_begins_to_write_is_not_put_over_it(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/posts/acme.hiring-nurses")).page
        held: list = []

        async def hold(route) -> None:
            held.append(route)
            asked.set()

        asked = asyncio.Event()
        await page.route("**/posts/acme.hiring-nurses", hold)
        edited = PostEdited(content=Content(text="Somebody else's words"), content_hash="x")
        await visit.week.teller.of_post("post", "acme.hiring-nurses", edited)
        await asked.wait()
        await page.locator("summary", has_text="Edit").click()
        await page.get_by_label("Text").fill("Half a sentence")
        await page.evaluate(
            "() => { window.over = new Promise((done) => "
            "document.addEventListener('htmx:finally:request', () => setTimeout(done), {once: true})); }"
        )
        await held[0].continue_()
        await page.evaluate("window.over")
        await expect(page.get_by_label("Text")).to_be_visible()
        await expect(page.get_by_label("Text")).to_have_value("Half a sentence")
        await page.unroute("**/posts/acme.hiring-nurses")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Somebody else's words")
