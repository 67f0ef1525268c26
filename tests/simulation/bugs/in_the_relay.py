"""Mistakes about where the feed ends, each of which offers the world something twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from events.subjects import DISTRIBUTION
from services.chassis import relay
from services.chassis.feed_end import FeedEnd
from tests.simulation.bugs.planting import Change, bug


@bug
def the_last_true_copy_is_taken_for_the_end() -> Iterator[Change]:
    """Also one that somebody has put there once more, of a fact that was offered long before (I7)."""

    async def look(self: Any, client: Any, js: Any) -> None:
        await relay.Topology(client, replicas=1).ensure()
        info, known = await js.stream_info(DISTRIBUTION), self._end
        last = info.state.last_seq
        if known is None or known.created != info.created or known.sequence > last:
            known = FeedEnd(info.created, 0, 0)
        for sequence in range(last, max(known.sequence, info.state.first_seq - 1), -1):
            position = await self._true_copy(js, sequence)
            if position is not None and position > known.position:
                known = FeedEnd(info.created, sequence, position)
                break
        self._end = FeedEnd(info.created, last, known.position)

    yield Change(relay.Relay, "_look", look)


@bug
def nobody_asks_how_far_another_relay_has_come() -> Iterator[Change]:
    """It stood still, and what the other one has offered meanwhile has aged away (F13)."""
    look, read_end = relay.Relay._look, relay.read_end

    async def by_heart(self: Any, client: Any, js: Any) -> None:
        async def nothing(store: Any) -> None:
            return None

        relay.read_end = nothing
        try:
            await look(self, client, js)
        finally:
            relay.read_end = read_end

    yield Change(relay.Relay, "_look", by_heart)
