"""The gate on the page of a post: what a reviewer is offered, says, and sees become of it (S38-S41)."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from events import ApprovalGiven, ApprovalRefused, Content, PostCommented, PostEdited
from events.subjects import approval_stream
from tests.gateway.browsing import chromium, visiting
from tests.gateway.telling import HASH
from tests.gateway.test_page import look, said_last, send, signed_in
from tests.gateway.weeks import week as week

STORY = "acme.quarter-numbers"
SHEET = f"/posts/{STORY}"


async def offered(week, role):
    await signed_in(week, role)
    forms = (await look(week.http, SHEET)).all("form")
    return [form["action"].rsplit("/", 1)[1] for form in forms if form["action"] != "/logout"]


async def version_of(week):
    hidden = (await look(week.http, SHEET)).all("input")
    return next(each["value"] for each in hidden if each.get("name") == "version")


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("owner", ["approve", "reject", "comments", "edit", "cancel"]),
        ("operator", ["comments", "edit", "cancel"]),
        ("reviewer", ["approve", "reject", "comments"]),
        ("viewer", []),
    ],
)
async def test_each_role_is_offered_what_it_may_say(week, role, names):
    assert await offered(week, role) == names


async def test_an_approval_is_of_what_the_sheet_showed(week):
    await signed_in(week, "reviewer")
    version = await version_of(week)
    edited = PostEdited(content=Content(text="Our quarter in four numbers."), content_hash="beef")
    await week.teller.of_post("post", STORY, edited)
    answer = await send(week.http, f"/page{SHEET}/approve", version=version)
    assert (answer.status_code, "read it again" in answer.text) == (412, True)
    answer = await send(week.http, f"/page{SHEET}/approve", version=await version_of(week))
    assert (answer.status_code, "It is approved" in answer.text) == (200, True)
    assert (await said_last(week, ApprovalGiven)).fact == ApprovalGiven(content_hash="beef")
    assert await offered(week, "reviewer") == []


async def test_a_rejection_without_scripts_leads_back_to_the_sheet(week):
    await signed_in(week, "reviewer")
    answer = await send(week.http, f"/page{SHEET}/reject", part=False, comment="Not audited.")
    assert (answer.status_code, answer.headers["location"]) == (303, SHEET)
    assert (await said_last(week, ApprovalRefused)).fact == ApprovalRefused(comment="Not audited.")
    shown = (await look(week.http, SHEET)).text
    assert "Rejected: Not audited." in shown
    assert await offered(week, "owner") == []


async def test_a_rejection_without_a_word_is_said_to_need_one(week):
    await signed_in(week, "reviewer")
    answer = await send(week.http, f"/page{SHEET}/reject", comment="  ")
    assert (answer.status_code, "comment" in answer.text) == (422, True)


async def test_a_comment_stands_in_the_thread(week):
    await signed_in(week, "operator")
    await send(week.http, f"/page{SHEET}/comments", version="0.0", text="It is, since\r\nMonday.")
    assert (await said_last(week, PostCommented)).fact == PostCommented(text="It is, since\nMonday.")
    assert "It is, since\nMonday." in (await look(week.http, SHEET)).text


async def test_by_keyboard_alone_a_reviewer_comments_and_approves():
    async with chromium() as browser, visiting(browser, role="reviewer") as visit:
        page = (await visit.go(SHEET)).page
        await visit.tab_to(page.locator("summary", has_text="Comment"))
        await page.keyboard.press("Enter")
        await visit.tab_to(page.get_by_label("Comment", exact=True))
        await page.keyboard.type("Audited on Monday.")
        await visit.tab_to(page.get_by_role("button", name="Add it to the thread"))
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_have_text("Your comment is in the thread.")
        await expect(page.locator(".comments")).to_contain_text("Audited on Monday.")
        assert await visit.violations() == []
        await visit.tab_to(page.get_by_role("button", name="Approve"))
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_have_text("It is approved, and takes the next slot.")
        await expect(page.locator("#post .head .status")).to_contain_text("pending")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        said = await visit.week.store.read(approval_stream(STORY))
        assert said[-1].fact == ApprovalGiven(content_hash=HASH)
        assert visit.complaints == []
