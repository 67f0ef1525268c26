"""What the queue relies on: an account's choices and its connections, each folded from its owner's stream. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from events import (
    AccountChanged,
    AccountDocument,
    ChannelConnected,
    ChannelDisconnected,
    ConnectionDropped,
    ConnectionListed,
    EngagementProfiled,
    Told,
)
from events.channels import channel_of
from services.planning.rezoning import Keep
from services.planning.terms import terms_of


@dataclass(frozen=True, slots=True)
class Account:
    """`listed` are its connections in the order they came; without a document nobody has set it up yet.

    `moved`: its zone has changed once, so a slot may stand on the date it had in the zone before. `keep` is what the
    last such change left to the slots to come.
    """

    document: AccountDocument | None = None
    listed: tuple[str, ...] = ()
    moved: bool = False
    keep: Keep = "wall_clock"

    def on(self, channel: str) -> list[str]:
        return [name for name in self.listed if channel_of(name) == channel]


@dataclass(frozen=True, slots=True)
class Connection:
    connected: bool = False
    premium: bool = False


def account_known(told: Sequence[Told]) -> Account:
    known = Account()
    for each in told:
        match each.fact:
            case AccountChanged(document=document, keep=keep):
                if known.document is not None and known.document.zone != document.zone:
                    known = replace(known, moved=True, keep=keep)
                known = replace(known, document=document)
            case ConnectionListed(connection=name) if name not in known.listed:
                known = replace(known, listed=(*known.listed, name))
            case ConnectionDropped(connection=name):
                known = replace(known, listed=tuple(other for other in known.listed if other != name))
    return known


def document_of(told: Sequence[Told]) -> AccountDocument | None:
    """The account's document alone, where a post asks for it: an account may have hundreds of connections."""
    return next((each.fact.document for each in reversed(told) if isinstance(each.fact, AccountChanged)), None)


def documents(told: Sequence[Told]) -> list[AccountDocument]:
    """Every document the account ever had, the newest last."""
    return [each.fact.document for each in told if isinstance(each.fact, AccountChanged)]


def connection_known(told: Sequence[Told]) -> Connection:
    known = Connection()
    for each in told:
        match each.fact:
            case ChannelConnected(premium=premium):
                known = Connection(True, premium)
            case ChannelDisconnected():
                known = replace(known, connected=False)
    return known


def profile_known(told: Sequence[Told]) -> EngagementProfiled | None:
    """What Adaptive goes by: the latest recalculation (S16)."""
    return next((each.fact for each in reversed(told) if isinstance(each.fact, EngagementProfiled)), None)


def but_for_the_zone(changed: Sequence[AccountDocument]) -> list[AccountDocument]:
    """What else two documents plan by: where it is alike, slots are kept instead of planned anew (S19)."""
    return [each.model_copy(update={"zone": "UTC"}) for each in changed]


def planned_alike(connection: str, changed: Sequence[AccountDocument], profile: EngagementProfiled | None) -> bool:
    """Whether two documents give this connection the same zone, times and cap; a first one changes nothing."""
    terms = [replace(terms_of(connection, each, profile), tolerance=timedelta()) for each in changed]
    return all(each == terms[0] for each in terms)
