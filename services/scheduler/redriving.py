"""A parked message once more: as it came or mended, when somebody asks, or when its account has appeared (S2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from events import About, Draft, MessageRedriven, RedriveAsked, Told
from events.channels import account_of
from services.chassis.clock import Clock
from services.chassis.rows import PARKED_BODY, Drop, Pick, Row, Write
from services.chassis.store import Append, Say, Store
from services.scheduler.asks import No
from services.scheduler.case import ACTOR
from services.scheduler.intake import Intake
from services.scheduler.message import Letter, Unfit, read_message
from services.scheduler.rings import Ring
from services.scheduler.seating import answer
from services.scheduler.waiting import call_welcome, for_account, gone, no_call_redrive, served

Outcome = Literal["taken_in", "already_taken_in", "discarded"]


def mended_body(parked: str) -> str:
    """Where the corrected body lies until it is tried."""
    return f"{parked}:mended"


class Redriving:
    def __init__(self, store: Store, intake: Intake, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store, self._intake, self._clock, self._new_id = store, intake, clock, new_id

    @property
    def rings(self) -> dict[str, Ring]:
        return {"redrive": self._due, "welcome": self._welcome}

    async def asked(self, told: Told) -> Append | None:
        """An operator asks, perhaps with a corrected body. A no leaves it parked as it was."""
        ask = told.fact
        assert isinstance(ask, RedriveAsked)  # noqa: S101 - the table
        found = await self.redrive(ask.parked, told, mended=ask.mended, discard=ask.discard)
        if isinstance(found, Append):
            return found
        no = answer(told, found, at=self._clock.now(), new_id=self._new_id)
        return Append([no], rows=[Drop(PARKED_BODY, {"id": mended_body(ask.parked)})])

    async def _due(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """A minute later its account may be there; if not, only the account's appearing is waited for (S2a)."""
        told = await self._store.read(ring["parked"])
        found = await self.redrive(ring["parked"], told[0]) if told else None
        return found if isinstance(found, Append) else None

    async def _welcome(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """The account has appeared: the next message that waited for it, until there is none."""
        account = ring["account"]
        rows = await self._store.pick(for_account(account, limit=1))
        if not rows:
            return None
        (cause,) = await self._store.tail(int(ring["cause"]) - 1, 1)
        found = await self.redrive(str(rows[0]["story"]), cause)
        again = [served(rows[0]), call_welcome(account, self._clock.now(), cause=ring["cause"], mark=self._new_id())]
        return found._replace(rows=[*found.rows, *again]) if isinstance(found, Append) else Append(rows=again)

    async def redrive(self, parked: str, cause: Told, *, mended: bool = False, discard: bool = False) -> Append | No:
        """Everything that follows, in one append; or why not."""
        told = await self._store.read(parked)
        if not told:
            return No("not_found", f"{parked} is no parked message; look at the list of parked messages.")
        if any(isinstance(each.fact, MessageRedriven) for each in told):
            return No("already_redriven", "This message was redriven or discarded before; nothing is kept of it.")
        if discard:
            return self._over(parked, len(told), cause, "discarded", None)
        letter = await self._letter(mended_body(parked) if mended else parked)
        if isinstance(letter, No):
            return letter
        append = await self._intake.again(letter, cause)
        if isinstance(append, Unfit):
            return No(append.code, append.reason)
        if append is None:
            return self._over(parked, len(told), cause, "already_taken_in", letter)
        over = self._over(parked, len(told), cause, "taken_in", letter)
        return append._replace(says=[*append.says, *over.says], rows=[*append.rows, *over.rows])

    async def _letter(self, name: str) -> Letter | No:
        rows = await self._store.pick(Pick(PARKED_BODY, {"id": name}))
        body = rows[0]["body"] if rows else None
        if not isinstance(body, bytes):
            return No("not_found", f"The body of {name} is not there; send it along with the redrive.")
        letter = read_message(body, now=self._clock.now())
        return No(letter.code, letter.reason) if isinstance(letter, Unfit) else letter

    def _over(self, parked: str, version: int, cause: Told, outcome: Outcome, letter: Letter | None) -> Append:
        """Nothing of it is kept but its facts."""
        story = letter.story if letter else None
        fact = MessageRedriven(outcome=outcome, story=story)
        about = About(parked, ACTOR, self._clock.now(), cause.id, account_of(story) if story else None,
                      letter.approved.channel if letter else None)  # fmt: skip
        rows: list[Write] = [
            Drop(PARKED_BODY, {"id": parked}),
            Drop(PARKED_BODY, {"id": mended_body(parked)}),
            gone(parked),
            no_call_redrive(parked),
        ]
        return Append([Say(parked, version, [Draft(self._new_id(), fact, about)])], rows=rows)
