"""What is known of one connection when it is planned for: its account, its grant, and its days.

A ledger is kept from one plan to the next and written on as slots are taken and given back. It may be out of date, and
that is found out in time: every append names the streams it relied on, at the versions they have here (D2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from events import AccountDocument, EngagementProfiled
from events.channels import account_of
from events.subjects import account_stream, connection_stream, engagement_stream, posting_day_stream
from services.chassis.rows import ROOM, Drop, Pick, Put, Write
from services.chassis.store import Store
from services.planning import posting_day
from services.planning.full_days import FullDays
from services.planning.posting_day import Day
from services.planning.terms import ONE_DAY, Terms, terms_of
from services.planning.zones import date_at
from services.scheduler.grounds import Account, Connection, account_known, connection_known, profile_known

TERMS = "terms"
"""In place of a day, and after every day: the row that says by which terms the days beside it are full."""


@dataclass(slots=True)
class Sheet:
    """One day, and the version of its stream once everything that was asked of the store is written."""

    day: Day
    version: int


@dataclass(slots=True)
class Ledger:
    """`versions` are those of the account, the connection and, where it counts, what was learned.

    `marked`: the rows beside the facts say which days are full by these very terms, and not by others from before.
    """

    connection: str
    account: Account
    document: AccountDocument
    known: Connection
    terms: Terms
    versions: dict[str, int]
    sheets: dict[date, Sheet] = field(default_factory=dict)
    full: FullDays = field(default_factory=FullDays)
    marked: bool = False

    @property
    def account_version(self) -> int:
        return self.versions[account_stream(account_of(self.connection))]

    async def sheet(self, store: Store, day: date) -> Sheet:
        if day not in self.sheets:
            state, version = await store.fold(posting_day_stream(self.connection, day), posting_day)
            self.sheets[day] = Sheet(state, version)
        return self.sheets[day]

    def found_full(self, days: Sequence[date]) -> list[Write]:
        """What is written of it, for whoever opens the ledger next: at first in place of what stood by other terms."""
        rows: list[Write] = []
        if (fresh := self.full.add(days)) and not self.marked:
            rows += [Drop(ROOM, {"connection": self.connection}), self._room(TERMS, self.terms.mark)]
            self.marked = True
        return [*rows, *(self._room(day.isoformat(), 0) for day in fresh)]

    def _room(self, day: str, left: int) -> Put:
        return Put(ROOM, {"connection": self.connection, "day": day, "left": left})

    def tidy(self, now: datetime) -> None:
        """Full days are not looked at again, and what is past is of no use."""
        today = date_at(now, self.terms.zone)
        if len(self.sheets) > 2:
            past = today - 2 * ONE_DAY  # a rolling cap looks a day back
            self.sheets = {
                day: sheet for day, sheet in self.sheets.items() if day not in self.full.days and day >= past
            }


async def open_ledger(store: Store, connection: str, account: tuple[Account, int], now: datetime) -> Ledger | None:
    """Everything read anew; None when nobody has set the account up."""
    of_account, version = account
    document = of_account.document
    if document is None:
        return None
    connected = await store.read(connection_stream(connection))
    versions = {account_stream(account_of(connection)): version, connection_stream(connection): len(connected)}
    profile: EngagementProfiled | None = None
    if document.mode == "adaptive":
        learned = await store.read(engagement_stream(connection))
        versions[engagement_stream(connection)], profile = len(learned), profile_known(learned)
    terms = terms_of(connection, document, profile)
    ledger = Ledger(connection, of_account, document, connection_known(connected), terms, versions)
    await _recall_full_days(store, ledger, now)
    return ledger


async def _recall_full_days(store: Store, ledger: Ledger, now: datetime) -> None:
    """Other terms may have room on days that were full by those before, also where nobody has heard of them yet."""
    today = date_at(now, ledger.terms.zone).isoformat()
    rows = await store.pick(Pick(ROOM, {"connection": ledger.connection}, since={"day": today}))
    left = {str(row["day"]): row["left"] for row in rows}
    ledger.marked = left.pop(TERMS, None) == ledger.terms.mark
    if ledger.marked:
        ledger.full.add(date.fromisoformat(day) for day in left)


async def read_account(store: Store, name: str) -> tuple[Account, int]:
    told = await store.read(account_stream(name))
    return account_known(told), len(told)
