"""How long a text is, in each channel's own unit (S31)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.channels import CHANNELS
from services.channels.text import composed, length, too_long, weighted


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("Hello, Acme", 11),
        ("Grüße", 5),
        ("e\u0301", 1),  # one letter once it is composed
        ("漢字", 4),
        ("こんにちは", 10),
        ("“quoted” – so", 13),
        ("€", 2),
        ("❤", 2),
        ("❤\ufe0f", 2),
        ("👍🏽", 2),
        ("👩‍👩‍👧‍👦", 2),
        ("🇩🇪", 2),
        ("5\ufe0f\u20e3", 2),
        ("😀😀", 4),
        ("one\r\ntwo", 8),
    ],
)
def test_a_code_point_weighs_one_or_two_and_an_emoji_two(text, weight):
    assert weighted(text) == weight


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("https://a.de", 23),
        ("https://acme.example/" + "long/" * 100, 23),
        ("acme.com", 23),
        ("see acme.com/stories now", 4 + 23 + 4),
        ("(https://acme.com/a).", 1 + 23 + 2),
        ("[story](https://acme.com/a)", 8 + 23 + 1),
        ("write to me@acme.com", 20),
        ("e.g. this", 9),
        ("version 1.2.3", 13),
        ("https://a.com https://b.com", 23 + 1 + 23),
        ("日本語https://a.com/b", 6 + 23),
        ("https://a.com/bは速い", 23 + 6),
    ],
)
def test_every_address_weighs_twenty_three_and_a_bare_domain_is_one(text, weight):
    assert weighted(text) == weight


@pytest.mark.parametrize(
    ("channel", "fits", "over"),
    [
        ("x", "a" * 280, "a" * 281),
        ("x", "漢" * 140, "漢" * 140 + "a"),
        ("linkedin", "😀" * 3000, "a" * 3001),
        ("instagram", "😀" * 1100, "😀" * 1100 + "a"),
        ("youtube", "ü" * 2500, "ü" * 2500 + "a"),
        ("pinterest", "a" * 500, "a" * 501),
    ],
)
def test_a_text_fits_up_to_the_channels_own_limit_in_its_own_unit(channel, fits, over):
    most = CHANNELS[channel].text_max
    assert too_long(channel, fits) is None
    assert too_long(channel, over) == (most + 1, most)


def test_premium_lengthens_x_alone():
    assert too_long("x", "a" * 2000, premium=True) is None
    assert too_long("x", "a" * 2001, premium=True) == (2001, 2000)
    assert too_long("linkedin", "a" * 3001, premium=True) == (3001, 3000)


def test_a_blog_has_no_limit():
    assert too_long("blog", "a" * 1_000_000) is None


def test_on_x_the_link_is_part_of_the_text():
    assert composed("x", "How Acme grew", "https://acme.com") == "How Acme grew\nhttps://acme.com"
    assert composed("x", "", "https://acme.com") == "https://acme.com"
    assert composed("x", "Read https://acme.com", "https://acme.com") == "Read https://acme.com"
    assert composed("linkedin", "How Acme grew", "https://acme.com") == "How Acme grew"


@given(st.text(), st.sampled_from(["code_points", "weighted", "utf16", "utf8_bytes", "graphemes"]))
def test_any_text_has_a_length(text, unit):
    assert length(text, unit) >= 0
    assert length(text, "code_points") <= length(text, "utf16") <= 2 * len(text)
