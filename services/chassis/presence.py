"""Services in processes of their own say every few seconds that they are at work, where the others can read it (I14).

It is written as a fact would be, so whoever cannot write does not count as being at work either.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from services.chassis.rows import HOUSE, Pick, Put
from services.chassis.service import Chassis
from services.chassis.settings import SERVICES
from services.chassis.store import Append, Store, StoreError

SAID_EVERY_S: Final = 5.0
SILENT_AFTER: Final = timedelta(seconds=20)
"""Three times it may have said nothing: a database that is away for a moment is no news."""
_NAME: Final = "at work: "


class Presence:
    """A `Part`: this service is at work. Real seconds, by the database's clock as leases are."""

    def __init__(self, chassis: Chassis, service: str) -> None:
        self._store, self._now, self._service = chassis.store, chassis.leases, service

    async def run(self) -> None:
        while True:
            try:
                row = {"name": _NAME + self._service, "body": self._now().isoformat()}
                await self._store.append(Append(rows=[Put(HOUSE, row)]))
            except (StoreError, OSError):
                pass  # the parts that need the store say so; silence is what tells the others
            await asyncio.sleep(SAID_EVERY_S)

    async def in_flight(self) -> str | None:
        return None


async def absent(store: Store, now: datetime) -> list[str]:
    """Every service that nobody is at work as, and since when; a sentence each."""
    rows = {str(row["name"]): datetime.fromisoformat(str(row["body"])) for row in await store.pick(
        Pick(HOUSE, since={"name": _NAME}, upto={"name": _NAME + "~"}))}  # fmt: skip
    return [sentence for service in SERVICES if (sentence := _absence(service, rows.get(_NAME + service), now))]


def _absence(service: str, said: datetime | None, now: datetime) -> str | None:
    start = f"start one with `distribution run {service}`"
    if said is None:
        return f"no {service} has been at work: {start}"
    if now - said <= SILENT_AFTER:
        return None
    return f"no {service} has written that it is at work since {said:%F %T}: {start}, or see what keeps it from the log"
