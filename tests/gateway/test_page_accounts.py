"""An account's sheet: its windows with what they rest on, and a change that is previewed before it is saved."""

from __future__ import annotations

from typing import Any

import pytest

from events import AccountChanged, EngagementProfiled
from events.subjects import engagement_stream
from services.gateway.page.choices import learned, patch_of, rests_on
from services.gateway.problems import Problem
from tests.gateway.examples import at
from tests.gateway.test_foreseeing import promised
from tests.gateway.test_page import Elements, look, said_last, send, signed_in
from tests.gateway.weeks import week as week

WINDOW = {"days": [4], "from": "17:00", "to": "19:00", "weight": 1.22, "posts": 4, "own": 0.35, "benchmark": 1.17}
INPUTS = {"posts": 41, "days": 23, "moved": True, "gain": 0.12, "chance_of_gain": 0.87}
SAVE = "/page/accounts/acme/save"


@pytest.fixture
async def browser(week):
    await signed_in(week)
    return week.http


def words(html: str) -> str:
    return " ".join(Elements(html.replace("<td", " <td")).text.split())


async def test_the_windows_say_what_they_rest_on(week, browser):
    profile = EngagementProfiled(connection="acme.linkedin", windows=(WINDOW,), inputs=INPUTS)
    await week.teller.say(engagement_stream("acme.linkedin"), profile, story="acme.linkedin", account="acme")
    shown = words((await browser.get("/accounts/acme")).text)
    assert (
        "LinkedIn Best Practice acme.linkedin · Europe/Berlin Best Practice: what published benchmarks say of "
        "LinkedIn. Mon 10:00–12:00 4 slots" in shown
    )
    assert "41 posts on 23 days were seen. The best hours found are +12% on those before" in shown
    assert "Thu 17:00–19:00 × 1.22 4 35 % × 1.17" in shown
    assert "Best Practice: the account has chosen no times of its own for LinkedIn." in words(
        (await browser.get("/accounts/bistro")).text
    )


def test_a_profile_without_figures_is_the_benchmark_alone():
    known = learned({"at": "2026-11-26T09:15:00Z", "windows": [{"days": [1], "from": "09:00", "to": "10:00"}],
                     "inputs": {}})  # fmt: skip
    assert known["windows"][0]["own"] is None
    assert rests_on({}).startswith("By the benchmark alone")
    assert "not sure enough, so they stayed" in rests_on(INPUTS | {"moved": False})


def test_a_form_is_a_patch_and_an_emptied_field_takes_its_default_back():
    patch = patch_of({"mode": "custom", "zone": " Europe/Berlin ", "cap.x": "3", "cap.blog": "", "spacing.x": "45",
                      "times.x.mon": "09:00, 17:30", "times.x.tue": "", "version": "1"})  # fmt: skip
    assert patch == {
        "mode": "custom", "zone": "Europe/Berlin", "caps": {"x": {"posts_per_day_max": 3}, "blog": None},
        "spacing": {"x": "PT45M"}, "times": {"x": {"mon": ["09:00", "17:30"], "tue": None}},
    }  # fmt: skip
    with pytest.raises(Problem, match=r"cap\.x: write a whole number"):
        patch_of({"cap.x": "many"})


async def test_a_preview_shows_the_moves_and_what_is_saved_is_what_was_previewed(week, browser):
    before = await week.store.position()
    fields = {"mode": "best_practice", "zone": "Europe/Berlin", "cap.linkedin": "1"}
    times: dict[str, Any] = {
        "mode": "custom",
        "times.linkedin.fri": "15:00",
        **{k: v for k, v in fields.items() if k != "mode"},
    }
    shown = await send(browser, "/page/accounts/acme/preview", **times)
    assert "Friday 27 November 2026, 10:00 Friday 27 November 2026, 15:00 custom, 15:00" in words(shown.text)
    assert await week.store.position() == before, "nothing is written"
    hidden: dict[str, Any] = {
        each["name"]: each["value"] for each in Elements(shown.text.split('id="preview"')[1]).all("input")
    }
    answer = await send(browser, SAVE, **hidden)
    assert (answer.status_code, "Saved." in answer.text) == (200, True), answer.text
    document = (await said_last(week, AccountChanged)).fact.document
    assert (document.mode, document.caps["linkedin"].posts_per_day_max) == ("custom", 1)
    assert document.times["linkedin"]["fri"] == ("15:00",)
    assert document.owner == "owner@acme.example", "what the form does not show stays"
    again = await send(browser, SAVE, **hidden)
    assert again.status_code == 412, "the account has moved on"


async def test_a_preview_shows_the_posts_a_smaller_cap_would_miss(week, browser):
    for number in (1, 2):
        await promised(week, f"acme.jubilee-{number}", at(27, 8 + number))
    shown = words((await send(browser, "/page/accounts/acme/preview", **{"cap.linkedin": "1"})).text)
    assert "1 post with an exact time is over the cap: it is missed, and a person decides." in shown
    assert "Ten years, to the minute." in shown
    assert "Friday 27 November 2026, 11:00 Missed it would be over the cap of 1 posts a day" in shown


async def test_what_is_wrong_is_said_and_what_was_typed_stays(browser):
    shown = await send(browser, "/page/accounts/acme/preview", mode="custom", zone="Nowhere/Else")
    assert (shown.status_code, "Nowhere/Else is not an IANA zone" in shown.text) == (422, True)
    assert {"name": "zone", "value": "Nowhere/Else"}.items() <= next(
        each for each in Elements(shown.text).all("input") if each.get("name") == "zone"
    ).items()
    for nonsense in ("", "[]", "{", '{"owner": 3}'):
        assert (await send(browser, SAVE, choices=nonsense)).status_code == 422


async def test_a_number_is_refused_with_the_numbers_that_are_taken(browser):
    """As the form asks for them: posts a day, and minutes apart."""
    for field, typed, said in (
        ("cap.linkedin", "99999999999999999999", "write a whole number from 1 to 10,000"),
        ("cap.linkedin", "0", "write a whole number from 1 to 10,000"),
        ("spacing.linkedin", "1441", "write a whole number from 1 to 1,440"),
        ("spacing.linkedin", "0", "write a whole number from 1 to 1,440"),
    ):
        shown = await send(browser, "/page/accounts/acme/preview", **{field: typed})
        assert (shown.status_code, f"{field}: {said}" in words(shown.text)) == (422, True), (field, typed)
    for field, typed in (("cap.linkedin", "10000"), ("spacing.linkedin", "1440")):
        assert (await send(browser, "/page/accounts/acme/preview", **{field: typed})).status_code == 200, field


async def test_only_whoever_may_configure_is_offered_a_change(week, browser):
    await signed_in(week, "viewer", ["bistro"])
    shown = await look(browser, "/accounts/bistro")
    assert [form["action"] for form in shown.all("form")] == ["/logout"]
    assert (await send(browser, "/page/accounts/bistro/preview", zone="UTC")).status_code == 403
    assert (await send(browser, "/page/accounts/bistro/save", choices="{}")).status_code == 403
    for path in ("/accounts/acme", "/accounts/nobody"):
        assert (await browser.get(path)).status_code == 404
    assert (await send(browser, "/page/accounts/acme/preview", zone="UTC")).status_code == 404
