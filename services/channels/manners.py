"""HTTP manners all channels share: what no answer means, how long to wait, and JSON that is never trusted. Pure.

Everything a channel sends is somebody else's input: it is bounded, its control characters go, and an id that does not
look like one is not taken (A29).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from events.channels import HOLD_MAX
from services.channels.adapter import Answer, GrantRefused, GrantUnclear
from services.channels.outcome import LookFailed, MeasureFailed, Unavailable, Unclear

BODY_MAX = 4 * 1024 * 1024
DETAIL_MAX = 300
ID_MAX = 256
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ID = re.compile(r"[A-Za-z0-9:._/-]+")


def parsed(answer: Answer) -> Any:
    """The body as JSON; None when it is not, or is larger than any honest answer."""
    if len(answer.body) > BODY_MAX:
        return None
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one: answers are read, never assumed."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def clean(text: object) -> str:
    """A channel's words, in one line and bounded."""
    return _CONTROL.sub(" ", str(text or ""))[:DETAIL_MAX]


def an_id(value: object) -> str | None:
    """A post's id as a channel gives it, or None for anything that cannot be one."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if text and len(text) <= ID_MAX and _ID.fullmatch(text) else None


def whole(value: object) -> int | None:
    """A counter, or None where the channel does not offer it, or tells of fewer than none: null is not 0 (S42)."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def unheard(answer: Answer) -> Unavailable | Unclear | None:
    """No answer at all: not reached is known, anything later is not (D10)."""
    if answer.status is not None:
        return None
    if not answer.sent:
        return Unavailable("not_reached", clean(answer.detail))
    return Unclear("no_answer", clean(answer.detail))


def after(answer: Answer, now: datetime) -> datetime | None:
    """`Retry-After` as seconds or as an HTTP date, within bounds; None when there is none that can be read."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
        return bounded(now + timedelta(seconds=int(value)), now)
    try:
        moment = parsedate_to_datetime(value)
        return bounded(moment if moment.tzinfo else moment.replace(tzinfo=UTC), now)
    except (TypeError, ValueError, OverflowError):
        return None


def bounded(moment: datetime, now: datetime) -> datetime:
    """Never before now, and a day away at most: whoever asks for a year is asked again tomorrow (F8)."""
    return min(max(moment.astimezone(UTC), now), now + HOLD_MAX)


def epoch(value: str | None) -> datetime | None:
    """Unix seconds in a header."""
    if not value or not re.fullmatch(r"\d{1,11}", value, re.ASCII):
        return None
    return datetime.fromtimestamp(int(value), UTC)


def not_proven(answer: Answer, code: str, detail: str) -> GrantRefused | GrantUnclear:
    """A check that proved nothing: only a no in the channel's own dialect is definite, a proxy's page is none (S12)."""
    said = clean(detail or answer.detail)
    if answer.status in (401, 403) and mapping(parsed(answer)):
        return GrantRefused(code, said)
    return GrantUnclear(code if answer.status is None or answer.status < 400 else f"http_{answer.status}", said)


def look_failed(answer: Answer, code: str, *, until: datetime | None = None, detail: str = "") -> LookFailed:
    return LookFailed(code, clean(detail or answer.detail), answer.status, until, auth=answer.status == 401)


def measure_failed(answer: Answer, code: str, *, until: datetime | None = None, detail: str = "") -> MeasureFailed:
    return MeasureFailed(code, clean(detail or answer.detail), answer.status, until, auth=answer.status == 401)
