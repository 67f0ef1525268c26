"""S4, S31: content that breaks a hard limit, measured as it will be sent."""

from __future__ import annotations

import pytest

from events import Content, Media
from events.channels import CHANNELS
from services.channels.text import composed, too_long
from services.channels.utm import dress
from services.scheduler.limits import MEDIA, NOT_SENT, Sender, broken_limit

IMAGE, VIDEO = Media(kind="image", url="https://a.example/p.png"), Media(kind="video", url="https://a.example/v.mp4")


def code(channel: str, text: str = "", *, premium: bool = False, **more) -> str | None:
    sender = Sender(channel, "acme.spring-042", "spring", premium=premium)
    broken = broken_limit(Content(text=text, **more), sender)
    return broken.code if broken else None


@pytest.mark.parametrize("channel", [name for name, facts in CHANNELS.items() if facts.text_max])
def test_the_longest_text_is_taken_and_one_more_is_not(channel):
    most, media = CHANNELS[channel].text_max or 0, (VIDEO,) if MEDIA[channel].needed else ()
    assert code(channel, "x" * most, media=media) is None
    assert code(channel, "x" * (most + 1), media=media) == "text_too_long"


def test_a_blog_has_no_limit():
    assert code("blog", "x" * 200_000) is None


def test_premium_on_x_may_write_more():
    assert code("x", "x" * 2000) == "text_too_long"
    assert code("x", "x" * 2000, premium=True) is None


def test_a_text_that_fits_only_without_its_tracking_parameters_does_not_fit():
    """S4: the growth of the links is counted, wherever the text carries them."""
    link = " https://acme.example/stories/42"
    fits = 3000 - len(link)
    text = "x" * fits + link
    assert too_long("linkedin", text) is None
    assert code("linkedin", text) == "text_too_long"


def test_a_link_on_x_counts_as_part_of_the_text():
    assert code("x", "x" * 256, link="https://acme.example/" + "s" * 400) is None
    assert code("x", "x" * 257, link="https://acme.example/" + "s" * 400) == "text_too_long"


TEXTS = [
    "x", "x" * 71, "word. " * 40, "word. " * 600, "see acme.example now", "https://acme.example/1", "a.b " * 60,
    "a.co " * 14, "http://a.co " * 62, "é" * 700, "é" * 2600, "👋" * 140, "👋" * 1300, "語" * 139, "語" * 141,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("link", [None, "https://acme.example/42"])
@pytest.mark.parametrize("channel", ["x", "linkedin", "pinterest", "youtube"])
def test_the_quick_yes_never_says_yes_to_what_is_too_long(channel, link, text):
    media = (VIDEO,) if MEDIA[channel].needed else ()
    sent = dress(text, link, channel=channel, story="acme.spring-042", campaign="spring")
    measured = too_long(channel, composed(channel, sent.text, sent.link))
    assert (code(channel, text, link=link, media=media) == "text_too_long") == (measured is not None)


def test_a_title_over_its_limit_is_refused():
    assert code("youtube", "x", title="t" * 100, media=(VIDEO,)) is None
    assert code("youtube", "x", title="t" * 101, media=(VIDEO,)) == "title_too_long"


def test_a_post_of_nothing_is_refused():
    assert code("linkedin", " \n") == "content_empty"
    assert code("linkedin", "", link="https://acme.example") is None


def test_a_channel_that_shows_pictures_takes_no_text_alone():
    assert {name for name in CHANNELS if code(name, "x") == "media_missing"} == {
        name for name, facts in CHANNELS.items() if not facts.text_alone
    }


@pytest.mark.parametrize(
    ("channel", "media", "wanted"),
    [
        ("instagram", (IMAGE,) * 10, None),
        ("instagram", (IMAGE,) * 11, "media_not_supported"),
        ("instagram", (IMAGE,) * 6 + (VIDEO,) * 5, "media_not_supported"),
        ("tiktok", (IMAGE,) * 35, None),
        ("tiktok", (VIDEO,) * 2, "media_not_supported"),
        ("youtube", (IMAGE,), "media_not_supported"),
        ("pinterest", (IMAGE,) * 6, "media_not_supported"),
    ],
)
def test_media_that_the_channel_cannot_take_is_refused(channel, media, wanted):
    assert code(channel, "x", media=media) == wanted


@pytest.mark.parametrize("channel", sorted(NOT_SENT))
def test_nothing_goes_out_without_its_picture(channel):
    """Where the adapter sends no media, a post with media is refused, instead of losing them on the way."""
    assert code(channel, "x", media=(IMAGE,)) == "media_not_supported"


def test_the_words_name_the_field_the_size_and_the_limit():
    broken = broken_limit(Content(text="x" * 3001), Sender("linkedin", "acme.spring-042"))
    assert broken is not None
    assert broken.detail == "text has 3,001 characters with its links dressed; linkedin takes 3,000."
