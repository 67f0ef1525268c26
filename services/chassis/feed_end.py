"""Where the feed ended when the relay last knew: kept with the log, so that a feed whose last message has aged away is
not taken for a wiped one, and nothing is offered twice after a quiet month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from services.chassis.rows import HOUSE, Pick, Put
from services.chassis.store import Append, Store

NAME = "relay"


@dataclass(frozen=True, slots=True)
class FeedEnd:
    """The stream (there is another one with another `created` after it was wiped), its last sequence, our position."""

    created: datetime | None
    sequence: int
    position: int


async def read_end(store: Store) -> FeedEnd | None:
    rows = await store.pick(Pick(HOUSE, {"name": NAME}, limit=1))
    if not rows:
        return None
    kept = orjson.loads(str(rows[0]["body"]))
    return FeedEnd(datetime.fromisoformat(kept["created"]), kept["sequence"], kept["position"])


async def write_end(store: Store, end: FeedEnd) -> None:
    body = orjson.dumps({"created": end.created, "sequence": end.sequence, "position": end.position})
    await store.append(Append(rows=[Put(HOUSE, {"name": NAME, "body": body.decode()})]))
