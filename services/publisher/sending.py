"""One claimed line and its first post: intent, call, outcome, and the line is free again (D9, D11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from events import AttemptStarted, CredentialRefused, Fact, LookedUp, RateLimited, Told
from events.subjects import connection_stream
from services.channels.adapter import Credential, Http
from services.channels.outcome import Outcome, Unclear
from services.chassis.alarms import set_alarm
from services.chassis.budget import booking
from services.chassis.clock import parted
from services.chassis.drain import Cut, Drain
from services.chassis.quarantine import Remembered, Restored
from services.chassis.rows import LINE, READY, Change, Pick, Put, Row, Write
from services.chassis.store import Append, Conflict, FenceLost, Say, Store, StoreError
from services.publisher import delivery, recovering, settling
from services.publisher.case import Case, read_case
from services.publisher.consequences import SERVICE, consequences, retry_alarm
from services.publisher.live import others_since
from services.publisher.outside import Outside
from services.publisher.turns import IN_ORDER, free, hold, leave

LOCKED_WAIT = timedelta(minutes=1)
"""How long a line waits whose credential could not be opened just now: no attempt was begun, so no try is used."""
STORE_AGAIN_S = 1.0

log = structlog.get_logger("sending")


@dataclass(frozen=True, slots=True)
class Sending:
    store: Store
    outside: Outside
    clock: Any
    new_id: Callable[[], str]
    life: timedelta
    remembered: Remembered
    drain: Drain = field(default_factory=Drain)

    async def first_of(self, line: Row, lanes: asyncio.Semaphore) -> None:
        """Take the line's first post as far as its next step leads, in a lane, then let the line go."""
        try:
            async with lanes:
                ready = await self._pick_ready(line)
                if not ready:
                    return await self._let_go(line, [], [])
                http = self.outside.http_for(str(line["connection"]))
                started = await self._begin(line, ready, http)
                if not started:
                    return None
                case, attempt, credential = started
                outcome = await self._call(http, case, attempt, credential)
            await self._end(line, ready, case.followed_by(attempt), attempt, outcome)
        except FenceLost:
            return None  # another lane has the line; an attempt of ours is found by its `look` alarm

    async def _call(self, http: Http, case: Case, attempt: Told, credential: Credential) -> Outcome:
        """The one call; cut short when its line is lost or we have to leave, and then nobody knows (I29)."""
        wish = self.outside.wish(case, started_at=attempt.about.happened_at, deadline=_deadline(attempt))
        try:
            with self.drain.call():
                return await self.outside.publish(http, credential, wish, self.clock.now())
        except Cut as cut:
            return Unclear("cut", str(cut))

    def _may_start(self) -> bool:
        """No process begins what it would have to cut, or what it does not know the time of (I22, I29)."""
        return not (self.drain.begun.is_set() or parted(self.clock))

    async def _begin(self, line: Row, ready: Sequence[Row], http: Http) -> tuple[Case, Told, Credential] | None:
        """AttemptStarted, durable and guarded by all it relies on; or None, with the line let go."""
        first, rest = ready[0], ready[1:]
        story, connection = str(first["story"]), str(first["connection"])
        credential = await self.outside.open_credential(connection)
        while True:
            case = await read_case(self.store, story)
            if case is None or case.standing is None:
                await self._let_go(line, [leave(story)], rest)
                return None
            restored = await self.remembered()
            unproven = recovering.unproven(case.told, connection=connection, taken_in_at=case.taken_in_at,
                                           restored=restored)  # fmt: skip
            facts = self._decide(case, line, credential, unproven=unproven)
            starts = bool(facts) and isinstance(facts[0], AttemptStarted)
            try:
                if starts and not self._may_start():
                    await self._let_go(line, [], ready)
                elif starts and credential is None:
                    await self._let_go(line, self._locked(connection), ready)
                elif starts and unproven and (until := self._not_looked_for_yet(connection, restored)):
                    await self._let_go(line, self._line_waits(connection, until), ready)
                elif starts and credential and (unproven or delivery.must_look_first(case.state, case.due)):
                    if await self._absent_at_first(line, case, credential, rest, restored if unproven else None):
                        continue
                elif starts and credential:
                    return case, await self._started(line, case, facts, booking(http)), credential
                elif facts:
                    rows = [*consequences(story, facts), *free(line, rest)]
                    await self._append(line, case, facts, rows, case.still)
                else:
                    await self._let_go(line, *self._set_aside(case, ready))
                return None
            except FenceLost:
                raise
            except Conflict:
                continue  # a cancel, a disconnect or a pause came first: decide on what is there now

    async def _started(self, line: Row, case: Case, facts: Sequence[Fact], booking: Sequence[Write]) -> Told:
        """The attempt as it is written. When its answer is lost, it is looked for: nobody else will end it (I29)."""
        say = case.say(facts, at=self.clock.now(), new_id=self.new_id)
        rows = [*consequences(case.story, facts), *booking]
        try:
            told = await self.store.append(Append([say], still=case.still, fence=_fence(line), rows=rows))
            return told[0]
        except Conflict:
            raise
        except (StoreError, OSError):
            if there := await self._there(say):
                return there
            raise  # nothing was written: the post stays ready, and begins when its line is free again

    async def _there(self, say: Say) -> Told | None:
        """What was said and not answered, if it stands (I4); asked until the store takes questions again."""
        while True:
            try:
                told = await self.store.read(say.stream)
                return next((each for each in told if each.id == say.facts[0].id), None)
            except (StoreError, OSError) as broken:
                await self._store_again(broken, "whether an attempt has begun waits for the store")

    async def _absent_at_first(
        self, line: Row, case: Case, credential: Credential, rest: Sequence[Row], restored: Restored | None
    ) -> bool:
        """Looked up before anything is sent (I27): True when the channel does not have it, so that it may start."""
        now, marker = self.clock.now(), case.marker
        since = case.taken_in_at
        if restored:
            since = recovering.back_to(case.told, connection=case.due.connection, taken_in_at=since, restored=restored)
        others = await others_since(self.store, case.story, case.due.connection, since)
        wish = self.outside.wish(case, started_at=since, others=others)
        look = await self.outside.find(case.due.connection, credential, wish, now)
        about: dict[str, Any] = {"due": case.due, "look": look, "marker": marker, "now": now,
                                 "credential_version": credential.version}  # fmt: skip
        if restored:
            facts = recovering.look(case.state, case.told, restored=restored, looked_from=since, **about)
        else:
            facts = settling.look_first(case.state, **about)
        last = facts[-1] if facts else None
        absent = isinstance(last, LookedUp) and last.found is False and last.look_again_at is None
        rows = [] if absent else [leave(case.story), *consequences(case.story, facts), *free(line, rest)]
        await self._append(line, case, facts, rows, case.still)
        return absent

    def _decide(self, case: Case, line: Row, credential: Credential | None, *, unproven: bool) -> Sequence[Fact]:
        # The vault may hold a newer key than the stream has told yet; the attempt names the one it is sent with.
        connection = case.connection
        if credential and credential.version > connection.credential_version:
            connection = replace(connection, credential_version=credential.version)
        return delivery.start(
            case.state,
            due=case.due,
            connection=connection,
            paused=case.paused,
            now=self.clock.now(),
            epoch=int(str(line["epoch"])),
            marker=case.marker,
            life=self.life,
            unproven=unproven,
        )

    def _set_aside(self, case: Case, ready: Sequence[Row]) -> tuple[list[Write], Sequence[Row]]:
        """Nothing may start. Who waits for a grant or for the switch keeps its place and sets the whole line aside."""
        step = delivery.next_step(case.state, self.clock.now())
        waits_in_line = case.paused or step == delivery.Rest("grant")
        if waits_in_line and not delivery.over(case.state, case.due):
            return [], []
        alarm = [retry_alarm(case.story, step.until)] if isinstance(step, delivery.Wait) and not case.state.open else []
        return [leave(case.story), *alarm], ready[1:]

    def _not_looked_for_yet(self, connection: str, restored: Restored | None) -> datetime | None:
        """Until when what the log may have forgotten can still be on its way (I27); None when that is over."""
        until = recovering.may_look_at(connection, life=self.life, restored=restored) if restored else None
        return until if until and self.clock.now() < until else None

    def _locked(self, connection: str) -> list[Write]:
        return self._line_waits(connection, self.clock.now() + LOCKED_WAIT)

    def _line_waits(self, connection: str, until: datetime) -> list[Write]:
        ring = {"ring": "line", "connection": connection}
        return [hold(connection, until), set_alarm(SERVICE, f"line-{connection}", until, ring)]

    async def _end(self, line: Row, ready: Sequence[Row], case: Case, attempt: Told, outcome: Outcome) -> None:
        """The call cannot be taken back, so its outcome is written down as soon as the store takes it (I28).

        `case` is as the attempt left it: mostly nothing has moved since, and where something has, it is read again.
        """
        fence_held, known = True, case
        while True:
            try:
                known = known or await read_case(self.store, case.story)
                assert known is not None  # noqa: S101 - it was due, and facts stay
                await self._stands(await self._told(line, ready, known, attempt, outcome, fence_held=fence_held))
                return
            except FenceLost:
                fence_held = False
            except Conflict:
                pass
            except (StoreError, OSError) as broken:
                await self._store_again(broken)
            known = None

    async def _told(
        self, line: Row, ready: Sequence[Row], case: Case, attempt: Told, outcome: Outcome, *, fence_held: bool
    ) -> Append:
        """The outcome, in one append with the line's freedom; too late for the line, it is only evidence (F5)."""
        story, started, now = case.story, attempt.fact, self.clock.now()
        assert isinstance(started, AttemptStarted)  # noqa: S101 - _begin gave it
        facts: Sequence[Fact] = []
        if fence_held:
            facts = delivery.settle(case.state, due=case.due, attempt=started.attempt, outcome=outcome, now=now)
        rows = consequences(story, facts)
        if not facts:
            facts = delivery.late(case.state, started=started, outcome=outcome)
        say = case.say(facts, at=now, new_id=self.new_id, cause=attempt)
        if not fence_held:
            return Append([say])
        rows += await self._after(line, ready, facts, case)
        relied = connection_stream(case.due.connection)
        return Append([say], still={relied: case.still[relied]}, fence=_fence(line), rows=rows)

    async def _stands(self, append: Append) -> None:
        """The very same append again while its answer is lost: it stays one fact (I4)."""
        while True:
            try:
                await self.store.append(append)
                return
            except Conflict:
                raise
            except (StoreError, OSError) as broken:
                await self._store_again(broken)

    async def _store_again(self, broken: Exception, what: str = "an outcome waits for the store") -> None:
        log.error(what, error=str(broken))
        await self.clock.nap(STORE_AGAIN_S)

    async def _after(self, line: Row, ready: Sequence[Row], facts: Sequence[Fact], case: Case) -> list[Write]:
        """A limited post stays first in its line; a refused one too, and sets the line aside until the grant moves."""
        line, rest = await self._who_is_next(line, ready[1:])
        first = {**ready[0], "due_at": case.due.slot_at}
        match facts[0]:
            case RateLimited():
                return [Put(READY, first), *free(line, [first])]
            case CredentialRefused(credential_version=refused):
                # A grant that has moved already will not wake the line again.
                moved = not case.connection.connected or case.connection.credential_version > refused
                return [Put(READY, first), *free(line, [first] if moved else [])]
            case _:
                return free(line, rest)

    async def _pick_ready(self, line: Row) -> Sequence[Row]:
        return await self.store.pick(Pick(READY, where={"connection": line["connection"]}, order=IN_ORDER, limit=2))

    async def _who_is_next(self, line: Row, rest: Sequence[Row]) -> tuple[Row, Sequence[Row]]:
        """The line with the mark of whoever joined last, read before looking; nobody has, and `rest` are still next."""
        now = await self.store.pick(Pick(LINE, where={"connection": line["connection"]}))
        if not now or now[0]["joined"] == line["joined"]:
            return line, rest
        return {**line, "joined": now[0]["joined"]}, await self._pick_ready(line)

    async def _append(
        self, line: Row, case: Case, facts: Sequence[Fact], rows: list[Write], still: Any
    ) -> Sequence[Told]:
        say = case.say(facts, at=self.clock.now(), new_id=self.new_id)
        return await self.store.append(Append([say], still=still, fence=_fence(line), rows=rows))

    async def _let_go(self, line: Row, rows: list[Write], rest: Sequence[Row]) -> None:
        await self.store.append(Append(fence=_fence(line), rows=[*rows, *free(line, rest)]))


def _deadline(attempt: Told) -> datetime:
    assert isinstance(attempt.fact, AttemptStarted)  # noqa: S101 - _begin gave it
    return attempt.fact.deadline


def _fence(line: Row) -> tuple[str, int]:
    return str(line["connection"]), int(str(line["epoch"]))


def renewed(line: Row, until: datetime) -> Append:
    """The lane is alive and still has its line; one it has let go meanwhile stays free."""
    where = {"connection": line["connection"], "epoch": line["epoch"], "holder": line["holder"]}
    return Append(fence=_fence(line), rows=[Change(LINE, where, {"lease_until": until})])
