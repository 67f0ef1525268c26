"""A fact as bytes in the log and back: one pydantic call each way, one JSON object around it (D6).

`recorded_at` stands first because the writer splices it in, under the append lock, into bytes made beforehand; the
fact stands last, so that whoever hands it on can take it out as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson

from events import About, Draft, Fact, Told
from events.envelope import Said
from events.upcasts import class_and_shape, read

_RECORDED = b'{"recorded_at":"'
_FACT = b',"fact":'

known = lru_cache(class_and_shape)
"""A log has a million facts and some sixty topics."""


class Line(NamedTuple):
    """One fact as it stands in the log, not looked into."""

    stream: str
    version: int
    position: int
    topic: str
    state: bytes


def encode(draft: Draft) -> bytes:
    """Everything of a draft but `recorded_at`."""
    about = draft.about
    fact: Any = draft.fact
    head = orjson.dumps(
        {
            "id": draft.id,
            "story": about.story,
            "cause": about.cause,
            "actor": about.actor,
            "account": about.account,
            "channel": about.channel,
            "happened_at": about.happened_at.astimezone(UTC),
        }
    )
    # Laid together by hand: handing orjson the fact as a fragment takes twice as long.
    return head[:-1] + _FACT + fact.__pydantic_serializer__.to_json(fact) + b"}"


def stamp(recorded_at: datetime) -> bytes:
    """What stands first in every fact that is written in one go."""
    return _RECORDED + recorded_at.astimezone(UTC).isoformat().encode() + b'",'


def splice(stamp: bytes, encoded: bytes) -> bytes:
    return stamp + encoded[1:]


def decode(stream: str, version: int, position: int, topic: str, state: bytes) -> Told:
    """What was written, in today's shape; raises UnknownShape for a topic this release does not know."""
    head, fact = _parted(state)
    return Told(stream, version, position, fact_of(topic, fact), partial(_said, head))


def _said(head: bytes) -> Said:
    said = orjson.loads(head)
    about = About(
        said["story"],
        said["actor"],
        datetime.fromisoformat(said["happened_at"]),
        said["cause"],
        said["account"],
        said["channel"],
    )
    return Said(said["id"], about, datetime.fromisoformat(said["recorded_at"]))


def fact_of(topic: str, data: bytes) -> Fact:
    """Today's shape is read in one call, an older one step by step."""
    fact, shape = known(topic)
    if shape == fact.shape:
        return fact.__pydantic_validator__.validate_json(data)
    return read(topic, orjson.loads(data))


def opened(state: bytes) -> tuple[dict[str, Any], bytes]:
    """What was said about the fact, and the fact's own JSON as it is: no text can hold that key with bare quotes."""
    head, fact = _parted(state)
    return orjson.loads(head), fact


def _parted(state: bytes) -> tuple[bytes, bytes]:
    head, _, fact = bytes(state).partition(_FACT)
    return head + b"}", fact[:-1]


def recorded_at(head: bytes) -> datetime:
    """The time that was spliced in, from no more than the first bytes of what was written."""
    return datetime.fromisoformat(head.removeprefix(_RECORDED).partition(b'"')[0].decode())


def id_of(state: bytes) -> str:
    return str(orjson.loads(state)["id"])


def tell(draft: Draft, stream: str, version: int, position: int, recorded_at: datetime) -> Told:
    """A draft as it stands once written, without reading it back."""
    return Told(stream, version, position, draft.fact, Said(draft.id, draft.about, recorded_at))


def line_of(told: Told) -> Line:
    """As it would stand in the log."""
    state = splice(stamp(told.recorded_at), encode(Draft(told.id, told.fact, told.about)))
    return Line(told.stream, told.version, told.position, told.fact.topic(), state)
