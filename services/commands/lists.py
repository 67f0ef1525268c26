"""A list of the house, page after page to its end or as far as was asked; each page is shown as it comes (S24)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.client import fail, get, say, table

PAGE = 200
"""The most that one answer of the house holds."""
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="at most so many; every one where it is left out")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="go on where a shorter list has ended")]


def show_all(
    path: str,
    output: str,
    columns: Sequence[str],
    *,
    limit: int | None = None,
    cursor: str | None = None,
    typed: Mapping[str, str] | None = None,
    **params: Any,
) -> None:
    """The whole list, as one JSON object or one table; what a limit has left out is told on stderr."""
    pages = _pages(path, limit, cursor, {**params, "typed": typed})
    following = _as_json(pages) if output == "json" else _as_table(pages, columns)
    if following:
        say(f"there is more: leave --limit out, or go on with --cursor {following}")


def into_file(path: str, file: Path, params: dict[str, Any]) -> int:
    """How many there are: one a line, in a file that is there when all of it is."""
    part, written = file.with_name(file.name + ".part"), 0
    try:
        with part.open("w", encoding="utf-8") as out:
            for page in _pages(path, None, None, params):
                out.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in page["items"])
                written += len(page["items"])
                if page["next_cursor"]:
                    say(f"{written:,} written, up to {page['next_cursor']}")
        part.replace(file)
    except OSError as broken:
        fail(f"{file} cannot be written ({broken.strerror}); name a file in a folder of yours that has room")
    return written


def _pages(path: str, limit: int | None, cursor: str | None, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left = limit
    while True:
        page = get(path, limit=PAGE if left is None else min(PAGE, left), cursor=cursor, **params)
        yield page
        cursor = page["next_cursor"]
        left = None if left is None else left - len(page["items"])
        if not cursor or (left is not None and left <= 0):
            return


def _as_json(pages: Iterator[dict[str, Any]]) -> str | None:
    """One item a line. It begins with the first answer, so a no leaves stdout empty."""
    following, before = None, '{"items": ['
    for page in pages:
        following = page["next_cursor"]
        for item in page["items"]:
            typer.echo(f"{before}\n{json.dumps(item, ensure_ascii=False)}", nl=False)
            before = ","
    typer.echo(f'{before.removeprefix(",")}\n], "next_cursor": {json.dumps(following)}}}')
    return following


def _as_table(pages: Iterator[dict[str, Any]], columns: Sequence[str]) -> str | None:
    following = None
    for number, page in enumerate(pages):
        following = page["next_cursor"]
        table(page["items"], columns, header=number == 0)
    return following
