"""A page whose feed was ended by a no finds back, or leads to the door (in a real browser)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.gateway.browsing import chromium, visiting
from tests.gateway.weeks import served

LOST = "not connected, trying again"


@pytest.fixture
async def browser():
    async with chromium() as it:
        yield it


async def test_a_house_that_was_started_again_leads_to_the_door(browser):
    """Sessions end with their process, and nothing has to happen for the page to find out."""
    async with visiting(browser) as visit:
        page = visit.page
        async with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
            await visit.go("/")  # once it is live it looks again; then it is quiet
        visit.week.gateway.hang_up()
        visit.server.should_exit = True
        await expect(page.locator("#live")).to_have_text(LOST)
        while visit.server.servers and any(each.is_serving() for each in visit.server.servers):
            await page.wait_for_timeout(50)
        async with served(urlsplit(visit.address).port or 0):
            await page.wait_for_url("**/login")
            await expect(page.get_by_label("API key")).to_be_visible()


async def test_whoever_is_writing_is_led_to_the_door_only_afterwards(browser):
    async with visiting(browser) as visit:
        page = (await visit.go("/posts/acme.hiring-nurses")).page
        await page.locator("summary", has_text="Edit").click()
        await page.get_by_label("Text").fill("Half a sentence")
        await visit.context.clear_cookies()
        for _ in range(2):
            async with page.expect_response("**/v1/accounts?limit=1") as asked:
                visit.week.gateway.hang_up()
            assert (await asked.value).status == 401
        await expect(page.get_by_label("Text")).to_have_value("Half a sentence")
        await page.keyboard.press("Escape")
        await page.wait_for_url("**/login")


WAITS = (
    "window.waits = []; const set = window.setTimeout; "
    "window.setTimeout = (act, after) => { if (after >= 2000) waits.push(after); return set(act, after); };"
)


async def test_it_asks_again_after_a_few_seconds_and_then_less_and_less_often(browser):
    """On a clock that stands still until it is moved; the page tells for how long it means to wait."""
    async with visiting(browser) as visit:
        page, waited = visit.page, []
        await page.clock.install(time=0)
        await page.clock.pause_at(1000)
        await page.add_init_script(WAITS)
        await page.route("**/v1/events*", lambda route: route.fulfill(status=503))
        await page.goto(f"{visit.address}/")
        await expect(page.locator("#live")).to_have_text(LOST)
        while len(waited) < 6:
            await page.wait_for_function("before => waits.length > before", arg=len(waited))
            waited = await page.evaluate("waits")
            await page.clock.run_for(waited[-1])
        assert waited == [2000, 4000, 8000, 16_000, 30_000, 30_000]
        await page.unroute("**/v1/events*")
        await page.clock.run_for(30_000)
        await expect(page.locator("#live")).to_have_text("live")
