"""What-if: what a change of an account would move, answered from the real queue without changing anything (S22)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from sqlalchemy import select

from events import AccountDocument, EngagementProfiled
from events.subjects import account_stream
from services.gateway import account
from services.gateway.bodies import Door
from services.gateway.desk import Asker, Desk
from services.gateway.previewing import COUNTED_SINCE, FREE, Move, Preview, preview
from services.gateway.problems import not_found
from services.gateway.views import learning, queue
from services.gateway.views.queue import STATUSES
from services.gateway.views.view import instant, micros, unpacked
from services.planning.posting_day import day_of

Id = Annotated[str, Path(max_length=64)]
MOVES_MAX = 1000


def previews(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"], route_class=Door)

    @router.post("/{id}/preview")
    async def what_if(
        id: Id, by: Asker, choices: Annotated[dict[str, Any], Body()],
        limit: Annotated[int, Query(ge=1, le=MOVES_MAX)] = 100,
    ) -> dict[str, Any]:  # fmt: skip
        """`choices` as in PATCH; each connection's queue as it would be, and who would move. Nothing is written."""
        state, _ = await desk.store.fold(account_stream(id), account)
        after = account.merged(state, by=by, account=id, patch=choices)
        if state.document is None:
            raise not_found()
        await desk.views.fresh()
        profiles = {
            each["connection"]: learning.profile_of(each) for each in await desk.views.documents(learning.profiles(id))
        }
        found = [await _previewed(desk, name, state.document, after, profiles.get(name)) for name in state.connections]
        moves = [(each.connection, move) for each in found for move in each.moves]
        return {
            "account": id,
            "connections": [_connection(each) for each in found],
            "items": [_move(name, move) for name, move in moves[:limit]],
            "more": max(0, len(moves) - limit),
        }

    return router


async def _previewed(
    desk: Desk, connection: str, before: AccountDocument, after: AccountDocument, profile: EngagementProfiled | None
) -> Preview:
    now, c = desk.now(), queue.table.c
    kept = [status for status in STATUSES if status not in FREE]
    asked = select(c.body).where(c.connection == connection, c.status.in_(kept), c.at > micros(now - COUNTED_SINCE))
    rows = await desk.views.rows(asked)

    def planned() -> Preview:
        documents = [unpacked(row.body) for row in rows]
        return preview(connection, documents, before=before, after=after, profile=profile, now=now)

    # A long queue takes a second or two, in which everybody else goes on being answered.
    return await asyncio.to_thread(planned)


def _connection(found: Preview) -> dict[str, Any]:
    """`days` is how many posts each local date would gain or lose: what is full, and where the rest goes."""
    change = Counter(day_of(move.after).isoformat() for move in found.moves)
    change.subtract(day_of(move.before).isoformat() for move in found.moves)
    return {
        "connection": found.connection,
        "mode": {"before": found.before.mode, "after": found.after.mode},
        "posts": found.posts,
        "moves": len(found.moves),
        "days": [{"day": day, "change": count} for day, count in sorted(change.items()) if count],
    }


def _move(connection: str, move: Move) -> dict[str, Any]:
    return {
        "id": move.id,
        "connection": connection,
        "before": {"at": instant(move.before.at), "local": move.before.local, "zone": move.before.zone},
        "after": {"at": instant(move.after.at), "local": move.after.local, "zone": move.after.zone},
        "why": move.why.model_dump(mode="json"),
    }
