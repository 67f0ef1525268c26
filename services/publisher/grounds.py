"""What an attempt relies on: the post, its connection, its account, and the kill switch, each folded from its owner's
stream. An append names these streams at the versions read here, so if one has moved the decision is taken again (D2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from events import (
    AccountChanged,
    AccountDocument,
    ChannelConnected,
    ChannelDisconnected,
    GrantRefreshed,
    PostCancelled,
    PostDue,
    PostEdited,
    PostScheduled,
    PublishingPaused,
    PublishingResumed,
    Told,
)
from events.channels import account_of, channel_of
from events.subjects import house_stream


@dataclass(frozen=True, slots=True)
class Connection:
    """`credential_version` is the one to send with; `member` the channel's own name for the author."""

    connected: bool = False
    credential_version: int = 0
    site: str | None = None


def due_of(told: Sequence[Told]) -> Told | None:
    """The PostDue that stands: none after the post was withdrawn, until the next one (facts.md, who holds a post)."""
    due: Told | None = None
    for each in told:
        match each.fact:
            case PostDue():
                due = each
            case PostCancelled() | PostEdited() | PostScheduled():
                due = None
    return due


def last_due(told: Sequence[Told]) -> Told | None:
    """The latest PostDue ever said, withdrawn or not."""
    return next((each for each in reversed(told) if isinstance(each.fact, PostDue)), None)


def connection_of(told: Sequence[Told]) -> Connection:
    known = Connection()
    for each in told:
        match each.fact:
            case ChannelConnected(credential_version=version, site=site):
                known = Connection(True, version, site)
            case GrantRefreshed(credential_version=version):
                known = Connection(known.connected, version, known.site)
            case ChannelDisconnected():
                known = Connection(False, known.credential_version, known.site)
    return known


def document_of(told: Sequence[Told]) -> AccountDocument | None:
    return next((each.fact.document for each in reversed(told) if isinstance(each.fact, AccountChanged)), None)


def paused(told: Sequence[Told]) -> bool:
    """The last word of one house stream."""
    switched = [each.fact for each in told if isinstance(each.fact, PublishingPaused | PublishingResumed)]
    return bool(switched) and isinstance(switched[-1], PublishingPaused)


@lru_cache(4096)
def house_streams(connection: str) -> tuple[str, ...]:
    """The three reaches of the kill switch that cover this connection."""
    return tuple(house_stream(scope) for scope in ("all", channel_of(connection), account_of(connection)))
