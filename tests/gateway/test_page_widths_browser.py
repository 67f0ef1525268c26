"""However long a word of somebody else is, a sheet stays as wide as the window (in a real browser)."""

from __future__ import annotations

import pytest

from events import MessageParked, PostCommented, PostFailed, PostTakenIn
from events.production import Content
from events.subjects import parked_stream
from tests.gateway.browsing import chromium, visiting
from tests.gateway.telling import HASH
from tests.gateway.test_page_browser import SHEETS

WORD = "Donaudampfschifffahrt" * 16
TOKEN = "0123456789abcdef" * 20


@pytest.fixture
async def browser():
    async with chromium() as it:
        yield it


async def told_in_long_words(teller) -> list[str]:
    """A post, its refusal, a comment, a message and an account that nobody thought of when the sheets were drawn."""
    taken_in = PostTakenIn(post="long-word", connection="acme.x", bucket=WORD[:128], campaign=WORD[:128],
                           content=Content(text=WORD, title=WORD, link=f"https://acme.example/{TOKEN}"),
                           content_hash=HASH)  # fmt: skip
    await teller.of_post("post", "acme.long-word", taken_in, channel="x")
    failed = PostFailed(round=1, kind="content", code=TOKEN, sentence=f"X says: {TOKEN}", action="edit", tries=1)
    await teller.of_post("delivery", "acme.long-word", failed, channel="x")
    await teller.of_post("approval", "acme.long-word", PostCommented(text=WORD), channel="x")
    body = b'{"post": "' + TOKEN.encode() + b'"}'
    parked = MessageParked(code="not_json", reason=f"post: {TOKEN} is not a name", head=body.decode(), bytes=len(body),
                           sha256="0" * 64, subject="production.post_approved")  # fmt: skip
    await teller.say(parked_stream(body), parked, story=parked_stream(body), account="acme")
    await teller.account("long", "UTC", name=WORD[:200], owner=f"{TOKEN[:60]}@acme.example")
    return ["/posts/acme.long-word", "/accounts/acme", "/accounts/long"]


@pytest.mark.parametrize("width", [1280, 390, 320])
async def test_no_word_makes_a_sheet_wider_than_the_window(browser, width):
    async with visiting(browser) as visit:
        more = await told_in_long_words(visit.week.teller)
        await visit.page.set_viewport_size({"width": width, "height": 840})
        wide = {}
        for path in (*SHEETS, *more):
            await visit.go(path)
            found = await visit.page.evaluate("document.documentElement.scrollWidth")
            if found > width:
                wide[path] = found
        assert wide == {}
