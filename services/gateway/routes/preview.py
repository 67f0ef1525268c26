"""What-if: what a change of an account would move, answered from the real queue without changing anything (S22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from events.subjects import account_stream
from services.gateway import account
from services.gateway.bodies import Door
from services.gateway.desk import Asker, Desk
from services.gateway.foreseeing import MOVES_SHOWN, Foreseen, foreseen
from services.gateway.principal import Principal
from services.gateway.routes.accounts import Patch, keep_of

Id = Annotated[str, Path(max_length=64)]
MOVES_MAX = 1000


def previews(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Door)

    @router.post("/{id}/preview")
    async def what_if(
        id: Id, by: Asker, choices: Patch, limit: Annotated[int, Query(ge=1, le=MOVES_MAX)] = MOVES_SHOWN
    ) -> dict[str, Any]:
        """`choices` as in PATCH; each connection's queue as it would be, and who would move. Nothing is written.

        `sentence` sums it up, `connections` says how many posts each date would gain or lose, and `items` shows the
        first `limit` posts that would move: the slot before, the slot after, and why there. `missed` shows those with
        an exact time that would be over the cap: they are never moved, so a person decides.
        """
        return {"account": id} | (await previewed(desk, by, id, choices)).told(limit)

    return router


async def previewed(desk: Desk, by: Principal, id: str, choices: Mapping[str, Any]) -> Foreseen:
    state, _ = await desk.store.fold(account_stream(id), account)
    keep, patch = keep_of(choices)
    after = account.merged(state, by=by, account=id, patch=patch)
    return await foreseen(desk, id, state, after, keep)
