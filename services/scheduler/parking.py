"""Messages that cannot become posts: kept whole, with a reason, until somebody redrives or discards them (S2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from events import About, Draft, MessageParked
from events.subjects import account_stream, parked_stream
from services.chassis.clock import Clock
from services.chassis.rows import PARKED_BODY, Put, Write
from services.chassis.store import Append, Say, Store, StreamMoved
from services.scheduler.case import ACTOR
from services.scheduler.message import Unfit
from services.scheduler.waiting import call_redrive, wait

HEAD_BYTES = 4096
AGAIN_AFTER = timedelta(minutes=1)
"""S2a: an unknown account may be on its way; after that only its own appearance is waited for."""


class Parking:
    def __init__(self, store: Store, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store, self._clock, self._new_id = store, clock, new_id

    async def park(self, body: bytes, subject: str, unfit: Unfit, *, account_version: int | None = None) -> None:
        """The same body again is silence. A reason that names the account holds only as long as the account stands."""
        stream, now = parked_stream(body), self._clock.now()
        fact = MessageParked(
            code=unfit.code,
            reason=unfit.reason,
            head=body[:HEAD_BYTES].decode("utf-8", "replace"),
            bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            subject=subject,
        )
        rows: list[Write] = [Put(PARKED_BODY, {"id": stream, "body": body, "subject": subject})]
        if unfit.code == "unknown_account" and unfit.account:
            turn = await self._store.position() + 1
            rows.append(wait(unfit.account, stream, turn=turn, waits_for="account"))
            rows.append(call_redrive(stream, now + AGAIN_AFTER))
        known = unfit.account if unfit.code != "unknown_account" else None
        about = About(stream, ACTOR, now, account=known)
        still = {} if account_version is None else {account_stream(unfit.account or ""): account_version}
        try:
            await self._store.append(Append([Say(stream, 0, [Draft(self._new_id(), fact, about)])], still, rows=rows))
        except StreamMoved as moved:
            if moved.stream != stream:
                raise
