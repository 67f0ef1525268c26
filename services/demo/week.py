"""A week as a file: one object a line, each with the instant at which it happens (`deploy/examples/week.jsonl`).

{"at", "post": <CloudEvent>, "ends": <status, or "parked">, "code"?}   Production approves a post
{"at", "channel", "weather": {...}}                                   something goes wrong outside
{"at", "do": {"method", "path", "body"?, "expect"?}}                  a person asks the house for something
{"at", "connect": {"account", "channel"}}                             a person connects a channel
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError

from services.gateway.times import Moment

Ends = Literal[
    "awaiting_approval", "pending", "scheduled", "published", "failed", "cancelled", "rejected", "parked"
]  # S23, and what never became a post


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    at: Moment


class Approved(_Line):
    post: Any
    ends: Ends
    code: str | None = None

    @property
    def story(self) -> str | None:
        """`<account>.<post>`; None when the message is too broken to have one."""
        data = self.post.get("data") if isinstance(self.post, dict) else None
        if not isinstance(data, dict) or "account" not in data or "post" not in data:
            return None
        return f"{data['account']}.{data['post']}"

    @property
    def channel(self) -> str | None:
        data = self.post.get("data") if isinstance(self.post, dict) else None
        return data.get("channel") if isinstance(data, dict) else None

    @property
    def text(self) -> str:
        data = self.post.get("data") if isinstance(self.post, dict) else None
        return str(data.get("text", "")) if isinstance(data, dict) else ""


class Weather(_Line):
    channel: str
    weather: dict[str, Any]


def _with_a_slash(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("begin it with a slash, as in /v1/posts")
    return path


class Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, AfterValidator(_with_a_slash)]
    body: Any = None
    expect: int = 200


class Do(_Line):
    do: Request


class ConnectTo(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    account: str
    channel: str


class Connect(_Line):
    connect: ConnectTo


Line = Approved | Weather | Do | Connect
_KINDS = ("post", "weather", "do", "connect")


def _kind(line: Any) -> str | None:
    """Which of the four it means to be, so that what is wrong with it is said of that one."""
    return next((kind for kind in _KINDS if isinstance(line, dict) and kind in line), None)


_LINE: TypeAdapter[Line] = TypeAdapter(
    Annotated[
        Annotated[Approved, Tag("post")]
        | Annotated[Weather, Tag("weather")]
        | Annotated[Do, Tag("do")]
        | Annotated[Connect, Tag("connect")],
        Discriminator(
            _kind, custom_error_type="no_kind", custom_error_message="it has none of post, weather, do and connect"
        ),
    ]
)


def edited(lines: Sequence[Line]) -> dict[str, str]:
    """The text a person has given a post later in the file, by story: that is what shall be found outside."""
    edits = (line.do for line in lines if isinstance(line, Do) and line.do.method == "PATCH")
    return {
        edit.path.removeprefix("/v1/posts/"): str(edit.body["text"])
        for edit in edits
        if edit.path.startswith("/v1/posts/") and isinstance(edit.body, dict) and "text" in edit.body
    }


class WeekUnreadable(Exception):
    """A line of the file is not one of the four kinds; names the line and the mend."""


def read(path: Path) -> list[Line]:
    """The lines in the order they happen; lines of one instant keep the file's order."""
    lines = sorted(_lines(path), key=_at)
    if not lines:
        raise WeekUnreadable(f"{path} holds no line; deploy/examples/week.jsonl shows what one looks like")
    return lines


def _at(line: Line) -> datetime:
    return line.at


def _lines(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise WeekUnreadable(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WeekUnreadable(f"{path} is no text: byte {error.start + 1} of it is not UTF-8") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _LINE.validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][1:])
            said = first["msg"].removeprefix("Value error, ")
            raise WeekUnreadable(
                f"{path} line {number}: {where + ': ' if where else ''}{said}; correct this line"
            ) from error
