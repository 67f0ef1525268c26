"""Sheets into HTML: the templates, the few words they use, and the headers every sheet has."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.gateway.guards import CSP
from services.gateway.problems import Problem
from services.gateway.views.showing import DISPLAY
from services.gateway.views.words import day
from services.planning.zones import zone_called

HERE: Final = Path(__file__).parent
GLYPHS: Final = {"linkedin": "in", "x": "X", "facebook": "f", "instagram": "ig", "tiktok": "tt", "youtube": "yt",
                 "pinterest": "p", "blog": "b"}  # fmt: skip
WORDS: Final = {"needs_you": "Needs you", "awaiting_approval": "Awaiting approval", "waiting": "Waiting",
                "coming_up": "Coming up", "over": "Done"}  # fmt: skip
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": f"{CSP}; require-trusted-types-for 'script'; trusted-types default",
}
"""Beside what every answer says: what comes in becomes part of the page by one way alone, and never a script (A5)."""


def words(name: str) -> str:
    """`outcome_unknown` as people read it."""
    return name.replace("_", " ")


def moment(instant: str, zone: str, form: str = "%a %-d %b, %H:%M") -> str:
    """An instant on the wall clock of a zone."""
    return datetime.fromisoformat(instant).astimezone(zone_called(zone)).strftime(form)


def excerpt(text: str, most: int = 110) -> str:
    """The beginning of a text on one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    return line[: most + 1].rsplit(" ", 1)[0].rstrip(",.;:–-") + " …"


def web(address: str | None) -> str | None:
    """An address that may be followed: a channel's answer is not believed further than that (A29)."""
    return address if address and address.startswith(("https://", "http://")) else None


def number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"words": words, "moment": moment, "excerpt": excerpt, "day": day, "number": number, "web": web}
    made.globals |= {"glyphs": GLYPHS, "display": DISPLAY, "titles": WORDS}
    return made


TEMPLATES: Final = _environment()


def is_part(request: Request) -> bool:
    """The page itself asks for a part of itself; otherwise a browser asks for a whole sheet."""
    return request.headers.get("hx-request") == "true"


def sheet(request: Request, name: str, *, status: int = 200, **shown: Any) -> Response:
    html = TEMPLATES.get_template(name).render(path=request.url.path, query=request.url.query, **shown)
    return HTMLResponse(html, status, HEADERS)


def to_login(request: Request) -> Response:
    """Whoever is not signed in goes to the door; a part of the page sends the whole of it there."""
    if is_part(request):
        return Response(status_code=401, headers={"hx-redirect": "/login", **HEADERS})
    return Response(status_code=303, headers={"location": "/login", **HEADERS})


def refused(request: Request, problem: Problem) -> Response:
    """A no, in the place where something was asked, or as a sheet of its own."""
    body = problem.body()
    if is_part(request):
        return HTMLResponse(TEMPLATES.get_template("_said.html").render(good=False, text=body["detail"]),
                            problem.status, HEADERS)  # fmt: skip
    return sheet(request, "problem.html", status=problem.status, problem=body)


def said(text: str) -> Response:
    """What became of an action, in the line that is read aloud."""
    return HTMLResponse(TEMPLATES.get_template("_said.html").render(good=True, text=text), 200, HEADERS)


def told(text: str, *, undo: str | None, post: str) -> Response:
    """The same, with the way back beside it; it stays until somebody has read it."""
    html = TEMPLATES.get_template("_moved.html").render(text=text, undo=undo, post=post)
    return HTMLResponse(html, 200, HEADERS)


class Static:
    """The files beside the templates, read once: nothing else can be asked for."""

    def __init__(self, folder: Path = HERE / "static") -> None:
        self._files: Mapping[str, tuple[bytes, str, str]] = {
            path.relative_to(folder).as_posix(): _file(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }

    def answer(self, name: str, seen: str | None) -> Response | None:
        """A browser keeps a file and asks whether it is still the same."""
        if name not in self._files:
            return None
        body, kind, tag = self._files[name]
        headers = {"etag": tag, "cache-control": "no-cache"}
        if seen == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)


def _file(path: Path) -> tuple[bytes, str, str]:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "text/plain"
    return body, kind, f'"{hashlib.sha256(body).hexdigest()[:16]}"'
