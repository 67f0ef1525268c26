"""One service's ear: it tails the log from its own checkpoint and commits the checkpoint with what it writes (D1).

Facts are taken in order, exactly once. Facts of different stories are handled side by side: every append names the
position it follows, so the store takes them in order, and whatever was decided too early is decided again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

import structlog

from events import Fact, RedriveAsked, Told
from services.chassis.alarms import Ring
from services.chassis.bells import FACTS, BelledStore
from services.chassis.clock import Clock
from services.chassis.concerns import Reaction, concerns
from services.chassis.held import Held, key_of
from services.chassis.incarnation import prove_checkpoint
from services.chassis.rows import CHECKPOINT, Pick
from services.chassis.store import Append, CheckpointMoved, Conflict, Read, RowsRefused, StoreError

PAGE = 500
SIDE_BY_SIDE_MAX = 16
"""Enough to share a commit; a wave ends with its slowest, and what comes next waits for that (G15)."""
SKIP_MAX = 5000
"""After so many facts that concern us not, the checkpoint is written alone, so that a restart reads no more."""
LOOK_EVERY_S = 1.0

log = structlog.get_logger("inbox")


class Inbox:
    """Hangs one service's reactions on the log. `position` is the last fact seen; `stopped` says why it waits."""

    def __init__(
        self,
        store: BelledStore,
        service: str,
        reactions: Mapping[type[Fact], Reaction],
        *,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._service, self._clock = store, service, clock
        self._held = Held(store, service, reactions, clock=clock, new_id=new_id)
        self._reactions = {RedriveAsked: self._held.redrive_asked, **reactions}
        if RedriveAsked in reactions:
            self._reactions[RedriveAsked] = self._held.or_ours(reactions[RedriveAsked])
        self._bell = store.bell(FACTS)
        self._written = 0
        self.position: int | None = None
        self.busy = False
        self.stopped: str | None = None

    @property
    def rings(self) -> dict[str, Ring]:
        """What the service's alarms ring here: a held fact's next try."""
        return {"held": self._held.try_again}

    def ring(self) -> None:
        """A doorbell from elsewhere: there may be something new."""
        self._bell.set()

    async def run(self) -> None:
        while True:
            self._bell.clear()
            try:
                await self.catch_up()
                self.stopped = None
            except (StoreError, OSError) as broken:
                # Nothing was taken that is not written; a full disk or a lost database heals, and we go on (I28).
                self.stopped = str(broken)
                log.error("the inbox waits", service=self._service, error=str(broken))
            await self._clock.nap(LOOK_EVERY_S, self._bell)

    async def in_flight(self) -> str | None:
        if self.busy or self.position is None or self.position < await self._store.position():
            self._bell.set()
            return f"a fact unread by the {self._service}"
        return None

    async def catch_up(self) -> int:
        """Take whatever is there; how many facts that were."""
        self.busy = True
        try:
            if self.position is None:
                await self._remember()
            taken = 0
            while page := await self._store.tail(self.position or 0, PAGE):
                await self._take(page)
                taken += len(page)
            return taken
        finally:
            self.busy = False

    async def _remember(self) -> None:
        rows = await self._store.pick(Pick(CHECKPOINT, {"service": self._service}))
        if rows:
            await prove_checkpoint(self._store, rows[0])
        self._written = int(str(rows[0]["position"])) if rows else 0
        self.position = self._written
        await self._held.remember()

    async def _take(self, page: Sequence[Told]) -> None:
        heard = [told for told in page if concerns(self._reactions.get(type(told.fact)), told)]
        while heard:
            wave = _distinct(heard)
            before = [self._written, *(told.position for told in wave)]
            outcomes = await asyncio.gather(
                *(self._take_one(told, before[i]) for i, told in enumerate(wave)), return_exceptions=True
            )
            done = list(takewhile(lambda outcome: outcome is None, outcomes))
            if done:
                self._written = wave[len(done) - 1].position
                self.position = self._written
            heard = heard[len(done) :]
            if len(done) < len(wave):
                heard = await self._lost(outcomes[len(done)], heard, first=not done)
        self.position = max(self.position or 0, page[-1].position)
        if self.position - self._written > SKIP_MAX:
            await self._passed_by(page[-1])

    async def _passed_by(self, last: Told) -> None:
        """Nothing up to here concerns us, and that is written down; somebody else who reads for us may have done it."""
        try:
            await self._store.append(Append(read=Read(self._service, self._written, last.position, last.id)))
            self._written = last.position
        except CheckpointMoved:
            await self._remember()
            self.position = max(self.position or 0, last.position)

    async def _lost(self, failed: BaseException | None, heard: list[Told], *, first: bool) -> list[Told]:
        """Somebody else moved first: decide again. At the checkpoint itself: somebody else reads for this service."""
        if not isinstance(failed, Conflict):
            assert failed is not None  # noqa: S101 - takewhile stopped at it
            raise failed
        if first and isinstance(failed, CheckpointMoved):
            await self._remember()
            return [told for told in heard if told.position > self._written]
        return heard

    async def _take_one(self, told: Told, before: int) -> None:
        read = Read(self._service, before, told.position, told.id)
        if await self._held.waits(told):
            await self._store.append(Append(rows=self._held.behind(told), read=read))
            return
        try:
            answer = await self._reactions[type(told.fact)](told) or Append()
        except (StoreError, OSError):
            raise
        except Exception as broken:
            await self._hold(told, read, broken)
            return
        try:
            await self._store.append(Append(answer.says, answer.still, answer.fence, answer.rows, read))
        except RowsRefused as refused:
            await self._hold(told, read, refused)

    async def _hold(self, told: Told, read: Read, broken: Exception) -> None:
        log.error("a fact could not be taken", service=self._service, position=told.position, exc_info=broken)
        await self._store.append(Append(rows=self._held.hold(told, broken), read=read))
        self._held.keys.add(key_of(told))


def _distinct(heard: Sequence[Told]) -> list[Told]:
    """The longest beginning in which no story comes twice: within one story, facts are taken one after the other."""
    keys: set[str] = set()
    wave: list[Told] = []
    for told in heard[:SIDE_BY_SIDE_MAX]:
        if key_of(told) in keys:
            break
        keys.add(key_of(told))
        wave.append(told)
    return wave
