"""Which objects on a channel are posts of ours already: whoever looks for another one takes none of them for it (I13).

A post without a link is known by its words alone, and two posts may say the same ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from events import PostPublished
from services.chassis.rows import LIVE, Pick, Put
from services.chassis.store import Store

EARLIER = timedelta(minutes=5)
"""Clocks differ, and a look goes back to a minute before its attempt: so much more is known here."""


def live_row(story: str, fact: PostPublished) -> Put:
    """Whoever was found to be that object first, is."""
    row = {"connection": fact.connection, "channel_post_id": fact.channel_post_id, "story": story,
           "published_at": fact.published_at}  # fmt: skip
    return Put(LIVE, row, over=False)


async def others_since(store: Store, story: str, connection: str, since: datetime) -> frozenset[str]:
    """The channel's ids of the other posts that went out there since about then."""
    rows = await store.pick(Pick(LIVE, {"connection": connection}, since={"published_at": since - EARLIER}))
    return frozenset(str(row["channel_post_id"]) for row in rows if row["story"] != story)
