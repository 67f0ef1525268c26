"""Making the tables; and the first key, because without one nobody could ever issue another.

A house in one process hands its key to whoever starts it (`up.json`); services in processes of their own have nobody
to hand one to, so whoever makes their tables is shown the first.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from services.chassis.bells import BelledStore
from services.chassis.house_time import LateClock, clock_of
from services.chassis.opening import migrate, open_store
from services.chassis.settings import Settings
from services.gateway.keys import Keys
from services.system import new_id


async def migrated(settings: Settings) -> str | None:
    """The first owner's key as it is shown once; None when somebody has one already."""
    migrate(settings.database)
    late = LateClock()
    store = open_store(settings.database, late.now)
    try:
        late.clock = await clock_of(settings.speed, store)
        keys = Keys(BelledStore(store), clock=late.clock, new_id=new_id, random_bytes=secrets.token_bytes,
                    public_url=lambda: settings.public_url or "")  # fmt: skip
        if any(_opens_everything(each) for each in await keys.listed()):
            return None
        return (await keys.issue("owner", name="migrate")).key.reveal()
    finally:
        await store.close()


def _opens_everything(key: Mapping[str, object]) -> bool:
    return key["role"] == "owner" and key["accounts"] is None and not key["revoked"]
