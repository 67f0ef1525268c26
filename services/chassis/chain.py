"""The tamper-evident chain: one link per commit, over the link before it and every byte of that commit's facts (I5).

A fact that is changed, missing, added or moved breaks the link that holds it, and with it the rest of the chain. What
was cut off at the end with its links is told by a head that was noted elsewhere: by a backup, a checkpoint, a person.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from services.chassis.codec import Line
from services.chassis.rows import CHAIN, Put

BEGINNING = bytes(32)
"""What the first link is chained to."""
_AROUND = struct.Struct(">QQIII")
"""Position and version, then how long stream, topic and state are: no two rows spell the same bytes."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last link: up to which position, and its hash."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


NO_HEAD = Head(0, BEGINNING)


class ChainBroken(Exception):
    """From `position` on this is not what was written."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.position, self.why = position, why


def linked(before: bytes, facts: Iterable[tuple[str, int, int, str, bytes]]) -> bytes:
    """The hash of one commit's facts, in the order of the log."""
    link = hashlib.sha256(before)
    for stream, version, position, topic, state in facts:
        name, kind = stream.encode(), topic.encode()
        link.update(_AROUND.pack(position, version, len(name), len(kind), len(state)))
        link.update(name + kind)
        link.update(state)
    return link.digest()


def link_row(position: int, link: bytes) -> Put:
    return Put(CHAIN, {"position": position, "hash": link}, over=False)


def head_of(found: tuple[Any, Any] | None) -> Head:
    return Head(int(found[0]), bytes(found[1])) if found else NO_HEAD


def walked(facts: Iterable[Line], links: Iterable[Head]) -> Iterator[Head]:
    """Every link that holds, one after the other; raises `ChainBroken` at the first that does not."""
    coming = iter(facts)
    waiting = next(coming, None)
    before = NO_HEAD
    for link in links:
        held: list[Line] = []
        while waiting is not None and waiting.position <= link.position:
            held.append(_whole(waiting))
            waiting = next(coming, None)
        _holds(before, link, held)
        before = link
        yield link
    if waiting is not None:
        raise ChainBroken(waiting.position, f"the chain ends at {before.position}, and no link holds fact "
                                            f"{waiting.position}")  # fmt: skip


def _holds(before: Head, link: Head, held: list[Line]) -> None:
    first = before.position + 1
    if not held or held[-1].position != link.position:
        raise ChainBroken(first, f"fact {link.position} is missing")
    if linked(before.hash, held) != link.hash:
        span = f"fact {first}" if first == link.position else f"one of the facts {first} to {link.position}"
        raise ChainBroken(first, f"{span} is missing or not as it was written, or their link is not")


def _whole(line: Line) -> Line:
    """SQLite keeps any kind of value in any column; a fact whose kinds have changed is a changed fact."""
    kinds = [str, int, int, str, bytes]
    if [type(value) for value in line] != kinds or min(line.version, line.position) < 1:
        position = line.position if isinstance(line.position, int) else 0
        raise ChainBroken(position, f"fact {position} holds a value of another kind than was written")
    return line


def looked_for(head: Head | None, links: Iterable[Head]) -> Iterator[Head]:
    """The same links; raises `ChainBroken` when they end without the head that was noted elsewhere."""
    found = head is None or head == NO_HEAD
    last = NO_HEAD
    for last in links:
        if head is not None and last.position == head.position:
            if last.hash != head.hash:
                raise ChainBroken(head.position, f"the log forked at or before {head.position}: this is another one "
                                                 f"than the head {head} was noted of")  # fmt: skip
            found = True
        yield last
    if not found and head is not None:
        at = min(head.position, last.position + 1)
        why = f"the log ends at {last.position}" if head.position > last.position else "no commit ends there"
        raise ChainBroken(at, f"the log does not hold the head {head}: {why}; it was cut, restored or forked")
