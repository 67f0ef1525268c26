"""One connection: a channel granted to one account, kept alive while its grant lasts, ended for a reason.

    none -> active -> disconnected      asked by a person; refused or revoked by the channel; expired at its end
              |  ^          |
              refreshed     connected again, as the same member unless a person had disconnected it

Only a definite no ends it (S12). Seven days before its end it is *expiring* (S8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from events import ChannelConnected, ChannelDisconnected, Fact, GrantExpiring, GrantRefreshed
from services.gateway.principal import Principal
from services.gateway.problems import Problem, not_found

EXPIRING = timedelta(days=7)
"""S8: *Expiring soon* begins so long before the end."""
REFRESH_AT = 0.8
"""D20: of the access life."""
AFTER_UNCLEAR = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""An exchange without a plain answer is tried again after these waits, then after the last one (S12)."""

Status = Literal["none", "active", "expiring", "disconnected"]
Ended = Literal["asked", "expired", "refused", "revoked"]


@dataclass(frozen=True, slots=True)
class Connection:
    """`expires_at` is the grant's end: what a refresh cannot cure. `warned` is the end that was warned of."""

    name: str = ""
    connected: bool = False
    credential_version: int = 0
    member: str = ""
    site: str | None = None
    access_expires_at: datetime | None = None
    expires_at: datetime | None = None
    warned: datetime | None = None
    ended: Ended | None = None


initial = Connection()


def evolve(state: Connection, fact: Fact) -> Connection:
    match fact:
        case ChannelConnected():
            return Connection(fact.connection, True, fact.credential_version, fact.member, fact.site,
                              fact.access_expires_at, fact.grant_expires_at)  # fmt: skip
        case GrantRefreshed():
            return replace(state, credential_version=fact.credential_version,
                           access_expires_at=fact.access_expires_at, expires_at=fact.grant_expires_at)  # fmt: skip
        case GrantExpiring():
            return replace(state, warned=fact.grant_expires_at)
        case ChannelDisconnected():
            return replace(state, connected=False, ended=fact.reason)
        case _:
            raise TypeError(f"a connection never hears {type(fact).__name__}")


def status(state: Connection, now: datetime) -> Status:
    if not state.connected:
        return "disconnected" if state.ended else "none"
    return "expiring" if state.expires_at is not None and now >= state.expires_at - EXPIRING else "active"


def authorized(by: Principal, account: str) -> None:
    """Decided here, so that no route can forget it (I37)."""
    if not by.sees(account):
        raise not_found()
    if not by.may("connect"):
        raise Problem("forbidden", f"The role {by.role} may not connect channels; ask an owner or an operator.")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a channel gave, without its secret."""

    member: str
    member_name: str = ""
    scopes: tuple[str, ...] = ()
    access_expires_at: datetime | None = None
    expires_at: datetime | None = None
    site: str | None = None
    premium: bool = False


def connect(state: Connection, *, by: Principal, account: str, connection: str, grant: Grant) -> Sequence[Fact]:
    """Connected, or connected anew. What waits was approved for one member; another takes a person's word (A12)."""
    authorized(by, account)
    another = bool(state.name) and (grant.member, grant.site) != (state.member, state.site)
    if another and state.ended != "asked":
        raise Problem("another_member", "This is another member or site than the one this connection speaks for; "
                      "disconnect it first if the change is meant, or consent as the one it had.")  # fmt: skip
    return (
        ChannelConnected(
            connection=connection,
            credential_version=state.credential_version + 1,
            member=grant.member,
            member_name=grant.member_name,
            scopes=grant.scopes,
            access_expires_at=grant.access_expires_at,
            grant_expires_at=grant.expires_at,
            site=grant.site,
            premium=grant.premium,
        ),
    )


def refreshed(
    state: Connection, *, version: int, access_expires_at: datetime | None, expires_at: datetime | None
) -> Sequence[Fact]:
    """The exchange for this version worked. A channel that says nothing about the grant's end leaves it as it was."""
    if not current(state, version):
        return ()
    return (
        GrantRefreshed(connection=state.name, credential_version=version + 1, access_expires_at=access_expires_at,
                       grant_expires_at=expires_at or state.expires_at),
    )  # fmt: skip


def refused(state: Connection, *, version: int, reason: Ended, code: str, sentence: str) -> Sequence[Fact]:
    """A definite no about this version: of the token endpoint, or of the channel itself (S12)."""
    if not current(state, version):
        return ()
    return (ChannelDisconnected(connections=(state.name,), reason=reason, code=code, sentence=sentence),)


def disconnect(state: Connection, *, by: Principal, account: str, version: int, expected: str | None) -> Sequence[Fact]:
    """A person asked. Whoever asks twice has asked once."""
    authorized(by, account)
    if not state.name:
        raise not_found()
    if expected is not None and expected != str(version):
        raise Problem("stale", f"It is at version {version} now; read it again before you disconnect it.")
    if not state.connected:
        return ()
    return (ChannelDisconnected(connections=(state.name,), reason="asked"),)


def warn(state: Connection, *, now: datetime) -> Sequence[Fact]:
    """Said once for each end that comes near (S8)."""
    if not state.connected or state.expires_at is None or state.warned == state.expires_at:
        return ()
    return (GrantExpiring(connection=state.name, grant_expires_at=state.expires_at),) if now >= warns_at(state) else ()


def end(state: Connection, *, now: datetime) -> Sequence[Fact]:
    """The grant is over, known before any channel says so."""
    if not state.connected or state.expires_at is None or now < state.expires_at:
        return ()
    sentence = "The consent has run out. Reconnect the channel; what waits for it is planned again."
    return (ChannelDisconnected(connections=(state.name,), reason="expired", code="expired", sentence=sentence),)


def current(state: Connection, version: int | None) -> bool:
    """Is this version of the credential the one in use? An older one is not worth another exchange (I33)."""
    return state.connected and state.credential_version == version


def warns_at(state: Connection) -> datetime:
    assert state.expires_at is not None  # noqa: S101 - asked only of a grant that ends
    return state.expires_at - EXPIRING


def refreshes_at(granted_at: datetime, access_expires_at: datetime | None) -> datetime | None:
    return None if access_expires_at is None else granted_at + (access_expires_at - granted_at) * REFRESH_AT
