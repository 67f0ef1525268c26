"""Mistakes about grants: what is renewed, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.gateway import connection, grants, reactions
from tests.simulation.bugs.planting import Change, bug


@bug
def a_refused_key_is_exchanged_as_if_it_were_a_token() -> Iterator[Change]:
    """No registration of ours stands behind a CMS key, so that breaks, and is tried again for ever (S12)."""
    yield Change(grants, "ConsentPage", object)


@bug
def a_refused_credential_is_nobodys_business() -> Iterator[Change]:
    """The publisher met a 401, said so, and nobody renews anything (D20)."""

    async def nothing(*told: Any, **more: Any) -> list[Any]:
        return []

    yield Change(reactions, "refresh_now", nothing)


@bug
def a_renewed_grant_counts_as_the_one_before() -> Iterator[Change]:
    """The new secret is sealed under the old number, so whoever waits for a newer one waits for ever (D20)."""
    refreshed = connection.refreshed

    def as_before(state: Any, **more: Any) -> Any:
        return [fact.model_copy(update={"credential_version": more["version"]}) for fact in refreshed(state, **more)]

    yield Change(connection, "refreshed", as_before)
