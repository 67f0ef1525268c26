"""A told fact as the world outside reads it: a CloudEvent 1.0 in structured JSON.

What CloudEvents has no attribute for travels as extension attributes. Numbers in them are decimal text, because a
CloudEvents integer ends at 32 bits and a log does not (S45).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from events.envelope import Told
from events.subjects import name_of

SOURCE: Final = "/distribution/"


def cloud_event(told: Told) -> dict[str, Any]:
    """Plain data, ready for any JSON writer."""
    event: dict[str, Any] = orjson.loads(on_the_wire(told))
    return event


def on_the_wire(told: Told) -> bytes:
    """One dump, the fact's own JSON laid in as it is."""
    fact: Any = told.fact
    data = orjson.Fragment(fact.__pydantic_serializer__.to_json(fact))
    return orjson.dumps({**_attributes(told), "data": data}, option=orjson.OPT_UTC_Z)


def without_data(told: Told) -> bytes:
    """All but the fact itself, for one that no broker would carry: whoever hears so asks the log for it (D14)."""
    return orjson.dumps({**_attributes(told), "datatoolarge": "true"}, option=orjson.OPT_UTC_Z)


def place_of(body: bytes) -> tuple[int, str] | None:
    """The position and the id an event claims to have in the log; None when it is none of ours."""
    try:
        event = orjson.loads(body)
        return int(event["position"]), str(event["id"])
    except (ValueError, KeyError, TypeError):
        return None


def _attributes(told: Told) -> dict[str, Any]:
    """An attribute that says nothing is left out, as CloudEvents has it."""
    about, fact = told.about, told.fact
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": told.id,
        "source": SOURCE + fact.type.partition(".")[0],
        "type": fact.type,
        "subject": about.story or name_of(told.stream),
        "time": _utc(about.happened_at),
        "recordedat": _utc(told.recorded_at),
        "datacontenttype": "application/json",
        "position": str(told.position),
        "stream": told.stream,
        "streamversion": str(told.version),
        "actor": about.actor,
        "shape": str(fact.shape),
    }
    if about.story:
        attributes["story"] = about.story
    if about.cause:
        attributes["cause"] = about.cause
    if about.account:
        attributes["account"] = about.account
    if about.channel:
        attributes["channel"] = about.channel
    return attributes


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
