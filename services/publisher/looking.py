"""One look on a channel for an attempt nobody has settled. It makes nothing visible, so it needs no line (D10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.channels.outcome import Found
from services.chassis.quarantine import Remembered, Restored
from services.chassis.rows import LOOKING, Drop, Row
from services.chassis.store import Append, Conflict, Store
from services.publisher import delivery, settling
from services.publisher.case import Case, read_case
from services.publisher.consequences import consequences, look_alarm
from services.publisher.live import others_since
from services.publisher.outside import Outside
from services.publisher.recovering import may_look_at


@dataclass(frozen=True, slots=True)
class Looking:
    store: Store
    outside: Outside
    clock: Any
    new_id: Callable[[], str]
    life: timedelta
    remembered: Remembered

    async def at(self, row: Row, lanes: asyncio.Semaphore) -> None:
        async with lanes:
            await self._at(str(row["story"]))

    async def _at(self, story: str) -> None:
        case = await self._settled_enough(story)
        if case is None or case.attempt is None:
            return
        started_at = case.attempt.about.happened_at
        others = await others_since(self.store, story, case.due.connection, started_at)
        wish = self.outside.wish(case, started_at=started_at, others=others)
        credential = await self.outside.open_credential(case.due.connection)
        version = credential.version if credential else 0
        look = await self.outside.find(case.due.connection, credential, wish, self.clock.now())
        while True:
            now = self.clock.now()
            facts = settling.look(case.state, due=case.due, look=look, credential_version=version, now=now)
            says = [case.say(facts, at=now, new_id=self.new_id)] if facts else []
            try:
                rows = [Drop(LOOKING, {"story": story}), *consequences(story, facts)]
                await self.store.append(Append(says, rows=rows))
                return
            except Conflict:
                # Somebody has moved on meanwhile. Only a find is news whenever it comes; two looks at once are one.
                again = await read_case(self.store, story)
                if again is None or not isinstance(look, Found):
                    return
                case = again

    def _not_too_early(self, case: Case, restored: Restored | None, now: datetime) -> delivery.Wait | None:
        """An attempt that was open when the log was restored may have been made again in what was forgotten (I27)."""
        if restored is None or case.attempt is None or case.attempt.position > restored.point:
            return None
        until = may_look_at(case.due.connection, life=self.life, restored=restored)
        return delivery.Wait(until) if now < until else None

    async def _settled_enough(self, story: str) -> Case | None:
        """The case when a look is the next step; an attempt left open by a crash is first said to be unclear (I12)."""
        while True:
            case, now = await read_case(self.store, story), self.clock.now()
            step = delivery.next_step(case.state, now) if case else delivery.Done()
            if case and isinstance(step, delivery.Look):
                step = self._not_too_early(case, await self.remembered(), now) or step
            try:
                if case is None or not isinstance(step, delivery.Look):
                    alarm = [look_alarm(story, step.until)] if isinstance(step, delivery.Wait) else []
                    await self.store.append(Append(rows=[Drop(LOOKING, {"story": story}), *alarm]))
                    return None
                facts = settling.abandoned(case.state, now=now)
                if not facts:
                    return case
                await self.store.append(Append([case.say(facts, at=now, new_id=self.new_id)]))
            except Conflict:
                continue
