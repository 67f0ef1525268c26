"""A consent under way: from the address an owner is sent to, until they come back with a code (I36).

What comes back is believed once, within ten minutes, on the channel it was begun for, in the browser session that
began it. The state is kept hashed; what belongs to it lies sealed in the vault. It is used up before anything is
exchanged, so that two who bring the same one can never both be taken for the owner.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from events.channels import account_of, channel_of
from services.chassis.alarms import clear_alarm, set_alarm
from services.chassis.bells import BelledStore
from services.chassis.rows import LEASE, VAULT, Claim, Drop, Pick, Put, Write
from services.chassis.store import Append
from services.chassis.vault import Secret, Vault
from services.gateway.keys import digest
from services.gateway.principal import Principal, Role

LIFE = timedelta(minutes=10)
PURPOSE = "consent"
WAITING, USED = "waiting", "used"
SERVICE = "gateway"


@dataclass(frozen=True, slots=True)
class Consent:
    """What was begun: for which connection, by whom, and the verifier only we know (RFC 7636)."""

    connection: str
    by: Principal
    verifier: Secret[str]
    until: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """The state to send along, the verifier, and what to append before anybody is sent anywhere."""

    state: Secret[str]
    verifier: Secret[str]
    append: Append


def begin(connection: str, *, by: Principal, now: datetime, secret: bytes, vault: Vault) -> Begun:
    """`secret` is 64 bytes nobody can guess: half is the state, half the verifier."""
    state, verifier = f"{_prefix(connection)}.{_text(secret[:32])}", _text(secret[32:])
    name, until = _name(connection, state), now + LIFE
    body = {"connection": connection, "verifier": verifier, "until": until.isoformat(), "name": by.name,
            "role": by.role, "accounts": by.accounts, "session": by.session}  # fmt: skip
    rows: list[Write] = [
        vault.seal(name, channel_of(connection), 1, body, PURPOSE),
        Put(LEASE, {"name": _lease(name), "holder": WAITING, "until": until, "epoch": 0}, over=False),
        set_alarm(SERVICE, f"consent-{name}", until, {"ring": "forget_consent", "consent": name}),
    ]
    return Begun(Secret(state), Secret(verifier), Append(rows=rows))


async def take(state: str, channel: str, *, store: BelledStore, vault: Vault) -> Consent | None:
    """Use up the consent this state stands for; None when there is none, or somebody was quicker."""
    connection = _connection(state, channel)
    if connection is None:
        return None
    name = _name(connection, state)
    mine = await store.claim(Claim(Pick(LEASE, {"name": _lease(name), "holder": WAITING}), {"holder": USED}))
    if not mine:
        return None
    opened = await vault.open(name, channel, PURPOSE)
    await store.append(Append(rows=[*forget(name), clear_alarm(SERVICE, f"consent-{name}")]))
    if opened is None:
        return None
    body = opened.body
    accounts = None if body["accounts"] is None else tuple(body["accounts"])
    role: Role = body["role"]
    by = Principal(body["name"], role, accounts, body["session"])
    return Consent(body["connection"], by, Secret(body["verifier"]), datetime.fromisoformat(body["until"]))


def forget(name: str) -> list[Write]:
    return [
        Drop(VAULT, {"connection": name, "purpose": PURPOSE, "version": 1}),
        Drop(LEASE, {"name": _lease(name)}),
    ]


def _prefix(connection: str) -> str:
    """What the state begins with: the account, and for a further connection its channel and label."""
    return connection if connection.count(".") == 2 else account_of(connection)


def _connection(state: str, channel: str) -> str | None:
    match state.split("."):
        case [account, _]:
            return f"{account}.{channel}"
        case [account, named, label, _] if named == channel:
            return f"{account}.{channel}.{label}"
        case _:
            return None


def _name(connection: str, state: str) -> str:
    """Where the vault keeps it: under its account and channel, so that no other channel's callback finds it."""
    return f"{account_of(connection)}.{channel_of(connection)}.{digest(state)}"


def _lease(name: str) -> str:
    return f"consent-{name}"


def _text(bits: bytes) -> str:
    return base64.urlsafe_b64encode(bits).rstrip(b"=").decode()
