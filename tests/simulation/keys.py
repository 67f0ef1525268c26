"""The vault of a simulated house: sealed as in the real one, with the seed's own randomness instead of the system's."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from random import Random

from services.channels.adapter import Credential
from services.chassis.bells import BelledStore
from services.chassis.vault import Vault

VAULT_KEY = hashlib.sha256(b"the key of every simulated house").digest()


def vault_of(store: BelledStore, seed: int, whose: str) -> Vault:
    return Vault(store, VAULT_KEY, random_bytes=Random(f"{seed} the vault of {whose}").randbytes)


def opener(vault: Vault) -> Callable[[str], Awaitable[Credential | None]]:
    """What the publisher and the collector are handed: a secret right before a send."""

    async def open_credential(connection: str) -> Credential | None:
        opened = await vault.open(connection, connection.split(".")[1])
        if opened is None:
            return None
        body = opened.body
        return Credential(connection, opened.version, body["secret"], body.get("member") or "", body.get("site"))

    return open_credential
