"""The tracking parameters of every link, and the marker a post is found by (S34)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.channels.utm import dress, marker_of

STORY = "acme.spring-042"
MARKER = marker_of("linkedin", STORY)


def dressed(text="How Acme grew", link=None, *, channel="linkedin", campaign="spring", bucket=None, template=None):
    return dress(text, link, channel=channel, story=STORY, campaign=campaign, bucket=bucket, template=template or {})


def parameters(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_a_link_gets_the_defaults_and_the_marker():
    done = dressed(link="https://acme.example/stories/42")
    assert parameters(done.link) == {
        "utm_source": "linkedin", "utm_medium": "social", "utm_campaign": "spring", "utm_content": MARKER,
    }  # fmt: skip


def test_the_accounts_template_stands_over_the_default():
    template = {"utm_medium": "organic", "utm_campaign": "{account}-{campaign}-{bucket}", "utm_term": "{post}"}
    done = dressed(link="https://acme.example", bucket="stories", template=template)
    assert parameters(done.link) == {
        "utm_source": "linkedin", "utm_medium": "organic", "utm_campaign": "acme-spring-stories",
        "utm_term": "spring-042", "utm_content": MARKER,
    }  # fmt: skip


def test_a_parameter_with_nothing_to_say_is_left_out():
    done = dressed(link="https://acme.example", campaign=None, template={"utm_source": ""})
    assert parameters(done.link) == {"utm_medium": "social", "utm_content": MARKER}


@pytest.mark.parametrize("theirs", ["utm_source=me", "UTM_Source=me", "utm_source=", "a=1&utm_source=me&b=2"])
def test_a_parameter_that_is_there_already_is_never_overwritten(theirs):
    done = dressed(link=f"https://acme.example/a?{theirs}")
    assert done.link.startswith(f"https://acme.example/a?{theirs}&utm_medium=social")
    assert done.link.lower().count("utm_source") == 1


@pytest.mark.parametrize("template", [{}, {"utm_content": "hero"}])
def test_the_marker_moves_aside_where_utm_content_is_taken(template):
    """By the link itself or by the account's template: the post is found by `dst` then."""
    done = dressed(link="https://acme.example/" + ("" if template else "?utm_content=hero"), template=template)
    assert parameters(done.link)["utm_content"] == "hero"
    assert parameters(done.link)["dst"] == MARKER


def test_links_in_the_text_are_dressed_and_its_words_are_not():
    done = dressed("See https://acme.example/a, or (https://acme.example/b?x=1#top). Not acme.com, README.md.")
    tail = f"utm_source=linkedin&utm_medium=social&utm_campaign=spring&utm_content={MARKER}"
    assert done.text == (
        f"See https://acme.example/a?{tail}, or (https://acme.example/b?x=1&{tail}#top). Not acme.com, README.md."
    )


def test_a_markdown_link_keeps_its_shape():
    done = dressed("Read [the story](https://acme.example/a).")
    assert done.text.startswith("Read [the story](https://acme.example/a?utm_source=linkedin")
    assert done.text.endswith(f"utm_content={MARKER}).")


def test_words_are_encoded_in_an_address():
    done = dressed(link="https://acme.example", campaign="Frühling & mehr")
    assert "utm_campaign=Fr%C3%BChling%20%26%20mehr&" in done.link


@pytest.mark.parametrize("link", ["mailto:hello@acme.example", "tel:+49301234", "acme.example/a", "http://[acme"])
def test_what_is_no_web_address_stays_as_it_is(link):
    assert dressed(link=link).link == link


def test_every_attempt_sends_the_same_bytes():
    text, link = "See https://acme.example/a", "https://acme.example/b"
    once = dressed(text, link)
    assert dressed(text, link) == once
    assert dressed(once.text, once.link) == once


def test_a_marker_stands_for_one_post_on_one_channel():
    markers = {marker_of(channel, story) for channel in ("linkedin", "x") for story in (STORY, "acme.b", "beta.b")}
    assert len(markers) == 6
    assert all(marker.isascii() and marker.isalnum() and len(marker) == 16 for marker in markers)


@given(st.text(), st.text())
def test_any_text_and_link_can_be_dressed_twice_and_change_once(text, link):
    once = dressed(text, link or None)
    twice = dressed(once.text, once.link)
    assert twice.link == once.link
