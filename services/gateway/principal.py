"""Who asks, and what that role may do (S49). One table; a decision looks here, never a route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "operator", "reviewer", "viewer"]
Action = Literal["read", "comment", "review", "queue", "connect", "configure", "operate", "keys"]

MAY: dict[Role, frozenset[Action]] = {
    "owner": frozenset({"read", "comment", "review", "queue", "connect", "configure", "operate", "keys"}),
    "operator": frozenset({"read", "comment", "queue", "connect", "configure", "operate"}),
    "reviewer": frozenset({"read", "comment", "review"}),
    "viewer": frozenset({"read"}),
}
"""*review*: approve, reject. *comment*: the thread, which has two sides. *queue*: edit, retry, cancel, move, settle.
*operate*: parked messages, views, replays, kill switch, clock."""


def who_may(action: Action) -> str:
    """Whom to ask for it, as in *an owner or a reviewer*."""
    *others, last = [
        f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role, actions in MAY.items() if action in actions
    ]
    return f"{', '.join(others)} or {last}" if others else last


@dataclass(frozen=True, slots=True)
class Principal:
    """`name` is what facts carry as their actor, such as `key:3f9a0c1b`; `accounts` None means all of them.

    `session` is the mark of the browser session it came by, None for a key sent along.
    """

    name: str
    role: Role
    accounts: tuple[str, ...] | None = None
    session: str | None = None

    @property
    def everywhere(self) -> bool:
        """The house as a whole is only for whoever sees all of it."""
        return self.accounts is None

    def sees(self, account: str | None) -> bool:
        return self.accounts is None or account in self.accounts

    def may(self, action: Action) -> bool:
        return action in MAY[self.role]
