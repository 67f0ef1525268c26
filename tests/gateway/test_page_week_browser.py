"""The week board in a real browser: a post moved by mouse and by keyboard, taken back, and refused with a sentence."""

from __future__ import annotations

import pytest
import pytest_asyncio
from playwright.async_api import expect

from events import AccountChanged, AskRefused, EngagementProfiled, PostScheduled, RescheduleAsked, Slot, UndoAsked, Why
from events.subjects import answer_stream, engagement_stream, post_stream
from tests.gateway.browsing import chromium, visiting
from tests.gateway.examples import at
from tests.gateway.test_page import said_last

WEEK = "/week?from=2026-11-26"
HIRING = "acme.hiring-nurses"
LEARNED = EngagementProfiled(
    connection="acme.linkedin",
    windows=({"days": [2], "from": "08:00", "to": "10:00", "weight": 1.31, "posts": 9, "own": 0.62, "benchmark": 1.0},
             {"days": [4], "from": "17:00", "to": "19:00", "weight": 1.22, "posts": 4, "own": 0.35, "benchmark": 1.0}),
    inputs={"posts": 41, "days": 23, "moved": True, "gain": 0.12, "chance_of_gain": 0.87},
)  # fmt: skip


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """One for all of them; each has a house and a session of its own."""
    async with chromium() as it:
        yield it


async def barriers(visit) -> list[str]:
    """What axe finds wrong in either theme; no colour is still on its way, for the visitor wants no motion."""
    found = []
    for theme in ("light", "dark"):
        await visit.page.emulate_media(color_scheme=theme)
        found += [f"{theme}: {each}" for each in await visit.violations()]
    return found


def scheduled(minutes: int) -> PostScheduled:
    """On Friday, so many minutes after ten."""
    moment = at(27, 9, minutes)
    return PostScheduled(connection="acme.linkedin", why=Why(mode="best_practice", window="10:00-12:00"),
                         slot=Slot(at=moment, local=f"2026-11-27T10:{minutes:02}", zone="Europe/Berlin"))  # fmt: skip


def granted(told):
    """As the scheduler would: the slot that was asked for, and the one before when that is undone."""
    match told.fact:
        case RescheduleAsked(not_before=wanted) if wanted == at(27, 9, 30):
            return [(post_stream(told.story), scheduled(30))]
        case UndoAsked():
            return [(post_stream(told.story), scheduled(0))]
        case _:
            return [(answer_stream(told.id), AskRefused(code="no", reason=f"Not this: {told.fact!r}"))]


def card(page, story):
    return page.locator(f"[id='card-{story}']")


def day(page, title: str, date: str):
    return page.locator(f"tr[data-title='{title}'] td[data-day='{date}']")


async def lift(page, story: str) -> None:
    """Take a card up by the mouse; its row opens as soon as the drag has begun."""
    await card(page, story).locator(".how").hover()
    await page.mouse.down()
    await page.mouse.move(640, 480, steps=2)
    await expect(page.locator("tr.moving")).to_have_count(1)


async def drop_on(page, target) -> None:
    await target.hover()
    await page.mouse.up()
    await expect(page.locator("tr.moving")).to_have_count(0)


async def test_a_post_is_dragged_onto_a_slot_and_back_and_nowhere_it_may_not_go(browser):
    async with visiting(browser) as visit:
        visit.week.answers = granted
        page, friday = (await visit.go(WEEK)).page, "2026-11-27"
        said, own = page.locator("#said"), day(page, "LinkedIn of acme", friday)
        await lift(page, HIRING)
        await drop_on(page, own.locator(".slot", has_text="10:30"))
        await expect(said).to_contain_text("Moved to Friday 27 November 2026, 10:30.")
        await expect(card(page, HIRING)).to_contain_text("10:30")
        await said.get_by_role("button", name="Undo").click()
        await expect(said).to_contain_text("Undone: it goes out on Friday 27 November 2026, 10:00 again.")
        await expect(card(page, HIRING)).to_contain_text("10:00")
        position = await visit.week.store.position()

        await lift(page, HIRING)
        await drop_on(page, own.locator(".slot", has_text="10:00"))
        await expect(said.locator(".bad")).to_have_text("10:00 on Friday 27 November is taken. Nothing was moved.")
        await lift(page, HIRING)
        await drop_on(page, day(page, "LinkedIn of acme", "2026-11-26").locator(".slot", has_text="09:30"))
        await expect(said.locator(".bad")).to_have_text("09:30 on Thursday 26 November is over. Nothing was moved.")
        await lift(page, HIRING)
        await drop_on(page, day(page, "LinkedIn of acme", "2026-11-28"))
        await expect(said.locator(".bad")).to_contain_text("offers no slot on Saturday 28 November")
        await lift(page, HIRING)
        await drop_on(page, day(page, "X of acme", friday))
        await expect(said.locator(".bad")).to_contain_text("this one is for LinkedIn of acme, not for X of acme")
        await card(page, "acme.autumn-report").locator(".how").hover()
        await page.mouse.down()
        await page.mouse.move(640, 480, steps=2)
        await expect(said.locator(".bad")).to_have_text("It is published; nothing is left to move.")
        await page.mouse.up()
        assert await visit.week.store.position() == position, "nothing was asked"
        assert (visit.complaints, visit.strangers) == ([], [])


async def test_a_post_that_uses_up_the_cap_of_its_day_is_dragged_along_that_day(browser):
    async with visiting(browser) as visit:
        owner = await visit.week.caller("owner")
        one_a_day = {"caps": {"linkedin": {"posts_per_day_max": 1}}}
        assert (await owner.ask("PATCH", "/v1/accounts/acme", one_a_day)).status_code == 200
        visit.week.answers = granted
        page = (await visit.go(WEEK)).page
        half_past = day(page, "LinkedIn of acme", "2026-11-27").locator(".slot.is-full", has_text="10:30")
        await lift(page, HIRING)
        await drop_on(page, half_past)
        await expect(page.locator("#said")).to_contain_text("Moved to Friday 27 November 2026, 10:30.")
        await expect(card(page, HIRING)).to_contain_text("10:30")
        assert visit.complaints == []


async def test_by_keyboard_alone_a_post_is_moved_and_moved_back(browser):
    async with visiting(browser, reduced_motion="reduce") as visit:
        visit.week.answers = granted
        page = (await visit.go(WEEK)).page
        opener = card(page, HIRING).get_by_role("button", name="Move “We are hiring nurses")
        await visit.tab_to(opener)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Move “We are hiring nurses")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("dialog :focus")).to_have_count(1)
        await visit.tab_to(page.get_by_label("Free slot", exact=True))
        await page.keyboard.type("Friday 27 November, 10:30")
        await visit.tab_to(page.get_by_role("button", name="Move it"))
        await page.keyboard.press("Enter")
        undo = page.locator("#said").get_by_role("button", name="Undo")
        await expect(undo).to_be_focused()
        await expect(page.locator("#said")).to_contain_text("Moved to Friday 27 November 2026, 10:30.")
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_contain_text("Undone: it goes out on Friday 27 November 2026, 10:00")
        await expect(opener).to_be_focused()
        assert (await said_last(visit.week, UndoAsked)).story == HIRING
        assert (visit.complaints, visit.strangers) == ([], [])


async def test_a_no_is_said_in_the_dialog_which_stays(browser):
    reason = "That time cannot be had: it would be over the cap of 5 posts a day. Choose another."
    async with visiting(browser) as visit:
        visit.week.answers = lambda told: [(answer_stream(told.id), AskRefused(code="no_slot", reason=reason))]
        page = (await visit.go(WEEK)).page
        await card(page, HIRING).get_by_role("button").click()
        await page.get_by_label("Exactly at this day and time").fill("2026-11-27T15:00")
        await expect(page.get_by_label("Exactly at", exact=True)).to_be_checked()
        await page.get_by_role("button", name="Move it").click()
        await expect(page.locator("dialog [role=alert]")).to_have_text(reason)
        await expect(page.get_by_role("button", name="Move it")).to_be_visible()
        assert (await said_last(visit.week, RescheduleAsked)).fact.at == at(27, 14)
        await page.get_by_role("button", name="Leave it").click()
        await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_the_board_and_its_dialog_have_no_barrier_in_either_theme(browser):
    async with visiting(browser, reduced_motion="reduce") as visit:
        visit.week.answers = granted
        page = (await visit.go(WEEK)).page
        await card(page, HIRING).get_by_role("button").click()
        await expect(page.locator("dialog[open]")).to_be_visible()
        assert await barriers(visit) == []
        await page.get_by_label("Free slot", exact=True).select_option("2026-11-27T09:30:00Z")
        await page.get_by_role("button", name="Move it").click()
        await expect(page.locator("#said")).to_contain_text("Moved to")
        assert await barriers(visit) == []
        await page.set_viewport_size({"width": 390, "height": 840})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await barriers(visit) == []


async def test_a_change_is_previewed_before_it_can_be_saved_and_saved_by_keyboard(browser):
    async with visiting(browser, reduced_motion="reduce") as visit:
        await visit.week.teller.say(engagement_stream("acme.linkedin"), LEARNED, story="acme.linkedin", account="acme")
        page = (await visit.go("/accounts/acme")).page
        await expect(page.locator(".learned")).to_contain_text("62 %")
        save = page.get_by_role("button", name="Save this change")
        await expect(save).to_have_count(0)
        await page.get_by_label("Mode").select_option("adaptive")
        await page.get_by_label("Time zone").fill("Nowhere/Else")
        await page.keyboard.press("Enter")
        await expect(page.locator("#preview .bad")).to_contain_text("is not an IANA zone")
        await page.get_by_label("Time zone").fill("Europe/Lisbon")
        await page.keyboard.press("Enter")
        await expect(page.locator(".moves tbody tr")).to_have_count(3)
        await expect(page.locator(".moves")).to_contain_text("Thursday 26 November 2026, 17:00")
        assert await barriers(visit) == []
        await page.set_viewport_size({"width": 390, "height": 840})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await visit.tab_to(save)
        await page.keyboard.press("Enter")
        await expect(page.locator("#said .good")).to_contain_text("Saved.")
        await expect(save).to_have_count(0)
        await expect(page.locator("#windows")).to_contain_text("Europe/Lisbon")
        fact = (await said_last(visit.week, AccountChanged)).fact
        assert (fact.document.mode, fact.document.zone) == ("adaptive", "Europe/Lisbon")
        assert [each for each in visit.complaints if "422" not in each] == []
        assert visit.strangers == []
