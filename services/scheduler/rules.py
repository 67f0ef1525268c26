"""Zones have other rules than when the queue was planned: a new `tzdata` came with this release (S19).

Asked once at a start, when the edition differs from the one noted: page by page through everything that has a slot, and
each connection that has one whose instant no longer shows its wall clock keeps the wall clock, and says what moved.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import structlog

from events import AccountDocument
from events.channels import account_of
from events.subjects import account_stream
from services.chassis.clock import Clock
from services.chassis.rows import HOUSE, Pick, Put, Row, Write
from services.chassis.store import Append, Store
from services.planning.rezoning import off
from services.planning.terms import terms_of
from services.planning.zones import edition
from services.scheduler.case import Case, read_case
from services.scheduler.grounds import document_of
from services.scheduler.replanning import may_move
from services.scheduler.waiting import call_for_replan, call_for_rules, queue_from

PAGE = 500
NOTED = "zone rules"
"""The row in which the edition stands by whose rules every slot was last looked at."""

log = structlog.get_logger("scheduler")


class Rules:
    """A part of the scheduler: calls for the look, once, and is done."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def run(self) -> None:
        if await noted(self._store) != edition():
            await self._store.append(Append(rows=[call_for_rules(self._clock.now())]))

    async def in_flight(self) -> str | None:
        return None

    async def look(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """One page; the next one is called for with it, so that a restart goes on where this one ended."""
        now = self._clock.now()
        page = await self._store.pick(queue_from(ring["after"], PAGE))
        stories = [str(orjson.loads(str(row["ring"]))["story"]) for row in page]
        cases = [case for case in await asyncio.gather(*(read_case(self._store, story) for story in stories)) if case]
        names = sorted({account_of(case.story) for case in cases})
        told = await self._store.read_all([account_stream(name) for name in names])
        documents = {name: document_of(each) for name, each in zip(names, told, strict=True)}
        moved = sorted({case.state.connection for case in cases if _moved(case, documents[account_of(case.story)])})
        if moved:
            log.warning("zones have other rules, and slots keep their wall clock", edition=edition(), connections=moved)
        rows: list[Write] = [call_for_replan(name, now, keep="rules", over=False) for name in moved]
        if len(page) < PAGE:
            return Append(rows=[*rows, note(edition())])
        return Append(rows=[*rows, call_for_rules(now, after=str(page[-1]["name"]))])


def _moved(case: Case, document: AccountDocument | None) -> bool:
    """A slot in another zone than the account's is being moved for that reason already."""
    place = case.state.place
    if document is None or place is None or not may_move(case) or place.slot.zone != document.zone:
        return False
    return off(place.slot, terms_of(case.state.connection, document))


async def noted(store: Store) -> str | None:
    rows = await store.pick(Pick(HOUSE, {"name": NOTED}))
    return str(orjson.loads(str(rows[0]["body"]))) if rows else None


def note(edition: str) -> Put:
    return Put(HOUSE, {"name": NOTED, "body": orjson.dumps(edition).decode()})
