"""Durable "wake me at": a row set in the transaction of its fact, claimed under a lease, rung when it is due (D8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from services.chassis.rows import ALARM, Drop, Put


def set_alarm(service: str, name: str, due_at: datetime, ring: dict[str, Any]) -> Put:
    """One alarm per (service, name): setting it again moves it. `ring` is JSON data; `ring["ring"]` names the ring."""
    row = {"service": service, "name": name, "due_at": due_at, "ring": orjson.dumps(ring).decode()}
    return Put(ALARM, row)


def clear_alarm(service: str, name: str) -> Drop:
    return Drop(ALARM, {"service": service, "name": name})
