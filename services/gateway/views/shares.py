"""A share of some views folded from the beginning of the log, in a process of its own; `beside.py` asks for it.

    what is asked, a line of JSON on stdin -> the log is read -> rows on stdout, and a last word

Rows go marshalled: both sides are the same interpreter, and nothing is faster. The process only reads the log and
writes nothing but its answer, gives way to the house that serves meanwhile, and ends with it.
"""

from __future__ import annotations

import json
import marshal
import os
import struct
import sys
from collections.abc import Sequence
from typing import IO, Any, Final, NamedTuple

import structlog

from services.chassis.opening import read_only
from services.chassis.pauses import search_seldom
from services.chassis.telemetry import start_logging
from services.gateway.views.every import VIEWS
from services.gateway.views.refolding import Refolded, Share
from services.gateway.views.view import View

ROWS, WORKING, STOPPED, DONE = b"r", b"w", b"s", b"d"
"""Kinds of answers: a view's name and some of its rows; that a page was folded; why there will be no more; that there
are no more."""
HEAD: Final = struct.Struct(">cI")
"""Before each answer: its kind, and how many bytes it has."""
NICE: Final = 5

log = structlog.get_logger("views")


class Asked(NamedTuple):
    """`log` is its address, `views` are their signs; so many facts are read and so many rows answered at a time."""

    log: str
    views: Sequence[str]
    upto: int
    page: int
    rows: int
    number: int
    of: int


class OfAnotherRelease(Exception):
    """The code on the disk is no longer that of the house that asks."""


def sign(view: View) -> str:
    """What both sides have to mean alike."""
    return ",".join([str(view.table.name), str(view.shape), *(str(column.name) for column in view.table.c)])


def _called(signs: Sequence[str]) -> list[View]:
    there = {sign(view): view for view in VIEWS}
    if others := [each.partition(",")[0] for each in signs if each not in there]:
        raise OfAnotherRelease(f"{', '.join(others)}: other code lies on the disk than the house runs; start it again")
    return [there[each] for each in signs]


def fold_share(asked: Asked, answers: IO[bytes]) -> None:
    refolded = Refolded(_called(asked.views), Share(asked.number, asked.of))
    with read_only(asked.log) as pages:
        while refolded.position < asked.upto and refolded.views:
            size = min(asked.page, asked.upto - refolded.position)
            if not refolded.take(pages(refolded.position, size, refolded.unheard), asked.upto):
                raise EOFError(f"the log ends before position {asked.upto}")
            _say(answers, WORKING)
    for part in refolded.parts(asked.rows):
        _say(answers, ROWS, marshal.dumps(part))
    _say(answers, DONE)


def _say(answers: IO[bytes], kind: bytes, body: bytes = b"") -> None:
    answers.write(HEAD.pack(kind, len(body)) + body)
    answers.flush()


def main() -> None:
    os.nice(NICE)
    start_logging(service="views")
    search_seldom()
    asked: Any = json.loads(sys.stdin.buffer.readline())
    # Whatever else is printed goes where errors go: it must not get between the rows.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        fold_share(Asked(**asked), answers)
    except BrokenPipeError:
        return  # nobody wants it any more
    except Exception as broken:
        log.exception("a share of the views could not be folded")
        _say(answers, STOPPED, f"{type(broken).__name__}: {broken}".encode())


if __name__ == "__main__":
    main()
