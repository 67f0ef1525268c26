"""What every route is handed: the store and its clock, who comes in, the views, the vault, and the way to the channels.

A router factory takes the desk and nothing else, so that tests and production build the same routes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from events.channels import account_of
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.service import Chassis
from services.chassis.telemetry import Metrics
from services.chassis.vault import Vault
from services.gateway.asking import Asking
from services.gateway.grants import Grants
from services.gateway.keys import Keys
from services.gateway.principal import Action, Principal, who_may
from services.gateway.problems import Problem, not_found, unauthenticated
from services.gateway.views.fold import Views

STORY = re.compile(r"[a-z0-9-]{1,64}\.[a-z0-9-]{1,64}")
"""`<account>.<post>`, as each of them is named (S1)."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the house around the gateway answers for it. Each has a default that is true of a gateway alone.

    `unready` names what is not ready; `accept_clock` takes the wall's time as an operator's answer to a jump.
    """

    unready: Callable[[], Awaitable[list[str]]] | None = None
    accept_clock: Callable[[], None] | None = None
    replay: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]] | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    chassis: Chassis
    keys: Keys
    asking: Asking
    grants: Grants
    vault: Vault
    views: Views
    public_url: Callable[[], str]
    seen_as: Callable[[str], str] = str
    metrics: Metrics = field(default_factory=Metrics)
    hooks: Hooks = field(default_factory=Hooks)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the house stops: whoever listens is let go instead of cut off."""

    @property
    def store(self) -> BelledStore:
        return self.chassis.store

    @property
    def clock(self) -> Clock:
        return self.chassis.clock

    def now(self) -> datetime:
        return self.chassis.clock.now()

    def new_id(self) -> str:
        return self.chassis.new_id()


bearer = HTTPBearer(auto_error=False, description="An API key, as `distribution keys issue` shows it once.")


async def principal_of(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None
) -> Principal:
    """The one place where a request becomes somebody: a key sent along, or the session cookie of the page."""
    desk: Desk = request.app.state.desk
    found = await desk.keys.principal_of(request)
    if found is None:
        raise unauthenticated()
    return found


Asker = Annotated[Principal, Depends(principal_of)]
"""A route's argument of this type is whoever asks; without one nobody comes in."""


def allow(asker: Principal, action: Action, *, account: str | None = None) -> None:
    """A foreign account is as unknown as none; a role that may not is told so."""
    if account is not None and not asker.sees(account):
        raise not_found()
    if not asker.may(action):
        raise Problem("forbidden", f"The role {asker.role} may not do this; ask {who_may(action)}.")


def allow_house(asker: Principal, action: Action) -> None:
    """For what concerns all accounts at once."""
    if not asker.everywhere or not asker.may(action):
        raise Problem(
            "forbidden", "This concerns the whole house; it takes a key for all accounts whose role allows it."
        )


def allow_story(asker: Principal, action: Action, story: str) -> None:
    """A name that no post can have is not looked for: it may come in a body, and PostgreSQL takes no zero character."""
    if not STORY.fullmatch(story):
        raise not_found()
    allow(asker, action, account=account_of(story))
