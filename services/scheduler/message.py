"""Production's message as it arrives: read strictly, or a reason an operator can read and mend (S2). Pure.

JSON has corners where two readers disagree: a key twice, NaN, half a surrogate, a thousand brackets. Whatever is in
one of them is not taken in, so that what is stored is what every reader will read (A25).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from pydantic import ValidationError

from events import PostApproved, PostApprovedMessage
from events.channels import CHANNELS, account_of, channel_of
from events.twice import twice

BYTES_MAX = 256 * 1024
"""S2a: a message over 256 kB is oversize."""
DEPTH_MAX = 32
DIGITS_MAX = 4300
"""So many digits Python reads; it takes ever longer for each."""
AHEAD_MAX = timedelta(days=5 * 366)
"""Nobody plans further ahead: a time beyond it is a slip of the keyboard."""

Code = Literal["oversize", "not_json", "not_an_event", "invalid", "unknown_account", "unknown_channel",
               "ambiguous_connection", "changed"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a message cannot become a post. `account` is known when the rest of the message could be read."""

    code: Code
    reason: str
    account: str | None = None


@dataclass(frozen=True)
class Letter:
    """A message that can be read: the approved post, and the id of the event that carried it."""

    id: str
    approved: PostApproved

    @cached_property
    def story(self) -> str:
        return f"{self.approved.account}.{self.approved.post}"


class _Bad(Exception):
    """JSON that some reader would read differently."""


def read_message(body: bytes, *, now: datetime) -> Letter | Unfit:
    if len(body) > BYTES_MAX:
        return Unfit("oversize", f"The message has {len(body):,} bytes; at most {BYTES_MAX:,} are taken in. Shorten "
                     "text, or link what is long.")  # fmt: skip
    return read_quickly(body) or read_strictly(body, now=now)


_NAME = re.compile(rb'"\s*:')
"""Behind each name of a field stands this; inside a text it may stand too, but no name stands without it."""


def read_quickly(body: bytes) -> Letter | None:
    """The plain messages, which nearly all are, in one go; None for whatever needs a closer look."""
    try:
        message = PostApprovedMessage.model_validate_json(body)
    except ValidationError:
        return None
    approved = message.data
    if approved.not_before or approved.exactly_at or approved.connection or approved.channel not in CHANNELS:
        return None
    if message.time is not None and message.time.tzinfo is None:
        return None
    fields = sum(len(each.model_fields_set) for each in (message, approved, *approved.media))
    # With as many names as there are fields, none of them can stand there twice.
    return Letter(message.id, approved) if len(_NAME.findall(body)) == fields else None


def read_strictly(body: bytes, *, now: datetime) -> Letter | Unfit:
    try:
        found = _json(body)
    except _Bad as bad:
        return Unfit("not_json", f"The body is no JSON that every reader reads alike: {bad}.")
    if not isinstance(found, dict):
        return Unfit("not_an_event", "The body is not a JSON object; send a CloudEvent in structured JSON.")
    data = found.get("data")
    if isinstance(data, dict) and isinstance(channel := data.get("channel"), str) and channel not in CHANNELS:
        return Unfit("unknown_channel", f"data.channel is {_shown(channel)}; it must be one of {', '.join(CHANNELS)}.")
    try:
        message = PostApprovedMessage.model_validate(found)
    except ValidationError as wrong:
        return _unfit(wrong)
    return _checked(found, message, now)


def _checked(found: dict[str, Any], message: PostApprovedMessage, now: datetime) -> Letter | Unfit:
    """What the fields' own types do not say."""
    approved = message.data
    if message.time is not None and message.time.tzinfo is None:
        return Unfit("invalid", f"time is {found['time']}, which names no zone; write it with an offset, as in "
                     "2026-11-23T08:00:00Z.")  # fmt: skip
    for name in ("not_before", "exactly_at"):
        written, wanted = found["data"].get(name), getattr(approved, name)
        if written is not None and not isinstance(written, str):
            return Unfit("invalid", f"data.{name} is {_shown(written)}; write a time as text, as in "
                         "2026-11-23T08:00:00Z.")  # fmt: skip
        if wanted is not None and not -AHEAD_MAX < wanted - now < AHEAD_MAX:
            return Unfit("invalid", f"data.{name} is {written}, more than five years away; choose a nearer time.")
    named = approved.connection
    if named and (account_of(named), channel_of(named)) != (approved.account, approved.channel):
        return Unfit("invalid", f"data.connection is {named}, which is not {approved.channel} of {approved.account}; "
                     "name one of its own, or leave it out.")  # fmt: skip
    return Letter(message.id, approved)


# JSON that every reader reads alike.

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _json(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
            raise _Bad(f"it is nested more than {DEPTH_MAX} deep; flatten it")
        if text.startswith("\ufeff"):
            raise _Bad("it begins with a byte order mark; send UTF-8 without one")
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, parse_int=_whole)
        if _SURROGATE.search(body):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as bad:
        raise _Bad(f"byte {bad.start} is not UTF-8; send UTF-8") from bad
    except UnicodeEncodeError as bad:
        raise _Bad("it holds half a surrogate pair; send whole characters") from bad
    except ValueError as bad:
        raise _Bad(f"{bad}; mend it there") from bad
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Bad(f"{_shown(twice(name for name, _ in pairs)[0])} stands twice in one object; keep one")
    return found


def _whole(digits: str) -> int:
    if (count := len(digits.lstrip("-"))) > DIGITS_MAX:
        raise _Bad(f"a number in it has {count:,} digits; write one of at most {DIGITS_MAX:,}")
    return int(digits)


def _no_number(name: str) -> Any:
    raise _Bad(f"{name} is no JSON number; leave it out or write null")


def _depth(text: str) -> int:
    """How deep objects and arrays are nested; brackets inside strings do not count."""
    deepest = depth = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', text):
        depth += (mark in "{[") - (mark in "}]")
        deepest = max(deepest, depth)
    return deepest


# What is wrong, in words.


def _unfit(wrong: ValidationError) -> Unfit:
    errors = wrong.errors(include_url=False, include_context=False)
    code: Code = "invalid" if all(error["loc"][:1] == ("data",) and len(error["loc"]) > 1 for error in errors) \
        else "not_an_event"  # fmt: skip
    more = f" ({len(errors) - 3} more)" if len(errors) > 3 else ""
    return Unfit(code, "; ".join(_told(error) for error in errors[:3]) + f"{more}.")


def _told(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"{field} is missing; add it"
        case "extra_forbidden":
            return f"{field} is not a field of this message; take it out"
        case "timezone_aware":
            return f"{field} is {_shown(error['input'])}, which names no zone; write it with an offset, as in " \
                "2026-11-23T08:00:00Z"  # fmt: skip
        case "string_pattern_mismatch" if error["loc"] == (error["input"],):
            return f"{field} is no attribute of a CloudEvent: name it in lower-case letters and digits, or take it out"
        case "string_pattern_mismatch":
            return f"{field} is {_shown(error['input'])}; it must look like {error['msg'].split(' ', 5)[-1]}"
        case _:
            said = str(error["msg"]).removeprefix("Value error, ")
            return f"{field} is {_shown(error['input'])}: {said[:1].lower()}{said[1:]}"


def _shown(value: Any) -> str:
    """Bounded: the message's head is kept whole beside the reason."""
    shown = json.dumps(value, ensure_ascii=True, default=str)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
