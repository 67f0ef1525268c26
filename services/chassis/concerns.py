"""Facts that their reaction need not hear: what a fact says by itself costs neither a read nor a checkpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from events import Told
from services.chassis.store import Append

Reaction = Callable[[Told], Awaitable[Append | None]]


@dataclass(frozen=True, slots=True)
class Only:
    """A reaction to those facts alone that `concern` it. The fact must be enough to tell: the inbox passes by the
    others as it does those nobody here hears, and a ring or a redrive that comes with one finds nothing to do."""

    concern: Callable[[Told], bool]
    reaction: Reaction

    async def __call__(self, told: Told) -> Append | None:
        return await self.reaction(told) if self.concern(told) else None


def concerns(reaction: Reaction | None, told: Told) -> bool:
    """Whether it has to be heard; by whoever has a reaction that does not say, it has."""
    if not isinstance(reaction, Only):
        return reaction is not None
    try:
        return reaction.concern(told)
    except Exception:  # where nobody can say, it is heard, and held like any fact that breaks its handler (I25)
        return True
