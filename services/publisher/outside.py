"""What a lane is handed to reach a channel with, and the call itself: whatever happens out there becomes a word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from events.channels import channel_of
from services.channels.adapter import Adapter, Credential, Http, Wish
from services.channels.outcome import Limited, Look, LookFailed, Outcome, Unclear
from services.chassis.budget import BudgetSpent
from services.publisher.case import Case

BUDGET_SPENT = "budget_spent"
"""The code of a limit that we keep ourselves, before the channel has to."""
Dress = Callable[[Case], tuple[str, str | None, str]]
"""A post's text and link with the tracking parameters on, and the marker it will be found by (S34)."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The adapters, the door they are handed, the vault's opener, and how links are dressed."""

    adapters: Mapping[str, Adapter]
    http_for: Callable[[str], Http]
    open_credential: Callable[[str], Awaitable[Credential | None]]
    dress: Dress

    def wish(
        self,
        case: Case,
        *,
        started_at: datetime,
        deadline: datetime | None = None,
        others: frozenset[str] = frozenset(),
    ) -> Wish:
        """The approved content, its links dressed: the same bytes in every attempt (I15)."""
        text, link, marker = self.dress(case)
        content, due = case.due.content, case.due
        return Wish(text=text, title=content.title, link=link, marker=marker, bucket=due.bucket,
                    started_at=started_at, deadline=deadline, others=others)  # fmt: skip

    async def publish(self, http: Http, credential: Credential, wish: Wish, now: datetime) -> Outcome:
        """Through a door of `http_for`: whoever begins the attempt may have booked its first call already."""
        adapter = self.adapters[channel_of(credential.connection)]
        try:
            return await adapter.publish(http, credential, wish, now=now)
        except BudgetSpent as spent:  # the channel would say so itself: nothing was sent, and no try is used (I17)
            return Limited(BUDGET_SPENT, until=spent.until)
        except Exception as broken:  # the fault is ours, and it may have struck after the bytes had left
            return Unclear("our_fault", _named(broken))

    async def find(self, connection: str, credential: Credential | None, wish: Wish, now: datetime) -> Look:
        adapter = self.adapters[channel_of(connection)]
        if credential is None:
            return LookFailed("no_credential", "The channel is not connected, or its key could not be opened.")
        try:
            return await adapter.find(self.http_for(connection), credential, wish, now=now)
        except BudgetSpent as spent:
            return LookFailed(BUDGET_SPENT, str(spent), until=spent.until)
        except Exception as broken:
            return LookFailed("our_fault", _named(broken))


def _named(broken: Exception) -> str:
    """The kind of fault alone: its words might quote an answer, and with it a secret (S9)."""
    return f"{type(broken).__name__} in the adapter"
