"""Every channel the world can play. A further one is a module with these few words, and one name in the tuple below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from services.channels.sandbox import linkedin, wordpress, x
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.wire import Reply, Request

if TYPE_CHECKING:
    from services.channels.sandbox.world import World


class Dialect(Protocol):
    @property
    def CHANNEL(self) -> str: ...

    @property
    def CONSENT(self) -> str:
        """The path of the page on which an owner consents: a browser's business, which no weather touches."""
        ...

    @property
    def OAUTH(self) -> tuple[str, ...]:
        """The paths of the token endpoint: they know outages, and no limits."""
        ...

    @staticmethod
    def serves(request: Request) -> bool: ...

    @staticmethod
    def publishes(request: Request) -> bool:
        """Is this the one call that makes something visible?"""
        ...

    @staticmethod
    def whose(world: World, request: Request) -> str | None:
        """The account on whose behalf it comes."""
        ...

    @staticmethod
    def answer(world: World, request: Request) -> Reply: ...

    @staticmethod
    def limited(world: World, asked: Asked) -> Reply:
        """Slow down, in its own words."""
        ...

    @staticmethod
    def refused(asked: Asked) -> Reply:
        """A definite no with the code a script asked for, in its own words."""
        ...


DIALECTS: tuple[Dialect, ...] = (linkedin, x, wordpress)
