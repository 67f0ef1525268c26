"""What a change of an account moves, connection by connection: asked beforehand, or told with the change (S22)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from events import AccountDocument, EngagementProfiled
from services.gateway.account import Account
from services.gateway.desk import Desk
from services.gateway.previewing import COUNTED_SINCE, FREE, Move, Preview, preview
from services.gateway.views import learning, queue
from services.gateway.views.queue import STATUSES
from services.gateway.views.view import instant, micros, unpacked
from services.planning.posting_day import day_of
from services.planning.rezoning import Keep, reason

MOVES_SHOWN = 100
WORDS: dict[Keep, str] = {"wall_clock": "wall clock", "instant": "instant"}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`keep` counts only where nothing but the zone changes."""

    keep: Keep
    found: Sequence[Preview]

    @property
    def posts(self) -> int:
        return sum(each.posts for each in self.found)

    @property
    def moves(self) -> list[tuple[str, Move]]:
        return [(each.connection, move) for each in self.found for move in each.moves]

    @property
    def sentence(self) -> str:
        """How many keep what was to be kept, and how many are planned again."""
        moves, kept = self.moves, self._kept()
        if not moves:
            return f"None of {self.posts} planned posts moves." if self.posts else "Nothing is planned that could move."
        again = len(moves) - kept
        parts = [f"{kept} of {_posts(self.posts)} keep{'s' * (kept == 1)} the {WORDS[self.keep]}"] if kept else []
        if again:
            parts.append(f"{again}{'' if kept else f' of {_posts(self.posts)}'} {'is' if again == 1 else 'are'} "
                         "planned again")  # fmt: skip
        return f"{'; '.join(parts)}."

    def _kept(self) -> int:
        return sum(move.why.reason == reason(each.after, self.keep) for each in self.found for move in each.moves)

    def told(self, limit: int = MOVES_SHOWN) -> dict[str, Any]:
        moves = self.moves
        return {
            "sentence": self.sentence,
            "connections": [_connection(each) for each in self.found],
            "items": [_move(name, move) for name, move in moves[:limit]],
            "more": max(0, len(moves) - limit),
        }


async def foreseen(desk: Desk, account: str, state: Account, after: AccountDocument, keep: Keep) -> Foreseen:
    assert state.document is not None  # noqa: S101 - asked of an account that is there
    await desk.views.fresh()
    known = await desk.views.documents(learning.profiles(account))
    profiles = {each["connection"]: learning.profile_of(each) for each in known}
    found = [await _previewed(desk, name, state.document, after, profiles.get(name), keep)
             for name in state.connections]  # fmt: skip
    return Foreseen(keep, found)


async def _previewed(
    desk: Desk, connection: str, before: AccountDocument, after: AccountDocument, profile: EngagementProfiled | None,
    keep: Keep,
) -> Preview:  # fmt: skip
    now, c = desk.now(), queue.table.c
    kept = [status for status in STATUSES if status not in FREE]
    asked = select(c.body).where(c.connection == connection, c.status.in_(kept), c.at > micros(now - COUNTED_SINCE))
    rows = await desk.views.rows(asked)

    def planned() -> Preview:
        documents = [unpacked(row.body) for row in rows]
        return preview(connection, documents, before=before, after=after, profile=profile, now=now, keep=keep)

    # A long queue takes a second or two, in which everybody else goes on being answered.
    return await asyncio.to_thread(planned)


def _posts(count: int) -> str:
    return f"{count} planned {'post' if count == 1 else 'posts'}"


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
