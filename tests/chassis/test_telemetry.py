"""What the house says of itself: without its secrets, and never at the price of its work."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog

from services.chassis.telemetry import start_logging


class Full(io.StringIO):
    """A file on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture
def logging():
    """As every process of the house sets it up; afterwards as it was."""
    start_logging("info", service="publisher")
    yield structlog.get_logger()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def said(monkeypatch, stderr=None):
    monkeypatch.setattr(sys, "stderr", stderr or io.StringIO())
    return sys.stderr


def test_a_line_is_json_and_says_which_service_speaks(logging, monkeypatch):
    heard = said(monkeypatch)
    logging.warning("publisher.lane_failed", story="acme.p1")
    line = json.loads(heard.getvalue())
    assert (line["event"], line["service"], line["level"], line["story"]) == (
        "publisher.lane_failed", "publisher", "warning", "acme.p1")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access_token", "abc"),
        ("header", "Bearer abcdefgh12345678"),
        ("headers", {"Authorization": "Basic dXNlcjpwYXNz"}),
        ("key", "dk_a1b4j2px_AAAAAQAAAAEAAAABAAAAAQAAAAEAAAABAAAAAQAAAAE"),
        ("deep", [{"refresh_token": "abc"}]),
    ],
)
def test_nothing_secret_is_in_a_line(logging, monkeypatch, name, value):
    """S9, A14."""
    heard = said(monkeypatch)
    logging.warning("egress.refused", **{name: value})
    for secret in ("abc", "dXNlcjpwYXNz", "AAAAAQ"):
        assert secret not in heard.getvalue()


def test_a_trace_is_kept_with_its_secrets_gone(logging, monkeypatch):
    heard = said(monkeypatch)
    try:
        raise ValueError("Bearer abcdefgh12345678 was refused")
    except ValueError:
        logging.exception("egress.refused")
    told = json.loads(heard.getvalue())["exception"]
    assert "ValueError" in told
    assert "abcdefgh" not in told


def test_no_line_is_two_lines_nor_moves_the_cursor(logging, monkeypatch):
    """A26: what a channel answers is shown on somebody's terminal."""
    heard = said(monkeypatch)
    logging.warning("answer", text="first\nsecond\x1b[2J\u202e")
    assert heard.getvalue().count("\n") == 1
    assert json.loads(heard.getvalue())["text"] == "first\nsecond[2J"


@pytest.mark.parametrize("kind", ["closed", "full", "gone"])
def test_a_log_that_cannot_be_written_stops_nothing(logging, monkeypatch, kind):
    """I28: stderr may go to a disk without room, or to somebody who has left."""
    broken = Full() if kind == "full" else io.StringIO()
    broken.close() if kind == "closed" else None
    monkeypatch.setattr(sys, "stderr", None if kind == "gone" else broken)
    logging.warning("relay.offer_failed")
    logging.warning("relay.offer_failed")


def test_it_is_written_again_once_it_can_be(logging, monkeypatch):
    said(monkeypatch, Full())
    logging.warning("first")
    heard = said(monkeypatch)
    logging.warning("second")
    assert json.loads(heard.getvalue())["event"] == "second"
