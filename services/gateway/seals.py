"""At the gateway's start: a secret that does not open is of no use, and its channel says so instead of waiting."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from services.chassis.bells import BelledStore
from services.chassis.rows import VAULT, Pick
from services.chassis.store import Append, Conflict
from services.chassis.vault import GRANT, SealBroken
from services.gateway import connection
from services.gateway.grants import Grants

SENTENCE = "What the vault kept for it does not open: it was changed, or its key is another. Reconnect the channel."

log = structlog.get_logger("gateway")


async def prove_seals(store: BelledStore, grants: Grants, new_id: Callable[[], str]) -> None:
    """Whoever is connected by such a secret is not (I14): its posts are held, and go out once it is reconnected."""
    rows = await store.pick(Pick(VAULT, {"purpose": GRANT}))
    for name in sorted({str(row["connection"]) for row in rows}):
        while ending := await _ending(grants, name, new_id):
            try:
                await store.append(ending)
            except Conflict:
                continue
            log.error("a secret does not open any more", connection=name)
            break


async def _ending(grants: Grants, name: str, new_id: Callable[[], str]) -> Append | None:
    standing = await grants.standing(name)
    try:
        await grants.credential(standing)
    except SealBroken:
        facts = connection.refused(standing.state, version=standing.state.credential_version, reason="refused",
                                   code="seal_broken", sentence=SENTENCE)  # fmt: skip
        return await grants.ending(standing, facts, grants.about(name), new_id) if facts else None
    return None
