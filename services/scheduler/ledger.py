"""What is known of one connection when it is planned for: its account, its grant, and its days.

A ledger is kept from one plan to the next and written on as slots are taken and given back. It may be out of date, and
that is found out in time: every append names the streams it relied on, at the versions they have here (D2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from events import AccountDocument, EngagementProfiled
from events.channels import account_of
from events.subjects import account_stream, connection_stream, engagement_stream, posting_day_stream
from services.chassis.rows import ROOM, Pick
from services.chassis.store import Store
from services.planning import posting_day
from services.planning.full_days import FullDays
from services.planning.posting_day import Day
from services.planning.terms import ONE_DAY, Terms, terms_of
from services.planning.zones import date_at
from services.scheduler.grounds import Account, Connection, account_known, connection_known, profile_known


@dataclass(slots=True)
class Sheet:
    """One day, and the version of its stream once everything that was asked of the store is written."""

    day: Day
    version: int


@dataclass(slots=True)
class Ledger:
    """`versions` are those of the account, the connection and, where it counts, what was learned."""

    connection: str
    account: Account
    document: AccountDocument
    known: Connection
    terms: Terms
    versions: dict[str, int]
    sheets: dict[date, Sheet] = field(default_factory=dict)
    full: FullDays = field(default_factory=FullDays)

    @property
    def account_version(self) -> int:
        return self.versions[account_stream(account_of(self.connection))]

    async def sheet(self, store: Store, day: date) -> Sheet:
        if day not in self.sheets:
            state, version = await store.fold(posting_day_stream(self.connection, day), posting_day)
            self.sheets[day] = Sheet(state, version)
        return self.sheets[day]

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
    today = date_at(now, terms.zone)
    rows = await store.pick(Pick(ROOM, {"connection": connection}, since={"day": today.isoformat()}))
    ledger.full.add(date.fromisoformat(str(row["day"])) for row in rows if row["left"] == 0)
    return ledger


async def read_account(store: Store, name: str) -> tuple[Account, int]:
    told = await store.read(account_stream(name))
    return account_known(told), len(told)
