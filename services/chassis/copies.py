"""A line of the log as its copy on the wire, without looking into the fact: it goes out as it was written.

A shape older than today's is read and written anew, because the world outside is promised today's shape alone; one
that this release does not know stops whoever copies (I9).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from events.subjects import feed_subject
from events.upcasts import class_and_shape
from events.wire import Place, data_of, event
from services.chassis.codec import Line, decode, opened


class Copy(NamedTuple):
    """`type` and `id` are the fact's; `body` is its CloudEvent."""

    id: str
    type: str
    subject: str
    body: bytes


_known = lru_cache(class_and_shape)


def copy_of(line: Line, *, bytes_max: int) -> Copy:
    """One that would be larger than `bytes_max` goes without its data, and says so (D14)."""
    fact, shape = _known(line.topic)
    about, data = opened(line.state)
    if shape != fact.shape:
        data = data_of(decode(*line).fact)
    # What is written ends in +00:00; outside it ends in Z, as everybody else writes it.
    for time in ("happened_at", "recorded_at"):
        about[time] = about[time].replace("+00:00", "Z")
    place = Place(line.stream, line.version, line.position, fact.type, fact.shape)
    body = event(about, place, data)
    if len(body) > bytes_max:
        body = event(about, place, None)
    return Copy(about["id"], fact.type, feed_subject(fact.type, about["channel"]), body)
