"""A week with more posts than its board has room for: all of them are counted, and what is left out is said."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from events import PostHeld
from services.gateway.page import board
from services.gateway.page.places import most_each
from tests.gateway.telling import slot
from tests.gateway.test_page import Elements, look, signed_in
from tests.gateway.test_page_week import cells
from tests.gateway.weeks import week as week

ROW = "LinkedIn of harbour"
SUNDAY, SATURDAY = date(2026, 11, 29), date(2026, 11, 28)


@pytest.fixture
async def browser(week):
    await signed_in(week)
    await week.teller.account("harbour", "Pacific/Auckland")
    await week.teller.connect("harbour.linkedin")
    return week.http


async def scheduled(week, posts: int, on: date) -> None:
    """In the afternoon of that day in Auckland, a minute after each other: in UTC it is the same date."""
    noon = datetime(on.year, on.month, on.day, tzinfo=UTC)
    for number in range(posts):
        story = f"harbour.on-{on.day}-{number:02}"
        await week.teller.take_in(story, "harbour.linkedin")
        at = noon + timedelta(minutes=number)
        await week.teller.schedule(story, "harbour.linkedin", slot(at, "Pacific/Auckland", 13))


async def held(week, posts: int) -> None:
    for number in range(posts):
        story = f"harbour.held-{number:02}"
        await week.teller.take_in(story, "harbour.linkedin")
        await week.teller.of_post("post", story, PostHeld(connection="harbour.linkedin", reason="disconnected"))


async def shown(browser) -> str:
    answer = await browser.get("/week?from=2026-11-26&account=harbour")
    assert answer.status_code == 200
    return answer.text


def tally(html: str) -> str:
    return " ".join(Elements(html.split('class="tally"')[1].split("</ul>")[0]).text.split()).split("> ")[1]


def card_count(html: str) -> int:
    return len(re.findall('id="card-', html))


async def led_to(browser, cell: str) -> tuple[str, set[str]]:
    """What stands under the cards of a cell, and the posts of the queue it leads to."""
    [text, address] = re.findall(r'class="left-out"><a href="([^"]+)">(and \d+ more)', cell)[0][::-1]
    queue = await look(browser, address.replace("&amp;", "&"))
    return text, {each["href"][7:] for each in queue.all("a") if each.get("href", "").startswith("/posts/")}


async def test_posts_without_a_card_are_counted_and_their_day_says_how_many_and_leads_to_them(
    week, browser, monkeypatch
):
    monkeypatch.setattr(board, "POSTS_MAX", 10)
    await scheduled(week, 9, SATURDAY)
    await scheduled(week, 8, SUNDAY)
    html = await shown(browser)
    assert tally(html).startswith("17 scheduled")
    days = cells(html, ROW)
    assert [card_count(days[each.isoformat()]) for each in (SATURDAY, SUNDAY)] == [5, 5]
    text, posts = await led_to(browser, days["2026-11-29"])
    assert (text, posts) == ("and 3 more", {f"harbour.on-29-{number:02}" for number in range(8)})


async def test_the_end_of_the_week_is_not_what_is_left_out(week, browser, monkeypatch):
    """A day with few posts shows them all, however many there are before it."""
    monkeypatch.setattr(board, "POSTS_MAX", 10)
    await scheduled(week, 20, SATURDAY)
    await scheduled(week, 2, SUNDAY)
    days = cells(await shown(browser), ROW)
    assert [card_count(days[each.isoformat()]) for each in (SATURDAY, SUNDAY)] == [8, 2]
    assert "left-out" not in days["2026-11-29"]


async def test_held_posts_without_a_card_are_counted_and_lead_to_the_queue(week, browser, monkeypatch):
    monkeypatch.setattr(board, "WAITING_MAX", 3)
    await held(week, 5)
    html = await shown(browser)
    assert " 5 held" in tally(html)
    without = cells(html, ROW)["without"]
    assert [name[-2:] for name in re.findall('id="card-([^"]+)"', without)] == ["00", "01", "02"]
    assert await led_to(browser, without) == ("and 2 more", {f"harbour.held-{number:02}" for number in range(5)})


async def test_a_week_that_has_room_for_all_leaves_nothing_out(week, browser):
    await scheduled(week, 3, SUNDAY)
    await held(week, 2)
    html = await shown(browser)
    assert card_count(html) == 5
    assert "left-out" not in html


@pytest.mark.parametrize(
    ("sizes", "room", "most"),
    [([], 10, 0), ([3, 4], 10, 4), ([20, 2], 10, 8), ([9, 8], 10, 5), ([166] * 7, 1000, 142), ([5, 1, 1], 4, 2)],
)
def test_whoever_needs_less_room_leaves_it_to_the_others(sizes, room, most):
    assert most_each(sizes, room) == most
    assert sum(min(size, most) for size in sizes) <= room
