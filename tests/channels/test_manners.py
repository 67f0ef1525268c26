"""What all channels share: how long to wait, and an answer that is read without being believed (F8, A29)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.channels.manners import after, an_id, bounded, clean, epoch, mapping, objects, parsed, unheard, whole
from services.channels.outcome import Unavailable, Unclear
from tests.channels.answering import NOBODY_THERE, NOTHING_CAME, NOW, Said

A_DAY = timedelta(hours=24)


def told(retry_after):
    return Said(429, headers={"retry-after": retry_after})


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("0", timedelta()),
        ("-30", timedelta()),
        ("31536000", A_DAY),
        ("Tue, 24 Nov 2026 09:10:00 GMT", timedelta(minutes=10)),
        ("Tue, 24 Nov 2026 10:10:00 +0100", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 09:00:00 GMT", timedelta()),
        ("Wed, 24 Nov 2027 09:00:00 GMT", A_DAY),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(retry_after, wait):
    assert after(told(retry_after), NOW) == NOW + wait


@pytest.mark.parametrize(
    "retry_after",
    ["", "soon", "1.5", "9" * 30, "٣٠", "Tue, 99 Nov 2026 09:10:00 GMT", "Fri, 31 Dec 9999 23:59:00 -2359"],
)
def test_a_retry_after_nobody_can_read_is_none(retry_after):
    assert after(told(retry_after), NOW) is None


def test_no_header_is_no_time():
    assert after(Said(429), NOW) is None


@given(st.text(max_size=40))
def test_whatever_a_channel_asks_the_wait_is_between_nothing_and_a_day(words):
    until = after(told(words), NOW)
    assert until is None or NOW <= until <= NOW + A_DAY


def test_a_time_is_told_in_utc_whatever_zone_it_came_in():
    there = datetime(2026, 11, 24, 11, tzinfo=timezone(timedelta(hours=1)))
    assert bounded(there, NOW) == datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "9" * 12])
def test_a_reset_that_is_no_unix_time_is_none(header):
    assert epoch(header) is None


def test_a_reset_is_unix_seconds():
    assert epoch(str(int(NOW.timestamp()))) == NOW


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe", b'"' + b"a" * (4 * 1024 * 1024) + b'"'])
def test_a_body_that_is_no_json_or_too_large_is_nothing(body):
    assert parsed(Said(200, body)) is None


def test_a_value_of_the_wrong_shape_is_as_good_as_none():
    assert mapping([1]) == {}
    assert objects({"a": 1}) == []
    assert objects([1, {"a": 1}, None]) == [{"a": 1}]
    assert [whole(value) for value in (3, 0, -1, True, "3", 3.5, None)] == [3, 0, *[None] * 5]


@pytest.mark.parametrize("value", ["", None, True, 1.5, {}, "a b", "<script>", "a" * 257, "ä", "1\n"])
def test_what_cannot_be_an_id_is_not_taken_for_one(value):
    assert an_id(value) is None


def test_an_id_is_a_word_or_a_number():
    assert an_id("urn:li:share:7") == "urn:li:share:7"
    assert an_id(42) == "42"


def test_a_channels_words_come_in_one_line_and_bounded():
    assert clean("one\ntwo\x00\u202e") == "one two  "
    assert len(clean("a" * 1000)) == 300
    assert clean(None) == ""


def test_never_sent_is_known_and_a_lost_answer_is_not():
    assert unheard(NOBODY_THERE) == Unavailable("not_reached", "connection refused")
    assert unheard(NOTHING_CAME) == Unclear("no_answer", "connection reset")
    assert unheard(Said(500)) is None
