"""What rings for a grant: its refresh, the warning a week before its end, and the end itself (S8, S12).

The gateway alone exchanges, one exchange for one version of a credential at a time, so no two refreshes ever meet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any

import orjson

from events import Told
from events.channels import channel_of
from services.channels.adapter import Granted, GrantRefused
from services.chassis.alarms import set_alarm
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.rows import ALARM, Pick, Row, Write
from services.chassis.store import Append, Conflict, StoreError
from services.gateway import connection
from services.gateway.connection import AFTER_UNCLEAR
from services.gateway.grants import SERVICE, Grants, alarms, grant_of

STORE_AGAIN_S = 1.0


class Renewing:
    def __init__(self, store: BelledStore, grants: Grants, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store, self._grants, self._clock, self._new_id = store, grants, clock, new_id

    async def refresh(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """One exchange. It is written down beforehand as the wait after an unclear answer: a crash in the middle of it
        is an unclear answer too, and nobody exchanges the same version meanwhile (D9, I33)."""
        name, version, tries = str(ring["connection"]), int(ring["version"]), int(ring.get("tries", 0))
        standing = await self._grants.standing(name)
        credential = await self._grants.credential(standing)
        if credential is None or credential.version != version or not connection.current(standing.state, version):
            return None
        asked_at = self._clock.now()
        again_at = asked_at + AFTER_UNCLEAR[min(tries, len(AFTER_UNCLEAR) - 1)]
        await self._store.append(
            Append(rows=[set_alarm(SERVICE, refresh_of(name), again_at, {**ring, "tries": tries + 1})])
        )
        channel = channel_of(name)
        adapter, client = self._grants.adapter(channel), self._grants.client(channel)
        answer = await adapter.refresh(self._grants.http_for(name), client, secret=credential.secret, now=asked_at)
        if isinstance(answer, Granted):
            await self._renewed(name, version, answer, credential.secret, asked_at, ring.get("cause"))
        elif isinstance(answer, GrantRefused):
            await self._refused(name, version, answer, ring.get("cause"))
        return None

    async def _renewed(
        self, name: str, version: int, granted: Granted, old: Mapping[str, str], at: datetime, cause: str | None
    ) -> None:
        async def decided() -> Append | None:
            standing = await self._grants.standing(name)
            grant = grant_of(granted, channel_of(name), at, standing.state.site)
            facts = connection.refreshed(standing.state, version=version, access_expires_at=grant.access_expires_at,
                                         expires_at=granted.grant_expires_at)  # fmt: skip
            if not facts:
                return None
            after = reduce(connection.evolve, facts, standing.state)
            body = {"secret": {**old, **granted.secret}, "member": after.member, "site": after.site}
            about = self._grants.about(name, cause=cause)
            rows = [
                self._grants.vault.seal(name, channel_of(name), after.credential_version, body),
                *await self._grants.vault.forget(name, below=after.credential_version),
                *alarms(after, at, renewable="refresh_token" in body["secret"]),
            ]
            return Append([standing.say(facts, about, self._new_id)], rows=rows)

        await self._until_it_stands(decided)

    async def _refused(self, name: str, version: int, answer: GrantRefused, cause: str | None) -> None:
        async def decided() -> Append | None:
            standing = await self._grants.standing(name)
            sentence = answer.detail or "The channel refused to renew the grant."
            facts = connection.refused(standing.state, version=version, reason="refused", code=answer.code,
                                       sentence=sentence)  # fmt: skip
            about = self._grants.about(name, cause=cause)
            return await self._grants.ending(standing, facts, about, self._new_id) if facts else None

        await self._until_it_stands(decided)

    async def _until_it_stands(self, decided: Callable[[], Awaitable[Append | None]]) -> None:
        """The exchange cannot be taken back: whatever moved meanwhile or did not answer, its result is written down."""
        while True:
            try:
                if append := await decided():
                    await self._store.append(append)
                return
            except Conflict:
                continue
            except (StoreError, OSError):
                await self._clock.nap(STORE_AGAIN_S)

    async def warn(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        """Seven days before the end (S8)."""
        standing = await self._grants.standing(str(ring["connection"]))
        facts = connection.warn(standing.state, now=self._clock.now())
        if not facts:
            return None
        return Append([standing.say(facts, self._grants.about(standing.name), self._new_id)])

    async def end(self, ring: dict[str, Any], alarm: Row) -> Append | None:
        standing = await self._grants.standing(str(ring["connection"]))
        facts = connection.end(standing.state, now=self._clock.now())
        about = self._grants.about(standing.name)
        return await self._grants.ending(standing, facts, about, self._new_id) if facts else None


async def refresh_now(store: BelledStore, name: str, version: int, *, at: datetime, cause: Told) -> list[Write]:
    """Somebody met a refusal of this very version. An exchange that is being waited for goes on at its own pace."""
    ring = {"ring": "refresh", "connection": name, "version": version, "cause": cause.id}
    rows = await store.pick(Pick(ALARM, {"service": SERVICE, "name": refresh_of(name)}))
    if rows and orjson.loads(str(rows[0]["ring"])).get("tries"):
        return []
    return [set_alarm(SERVICE, refresh_of(name), at, ring)]


def refresh_of(name: str) -> str:
    return f"refresh-{name}"
