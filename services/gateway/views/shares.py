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
from services.gateway.views.every import called
from services.gateway.views.refolding import PAGE, Refolded, Share

ROWS, STOPPED, DONE = b"r", b"s", b"d"
"""Kinds of answers: a view's name and some of its rows; why there will be no more; that there are no more."""
HEAD: Final = struct.Struct(">cI")
"""Before each answer: its kind, and how many bytes it has."""
ROWS_AT_ONCE: Final = 2048
NICE: Final = 5

log = structlog.get_logger("views")


class Asked(NamedTuple):
    """`log` is its address, `views` are names."""

    log: str
    views: Sequence[str]
    upto: int
    number: int
    of: int


def fold_share(asked: Asked, answers: IO[bytes]) -> None:
    refolded = Refolded([called(name) for name in asked.views], Share(asked.number, asked.of))
    with read_only(asked.log) as pages:
        while refolded.position < asked.upto and refolded.views:
            size = min(PAGE, asked.upto - refolded.position)
            refolded.take(pages(refolded.position, size, refolded.unheard), asked.upto)
    for part in refolded.parts(ROWS_AT_ONCE):
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
