"""What a change of an account moves, connection by connection: asked beforehand, or told with the change (S22)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from events import AccountDocument, EngagementProfiled, Slot
from services.gateway.account import Account
from services.gateway.desk import Desk
from services.gateway.previewing import COUNTED_SINCE, FREE, Miss, Move, Preview, preview
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
    def missed(self) -> list[tuple[str, Miss]]:
        return [(each.connection, miss) for each in self.found for miss in each.missed]

    @property
    def sentence(self) -> str:
        missed = len(self.missed)
        return f"{self._moved()} {_missed(missed)}" if missed else self._moved()

    def _moved(self) -> str:
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
        moves, missed = self.moves, self.missed
        return {
            "sentence": self.sentence,
            "connections": [_connection(each) for each in self.found],
            "items": [_move(name, move) for name, move in moves[:limit]],
            "more": max(0, len(moves) - limit),
            "missed": [_miss(name, miss) for name, miss in missed[:limit]],
            "missed_more": max(0, len(missed) - limit),
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


def _missed(count: int) -> str:
    if count == 1:
        return "1 post with an exact time is over the cap: it is missed, and a person decides."
    return f"{count} posts with an exact time are over the cap: they are missed, and a person decides."


def _connection(found: Preview) -> dict[str, Any]:
    """`days` is how many posts each local date would gain or lose: what is full, and where the rest goes."""
    change = Counter(day_of(move.after).isoformat() for move in found.moves)
    change.subtract(day_of(each.before).isoformat() for each in [*found.moves, *found.missed])
    return {
        "connection": found.connection,
        "mode": {"before": found.before.mode, "after": found.after.mode},
        "posts": found.posts,
        "moves": len(found.moves),
        "missed": len(found.missed),
        "days": [{"day": day, "change": count} for day, count in sorted(change.items()) if count],
    }


def _move(connection: str, move: Move) -> dict[str, Any]:
    return {
        "id": move.id,
        "connection": connection,
        "before": _slot(move.before),
        "after": _slot(move.after),
        "why": move.why.model_dump(mode="json"),
    }


def _miss(connection: str, miss: Miss) -> dict[str, Any]:
    return {"id": miss.id, "connection": connection, "before": _slot(miss.before), "reason": miss.reason}


def _slot(slot: Slot) -> dict[str, Any]:
    return {"at": instant(slot.at), "local": slot.local, "zone": slot.zone}
