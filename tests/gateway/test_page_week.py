"""The week board as it is sent, the dialog that moves a post, and what is said when it was moved or cannot be."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from events import AccountDocument, AskRefused, PostScheduled, RescheduleAsked, Slot, UndoAsked, Why
from events.subjects import answer_stream, post_stream
from services.gateway.page.board import nothing_free, ticks
from services.planning.terms import terms_of
from tests.gateway.examples import THURSDAY, at
from tests.gateway.telling import slot
from tests.gateway.test_page import Elements, look, said_last, send, signed_in
from tests.gateway.weeks import week as week
from tests.gateway.weeks import week_owner as week_owner

FRIDAY = date(2026, 11, 27)
DESK = "/page/posts/acme.hiring-nurses/reschedule"


@pytest.fixture
async def browser(week):
    await signed_in(week)
    return week.http


def scheduled(moment, local: str) -> PostScheduled:
    return PostScheduled(connection="acme.linkedin", why=Why(mode="best_practice", window="10:00-12:00"),
                         slot=Slot(at=moment, local=local, zone="Europe/Berlin"))  # fmt: skip


HALF_PAST = scheduled(at(27, 9, 30), "2026-11-27T10:30")
ELEVEN = scheduled(at(27, 10), "2026-11-27T11:00")


# The board.


def cells(html: str, title: str) -> dict[str, str]:
    """What stands in each cell of one connection's row, by its date, or without one."""
    [row] = re.findall(rf'<tr data-title="{title}">.*?</tr>', html, re.S)
    return {
        (re.search(r'data-day="([^"]+)"', cell) or ["", "without"])[1]: cell
        for cell in re.findall(r"<td.*?</td>", row, re.S)
    }


async def test_each_post_stands_on_its_day_in_the_row_of_its_channel(browser):
    html = (await browser.get("/week?from=2026-11-26")).text
    assert "23 November – 29 November 2026" in html
    linkedin = cells(html, "LinkedIn of acme")
    assert "acme.autumn-report" in linkedin["2026-11-24"]
    assert "acme.hiring-nurses" in linkedin["2026-11-27"]
    assert "acme.exact-noon" in linkedin["without"]
    assert "bistro.lunch-menu" in cells(html, "LinkedIn of bistro")["without"]
    assert "acme.winter-guide" not in html
    assert "acme.winter-guide" in (await browser.get("/week?from=2026-12-02")).text


async def test_held_limited_and_missed_have_a_shape_and_a_word_each(browser):
    html = (await browser.get("/week?from=2026-11-26")).text
    shapes = {}
    for story, word in (("bistro.lunch-menu", "held"), ("acme.product-tour", "limited until 10:30"),
                        ("acme.exact-noon", "missed"), ("acme.hiring-nurses", "scheduled")):  # fmt: skip
        [card] = re.findall(rf'<li class="card[^>]* id="card-{story}".*?</li>', html, re.S)
        assert f"<span>{word}</span>" in card
        [shapes[word], *_] = [each["d"] for each in Elements(card).all("path")]
    assert len(set(shapes.values())) == 4
    tally = " ".join(Elements(html.split('class="tally"')[1].split("</ul>")[0]).text.split())
    assert tally.split("> ")[1].startswith("3 scheduled 1 held 1 limited 1 missed")
    assert "limited until 10:30" in " ".join(Elements(html).text.split())
    assert "disconnected" in html


async def test_slots_are_those_the_planner_would_offer(browser):
    """Friday's window at LinkedIn is 10 to 12; one of its four slots is taken."""
    friday = cells((await browser.get("/week?from=2026-11-26")).text, "LinkedIn of acme")["2026-11-27"]
    slots = [(attrs["class"], attrs["data-at"]) for attrs in Elements(friday).all("li") if "data-at" in attrs]
    assert slots == [("slot is-taken", "2026-11-27T09:00:00Z"), ("slot is-free", "2026-11-27T09:30:00Z"),
                     ("slot is-free", "2026-11-27T10:00:00Z"), ("slot is-free", "2026-11-27T10:30:00Z")]  # fmt: skip
    assert "3 free" in friday


async def test_a_slot_of_the_last_day_that_the_next_week_has_filled_is_not_called_free(week, browser):
    """Sunday evening in Los Angeles is Monday in UTC, and over any 24 hours it counts with Monday evening (S17a)."""
    zone, one = "America/Los_Angeles", {"tiktok": {"posts_per_day_max": 1}}
    times = {"tiktok": {"sun": ("17:00", "18:00"), "mon": ("17:30",)}}
    await week.teller.account("coast", zone, mode="custom", times=times, caps=one)
    await week.teller.connect("coast.tiktok")
    await week.teller.take_in("coast.surf", "coast.tiktok")
    await week.teller.schedule("coast.surf", "coast.tiktok", slot(datetime(2026, 12, 1, 1, 30, tzinfo=UTC), zone, -8))
    sunday = cells((await browser.get("/week?from=2026-11-26")).text, "TikTok of coast")["2026-11-29"]
    slots = [(attrs["class"], attrs["data-at"]) for attrs in Elements(sunday).all("li") if "data-at" in attrs]
    assert slots == [("slot is-free", "2026-11-30T01:00:00Z"), ("slot is-full", "2026-11-30T02:00:00Z")]


def test_a_day_without_a_free_slot_says_why():
    two = {"linkedin": {"posts_per_day_max": 2}}
    document = AccountDocument.model_validate({"id": "acme", "zone": "Europe/Berlin", "caps": two})
    terms = terms_of("acme.linkedin", document)

    def said(day: date, *taken, now=THURSDAY) -> str:
        return nothing_free("LinkedIn of acme", day, ticks(terms, day, taken, now=now), today=now.date())

    full = ticks(terms, FRIDAY, [at(27, 9), at(27, 9, 30)], now=THURSDAY)
    assert [each.state for each in full] == ["taken", "taken", "full", "full"]
    assert "every time is over the cap of 2 posts a day" in said(FRIDAY, at(27, 9), at(27, 9, 30))
    assert "lies outside its windows" in said(FRIDAY + timedelta(days=1))
    assert said(FRIDAY - timedelta(days=3)) == "Tuesday 24 November is over. Nothing was moved."
    assert said(FRIDAY, now=at(27, 20)) == "Every slot of LinkedIn of acme on Friday 27 November is over. " \
                                           "Nothing was moved."  # fmt: skip


async def test_what_cannot_be_moved_says_why_and_a_viewer_moves_nothing(week, browser):
    page = await look(browser, "/week?from=2026-11-26")
    fixed = {each["data-post"]: each.get("data-fixed") for each in page.all("li") if "data-post" in each}
    assert fixed["acme.autumn-report"] == "It is published; nothing is left to move."
    assert fixed["acme.webinar-invite"] == "An attempt to publish is under way; wait for its outcome."
    assert fixed["acme.hiring-nurses"] is None
    moves = {each["id"] for each in page.all("button") if "hx-get" in each}
    assert moves == {f"move-{name}" for name, why in fixed.items() if why is None}
    await signed_in(week, "viewer")
    page = await look(browser, "/week?from=2026-11-26")
    assert not [each for each in page.all("li") if "draggable" in each]
    assert not [each for each in page.all("button") if "hx-get" in each]
    assert (await week.http.get("/page/posts/acme.hiring-nurses/move")).status_code == 403
    assert (await send(browser, "/page/moves", post="acme.hiring-nurses", how="slot", slot="2026-11-27T09:30:00Z"
                       )).status_code == 403  # fmt: skip


# The dialog, and what comes of it.


async def test_the_dialog_offers_the_free_slots_of_two_weeks(browser):
    shown = await look(browser, "/page/posts/acme.hiring-nurses/move")
    offered = [each["value"] for each in shown.all("option")]
    assert offered[0] == "2026-11-26T09:30:00Z"
    assert "2026-11-27T09:00:00Z" not in offered
    assert "2026-12-08T08:00:00Z" in offered
    assert (await browser.get("/page/posts/acme.nothing/move")).status_code == 404
    assert "nothing is left to move" in (await look(browser, "/page/posts/acme.team-day/move")).text


async def test_a_slot_that_is_chosen_is_asked_for_and_can_be_given_back(week, browser):
    week.answers = lambda told: [(post_stream(told.story), HALF_PAST)]
    answer = await send(browser, "/page/moves", post="acme.hiring-nurses", how="slot", slot="2026-11-27T09:30:00Z",
                        version="2.0")  # fmt: skip
    assert "Moved to Friday 27 November 2026, 10:30." in answer.text
    asked = await said_last(week, RescheduleAsked)
    assert (asked.fact.not_before, asked.fact.at, asked.fact.expected) == (at(27, 9, 30), None, "2.0")
    [undo] = Elements(answer.text).all("form")
    week.answers = lambda told: [(post_stream(told.story), scheduled(at(27, 9), "2026-11-27T10:00"))]
    answer = await send(browser, undo["action"], post="acme.hiring-nurses")
    assert "Undone: it goes out on Friday 27 November 2026, 10:00 again." in answer.text
    assert (await said_last(week, UndoAsked)).fact.bulk == undo["action"].split("/")[3]


async def test_a_cap_that_a_post_uses_up_itself_does_not_keep_it_from_another_slot_of_its_day(
    week, week_owner, browser
):
    one_a_day = {"caps": {"linkedin": {"posts_per_day_max": 1}}}
    assert (await week_owner.ask("PATCH", "/v1/accounts/acme", one_a_day)).status_code == 200
    shown = await look(browser, "/page/posts/acme.hiring-nurses/move")
    offered = [each["value"] for each in shown.all("option")]
    assert offered[0] == "2026-11-27T09:30:00Z"
    assert not [each for each in offered if each.startswith("2026-11-26")], "another post has used Thursday up"
    week.answers = lambda told: [(post_stream(told.story), HALF_PAST)]
    moved = {"post": "acme.hiring-nurses", "how": "slot", "version": "2.0"}
    answer = await send(browser, "/page/moves", slot="2026-11-27T09:30:00Z", **moved)
    assert "Moved to Friday 27 November 2026, 10:30." in answer.text


async def test_a_post_is_dropped_on_the_slot_or_nowhere(week, week_owner, browser):
    """The cap of that day is used up by another: a post that is asked for it would find itself on a later day."""
    one_a_day = {"caps": {"linkedin": {"posts_per_day_max": 1}}}
    assert (await week_owner.ask("PATCH", "/v1/accounts/acme", one_a_day)).status_code == 200
    await week.teller.take_in("acme.later", "acme.linkedin", "Later.")
    await week.teller.of_post("post", "acme.later", scheduled(at(30, 9), "2026-11-30T10:00"))
    before = await week.store.position()
    answer = await send(browser, "/page/moves", post="acme.hiring-nurses", how="slot", slot="2026-11-30T09:30:00Z",
                        version="2.0")  # fmt: skip
    assert (answer.status_code, await week.store.position()) == (409, before)
    assert "10:30 on Monday 30 November is over the cap of 1 posts a day. Nothing was moved." in answer.text


async def test_whoever_was_quicker_is_told_of(week, browser):
    week.answers = lambda told: [(post_stream(told.story), ELEVEN)]
    answer = await send(browser, DESK, how="slot", slot="2026-11-27T09:30:00Z")
    assert "Moved to Friday 27 November 2026, 11:00. The slot you chose went to another post meanwhile." in answer.text


async def test_what_had_no_slot_is_offered_no_way_back_to_one(week, browser):
    week.answers = lambda told: [(post_stream(told.story), HALF_PAST)]
    answer = await send(browser, "/page/moves", post="acme.exact-noon", how="slot", slot="2026-11-27T09:30:00Z")
    assert ("Moved to" in answer.text, "undo" in answer.text) == (True, False)


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("stale", "The post has moved on to version 3.0; read it again before you decide.", 412),
        ("no_slot", "That time cannot be had: it would be over the cap of 5 posts a day. Choose another.", 409),
    ],
)
async def test_a_no_is_the_deciders_own_sentence(week, browser, code, reason, status):
    week.answers = lambda told: [(answer_stream(told.id), AskRefused(code=code, reason=reason))]
    answer = await send(browser, DESK, how="at", at="2026-11-27T10:30", version="2.0")
    assert (answer.status_code, reason in answer.text) == (status, True)


async def test_nobody_else_takes_a_move_back(week, browser):
    week.answers = lambda told: [(post_stream(told.story), HALF_PAST)]
    answer = await send(browser, DESK, how="slot", slot="2026-11-27T09:30:00Z")
    [undo] = Elements(answer.text).all("form")
    await signed_in(week, "operator", ["bistro"])
    assert (await send(browser, undo["action"])).status_code == 404
    assert (await send(browser, "/page/bulks/nonsense/undo")).status_code == 404
