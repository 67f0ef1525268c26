"""The door: Production's message becomes exactly one post with its slot, or is parked with a reason (S1, S2).

A batch is planned connection by connection, each in one append: many posts, their slots and their alarms at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from events import Told
from events.subjects import POST_APPROVED, post_stream
from services.chassis.clock import Clock
from services.chassis.store import Append, Conflict, Store, StreamMoved
from services.scheduler.admitting import Admission, admit, is_same
from services.scheduler.desk import Desk
from services.scheduler.desks import Desks
from services.scheduler.grounds import Account
from services.scheduler.ledger import read_account
from services.scheduler.message import Letter, Unfit, read_message
from services.scheduler.parking import Parking


@dataclass(frozen=True, slots=True)
class Arrived:
    body: bytes
    subject: str = POST_APPROVED


class Intake:
    """`desks` are shared with whoever else plans: one at a time sits at each connection's."""

    def __init__(self, store: Store, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store, self._clock = store, clock
        self._parking = Parking(store, clock=clock, new_id=new_id)
        self.desks = Desks(store, clock=clock, new_id=new_id)

    async def take(self, arrived: Sequence[Arrived]) -> None:
        """When it returns, each message is durably a post, or was silence, or is parked."""
        now = self._clock.now()
        fit: dict[str, list[tuple[Arrived, Letter]]] = defaultdict(list)
        doing: list[Awaitable[None]] = []
        for each in arrived:
            read = read_message(each.body, now=now)
            if isinstance(read, Unfit):
                doing.append(self._parking.park(each.body, each.subject, read))
            else:
                fit[read.approved.account].append((each, read))
        doing += [self._of_account(name, letters) for name, letters in fit.items()]
        await _all(doing)

    async def _of_account(self, name: str, letters: Sequence[tuple[Arrived, Letter]]) -> None:
        """Which connection each is for; whatever cannot be said without the account is parked."""
        account, version = await self.desks.account(name)
        first: dict[str, Letter] = {}
        placed: dict[tuple[str | None, str], str | Unfit] = {}
        others: list[tuple[Arrived, Letter]] = []
        by_connection: dict[str, list[tuple[Arrived, Letter]]] = defaultdict(list)
        doing: list[Awaitable[None]] = []
        for arrived, letter in letters:
            before = first.setdefault(letter.story, letter)
            if before is not letter:
                if before.approved != letter.approved:
                    others.append((arrived, letter))
                continue
            asked = (letter.approved.connection, letter.approved.channel)
            if asked not in placed:
                placed[asked] = connection_for(letter, account)
            connection = placed[asked]
            if isinstance(connection, Unfit):
                doing.append(self._unplaced(arrived, letter, connection, version))
            else:
                by_connection[connection].append((arrived, letter))
        doing += [self._of_connection(connection, theirs, version) for connection, theirs in by_connection.items()]
        await _all(doing)
        if others:
            # Which of two is the changed one, only the log can say: the first of this batch may be it.
            await self._of_account(name, others)

    async def _unplaced(self, arrived: Arrived, letter: Letter, unfit: Unfit, version: int) -> None:
        """One that was taken in before its account had two connections on the channel is a repeat, not a riddle."""
        if await self._new([(arrived, letter)]):
            try:
                await self._parking.park(arrived.body, arrived.subject, unfit, account_version=version)
            except Conflict:
                self.desks.forget_account(letter.approved.account)
                await self._of_account(letter.approved.account, [(arrived, letter)])

    async def _of_connection(self, connection: str, letters: Sequence[tuple[Arrived, Letter]], version: int) -> None:
        """One append; whoever has moved first, or a post that is there already, makes it another one."""
        account = letters[0][1].approved.account
        while letters:
            try:
                async with self.desks.at(connection) as desk:
                    if desk is None or desk.account_version != version:
                        break
                    await self._admit(desk, [Admission(letter) for _, letter in letters])
                    await self._store.append(desk.append())
                return
            except StreamMoved as moved:
                if moved.stream.startswith(post_stream("")):
                    letters = await self._new(letters)
            except Conflict:
                continue
        self.desks.forget_account(account)
        await self._of_account(account, letters)

    async def _admit(self, desk: Desk, admissions: Sequence[Admission]) -> None:
        # Rows need the order of intake before the log has given positions: no fact of a later batch comes before it.
        turn = 0 if desk.listed else await self._store.position() + 1
        for number, admission in enumerate(admissions):
            await admit(desk, admission, turn + number)

    async def again(self, letter: Letter, cause: Told) -> Append | Unfit | None:
        """What takes in a message that had been parked; None when it is a post already."""
        if told := await self._store.read(post_stream(letter.story)):
            return None if is_same(letter.approved, told[0]) else changed(letter)
        account, _ = await read_account(self._store, letter.approved.account)
        connection = connection_for(letter, account)
        if isinstance(connection, Unfit):
            return connection
        desk = await self.desks.apart(connection)
        assert desk is not None  # noqa: S101 - the account is there
        await self._admit(desk, [Admission(letter, cause)])
        return desk.append()

    async def _new(self, letters: Sequence[tuple[Arrived, Letter]]) -> list[tuple[Arrived, Letter]]:
        """Those that are no post yet. The same content again is silence, other content is parked as changed (S1)."""
        streams = await self._store.read_all([post_stream(letter.story) for _, letter in letters])
        new, doing = [], []
        for (arrived, letter), told in zip(letters, streams, strict=True):
            if not told:
                new.append((arrived, letter))
            elif not is_same(letter.approved, told[0]):
                doing.append(self._parking.park(arrived.body, arrived.subject, changed(letter)))
        await _all(doing)
        return new


def connection_for(letter: Letter, account: Account) -> str | Unfit:
    """The one named, or the account's only one on that channel, or the one it will have (S2a)."""
    approved = letter.approved
    if account.document is None:
        return Unfit("unknown_account", f"data.account is {approved.account}, which nobody has set up; set it up, or "
                     "correct the name.", approved.account)  # fmt: skip
    there = account.on(approved.channel)
    if approved.connection or len(there) < 2:
        return approved.connection or (there[0] if there else f"{approved.account}.{approved.channel}")
    return Unfit("ambiguous_connection", f"data.connection is missing, and {approved.account} has {len(there)} "
                 f"connections on {approved.channel}: name one of {', '.join(there)}.", approved.account)  # fmt: skip


def changed(letter: Letter) -> Unfit:
    return Unfit("changed", f"data.post is {letter.approved.post}, which was taken in before with other content; edit "
                 "that post, or send this one under a name of its own.", letter.approved.account)  # fmt: skip


async def _all(doing: Sequence[Awaitable[None]]) -> None:
    """Side by side, and all of it to its end, before a failure is told."""
    for outcome in await asyncio.gather(*doing, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
