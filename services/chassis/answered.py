"""An ask is answered once, however often it is heard: a checkpoint that was set back asks nobody twice (D18).

An answer is a refusal under the ask's own id, or a fact that names the ask as its cause.
"""

from __future__ import annotations

from collections.abc import Mapping

from events import Fact, RedriveAsked, Told
from events.subjects import answer_stream, delivery_stream, post_stream
from services.chassis.concerns import Reaction
from services.chassis.store import Append, Store


def answered_once(store: Store, reactions: Mapping[type[Fact], Reaction]) -> dict[type[Fact], Reaction]:
    """The same reactions, silent to whatever they have answered before."""

    def once(reaction: Reaction) -> Reaction:
        async def heard(told: Told) -> Append | None:
            return None if await answered(store, told) else await reaction(told)

        return heard

    return {fact: once(reaction) for fact, reaction in reactions.items()}


async def answered(store: Store, ask: Told) -> bool:
    if await store.read(answer_stream(ask.id)):
        return True
    about = [ask.fact.parked] if isinstance(ask.fact, RedriveAsked) else [post_stream(ask.story)]
    for stream in (*about, delivery_stream(ask.story)):
        if any(told.about.cause == ask.id for told in await store.read(stream)):
            return True
    return False
