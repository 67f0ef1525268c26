"""One person's or program's way to a running house: its address, its key, and how an answer is shown.

JSON alone goes to stdout; progress and errors go to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 partly.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import quote

import typer

FAILED, USAGE, PARTLY = 1, 2, 3
NOT_FOUND = 404
ANSWER_S = 60
WIDTH_MAX = 1000
Output = Annotated[Literal["text", "json"], typer.Option("--output", help="text or json")]
_ONE_WORD = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """Text of others shown in a terminal: escapes and direction tricks are taken out (A26)."""
    return _CONTROL.sub("", str(text))


def say(text: str) -> None:
    """One line of progress, on stderr."""
    typer.echo(clean(text), err=True)


def fail(text: str, code: int = FAILED) -> NoReturn:
    say(text)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def complaint(self) -> str:
        return self.complaint_about({})

    def complaint_about(self, typed: Mapping[str, str]) -> str:
        """`typed` are the options of those fields that are called otherwise on the command line."""
        if not isinstance(self.body, dict):
            return f"the house answered {self.status}"
        code, detail = self.body.get("code", self.status), self.body.get("detail") or self.body.get("title", "")
        field, colon, rest = str(detail).partition(": ")
        return f"{code}: {typed.get(field, field)}{colon}{rest}"


@dataclass(frozen=True, slots=True)
class House:
    """Where a running house answers, and the key it is asked with."""

    address: str
    key: str = field(repr=False)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> Reply:
        return asyncio.run(self._call(method, path, body, params, version))

    async def _call(
        self, method: str, path: str, body: Any, params: Mapping[str, Any] | None, version: str | None
    ) -> Reply:
        headers = {"Authorization": f"Bearer {self.key}"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if version is not None:
            headers["If-Match"] = version
        asked = {name: str(value) for name, value in (params or {}).items() if value is not None}
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
                session.request(method, self.address + path, json=body, params=asked, headers=headers) as answer,
            ):
                return Reply(answer.status, _read(await answer.read()), dict(answer.headers))
        except TimeoutError:
            fail(
                f"the house at {self.address} has not answered in {ANSWER_S} seconds; `distribution doctor` looks at it"
            )
        except aiohttp.ClientError as error:
            fail(f"the house at {self.address} does not answer ({error}); start it with `make up`")


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def house() -> House:
    """The house of `DISTRIBUTION_API` and `DISTRIBUTION_KEY`, else the one whose `up.json` lies in the data folder."""
    address, key = os.environ.get("DISTRIBUTION_API"), os.environ.get("DISTRIBUTION_KEY")
    if address and key:
        if not _ONE_WORD.fullmatch(key):
            fail(
                "DISTRIBUTION_KEY is no key: a line break, a space or the like is in it; set it to the key alone", USAGE
            )
        return House(address.rstrip("/"), key)
    otherwise = "set DISTRIBUTION_API and _KEY"
    return House(noted("page", otherwise).rstrip("/"), noted("api_key", otherwise))


def noted(word: str, otherwise: str) -> str:
    """What the running house says of itself in `up.json`; where there is none, `otherwise` helps as well."""
    note = Path(os.environ.get("DISTRIBUTION_DATA_DIR", "var")) / "up.json"
    try:
        up = json.loads(note.read_text())
    except FileNotFoundError:
        fail(f"no running house found: {note} is not there. Start one with `make up`, or {otherwise}")
    except OSError as error:
        fail(f"{note} cannot be read ({error.strerror}): ask whoever runs the house for a key, and {otherwise}")
    except ValueError:
        up = None
    found = up.get(word) if isinstance(up, dict) else None
    if not isinstance(found, str):
        fail(f"{note} is not as a running house writes it: start the house again with `make up`, or {otherwise}")
    return found


def bytes_of(file: Path) -> bytes:
    """What is in a file that somebody has named."""
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", USAGE)


def text_of(file: Path) -> str:
    """What somebody has written into a file."""
    try:
        return bytes_of(file).decode("utf-8")
    except UnicodeDecodeError as error:
        fail(f"{file} is no text: byte {error.start + 1} of it is not UTF-8", USAGE)


def named(name: str) -> str:
    """A name as somebody typed it; what cannot be one would lead to another address."""
    if not name.strip():
        fail("an empty name names nothing; write which one is meant", USAGE)
    if "/" in name or name in (".", ".."):
        fail(f"{name} is no name: none has a slash in it or consists of dots", USAGE)
    return name


def address(template: str, *names: str) -> str:
    """The address of what these names name: each stays one part of it, whatever is in it."""
    return template.format(*(quote(named(name), safe="") for name in names))


def get(path: str, *, typed: Mapping[str, str] | None = None, **params: Any) -> Any:
    """What the house answers to a question; a no ends the command with its reason."""
    reply = house().call("GET", path, params=params)
    return reply.body if reply.ok else fail(reply.complaint_about(typed or {}))


def change(method: str, path: str, body: Any = None, version: str | None = None) -> Any:
    """Ask for a change; 202 is said to be only asked."""
    reply = house().call(method, path, body=body, version=version)
    if not reply.ok:
        fail(reply.complaint)
    if reply.status == 202:
        say("asked; not yet decided")
    return reply.body


def show(body: Any, output: str, columns: Sequence[str] = ()) -> None:
    """The answer as JSON, or as a table or list for people."""
    if output == "json":
        typer.echo(json.dumps(body, indent=1, ensure_ascii=False))
        return
    items = body.get("items") if isinstance(body, dict) else body
    if isinstance(items, list) and columns:
        table(items, columns)
    elif isinstance(body, dict):
        for name, value in body.items():
            typer.echo(f"{name}: {clean(_worded(value))}".rstrip())
    else:
        typer.echo(clean(body))


def table(items: Sequence[Any], columns: Sequence[str], *, header: bool = True) -> None:
    """A row an item; a file or another program gets every cell whole, a terminal has a width."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(*columns, box=None, pad_edge=False, show_header=header)
    for item in items:
        shown.add_row(*(clean(_cell(item, column)) for column in columns))
    Console(width=None if sys.stdout.isatty() else WIDTH_MAX, markup=False).print(shown)


def _cell(item: Any, column: str) -> str:
    return _worded(item.get(column) if isinstance(item, dict) else item)


def _worded(value: Any) -> str:
    """A problem by its reason, what is not there as nothing, everything else as JSON has it."""
    if isinstance(value, dict) and "detail" in value:
        return f"{value.get('code', 'refused')}: {value['detail']}"
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)
