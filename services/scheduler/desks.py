"""Every connection's desk in this process: one at a time sits at each, and finds what the one before left behind."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from events.channels import account_of
from services.chassis.clock import Clock
from services.chassis.store import Store
from services.scheduler.desk import Desk
from services.scheduler.grounds import Account
from services.scheduler.ledger import Ledger, open_ledger, read_account

REMEMBERED_MAX = 4096
"""So many connections' ledgers, and so many accounts, are kept; the one used longest ago goes first."""


class Desks:
    def __init__(self, store: Store, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store, self._clock, self._new_id = store, clock, new_id
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ledgers: OrderedDict[str, Ledger] = OrderedDict()
        self._accounts: OrderedDict[str, tuple[Account, int]] = OrderedDict()

    async def account(self, name: str) -> tuple[Account, int]:
        """What is known of an account, and of which version; one that nobody has set up is looked for every time."""
        known = self._accounts.get(name)
        if known is None:
            known = await read_account(self._store, name)
            if known[0].document is not None:
                _keep(self._accounts, name, known)
        return known

    def forget_account(self, name: str) -> None:
        self._accounts.pop(name, None)

    @asynccontextmanager
    async def at(self, connection: str) -> AsyncIterator[Desk | None]:
        """One plan. If it cannot be written, or breaks, whatever was known is forgotten: it may have been wrong."""
        async with self._locks.setdefault(connection, asyncio.Lock()):
            ledger = self._ledgers.pop(connection, None)
            try:
                desk = await self._sit(connection, ledger)
                yield desk
            except BaseException:
                self.forget_account(account_of(connection))
                raise
            if desk is not None:
                _keep(self._ledgers, connection, desk.written())

    async def apart(self, connection: str) -> Desk | None:
        """A desk whose plan somebody else will write, perhaps: on what stands in the store, and nothing is kept."""
        self.forget_account(account_of(connection))
        return await self._sit(connection, None)

    async def _sit(self, connection: str, ledger: Ledger | None) -> Desk | None:
        now = self._clock.now()
        account = await self.account(account_of(connection))
        if ledger is None or ledger.account_version != account[1]:
            # The account has been read again since, because it moved: what was known of the connection rests on it.
            ledger = await open_ledger(self._store, connection, account, now)
        return Desk(self._store, ledger, now=now, new_id=self._new_id) if ledger else None


def _keep(kept: OrderedDict, name: str, what: object) -> None:
    kept[name] = what
    kept.move_to_end(name)
    if len(kept) > REMEMBERED_MAX:
        kept.popitem(last=False)
