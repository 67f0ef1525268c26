"""What the gateway hears, and what rings for it: read, decide, append."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events import CredentialRefused, Fact, MeasurementFailed, MeasurementPlanned, Told
from events.subjects import connection_stream, measurement_stream
from services.chassis.alarms import Ring
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.concerns import Reaction
from services.chassis.rows import Row
from services.chassis.store import Append
from services.gateway import connection
from services.gateway.consents import forget
from services.gateway.grants import Grants
from services.gateway.renewing import Renewing, refresh_now


def reactions(
    store: BelledStore, grants: Grants, *, clock: Clock, new_id: Callable[[], str]
) -> dict[type[Fact], Reaction]:
    async def credential_refused(told: Told) -> Append | None:
        """A send met a 401: revoked is the end, anything else may be cured by one exchange (D20)."""
        fact = told.fact
        assert isinstance(fact, CredentialRefused)  # noqa: S101 - the table
        if not fact.revoked:
            return await renewed(fact.connection, fact.credential_version, told)
        standing = await grants.standing(fact.connection)
        sentence = "The channel says that its consent was withdrawn. Reconnect the channel, then retry."
        facts = connection.refused(standing.state, version=fact.credential_version, reason="revoked", code=fact.code,
                                   sentence=sentence)  # fmt: skip
        about = grants.about(fact.connection, cause=told.id)
        return await grants.ending(standing, facts, about, new_id) if facts else None

    async def measurement_failed(told: Told) -> Append | None:
        """A poll met a 401; which connection it asked stands in the plan of the measurement."""
        fact = told.fact
        assert isinstance(fact, MeasurementFailed)  # noqa: S101 - the table
        if not fact.credential_refused or fact.credential_version is None:
            return None
        plans = [each.fact for each in await store.read(measurement_stream(told.story))]
        planned = next((each for each in plans if isinstance(each, MeasurementPlanned)), None)
        return await renewed(planned.connection, fact.credential_version, told) if planned else None

    async def renewed(name: str, version: int, cause: Told) -> Append | None:
        standing = await grants.standing(name)
        if not connection.current(standing.state, version):
            return None
        rows = await refresh_now(store, name, version, at=clock.now(), cause=cause)
        return Append(still={connection_stream(name): standing.version}, rows=rows)

    return {CredentialRefused: credential_refused, MeasurementFailed: measurement_failed}


def rings(store: BelledStore, grants: Grants, *, clock: Clock, new_id: Callable[[], str]) -> dict[str, Ring]:
    renewing = Renewing(store, grants, clock=clock, new_id=new_id)

    async def forget_consent(ring: dict[str, Any], alarm: Row) -> Append | None:
        """Ten minutes have passed: nobody came back with it."""
        return Append(rows=forget(str(ring["consent"])))

    return {"refresh": renewing.refresh, "warn": renewing.warn, "end": renewing.end, "forget_consent": forget_consent}
