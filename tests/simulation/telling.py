"""A failing seed tells its story: who said what when, of the posts concerned, between what went wrong around them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from events import Told
from events.channels import account_of
from events.subjects import kind_of, name_of

if TYPE_CHECKING:
    from tests.simulation.house import House

LINES_MAX = 200
FIELD_MAX = 60
NOTHING = (None, "", (), {})
LONG = ("content", "why", "document", "scopes")
"""Fields of a fact that a story is told without."""


def story_of(house: House, stories: Iterable[str]) -> str:
    concerned = {story for story in stories if story}
    about = {house.book.stories[story].connection for story in concerned if story in house.book.stories}
    lines = [
        (told.recorded_at, told.position, 1, _said(told))
        for told in house.disk._log
        if _concerns(told, concerned, about)
    ]
    lines += [(at, position, 0, f"           ~ {what}") for at, position, what in house.notes]
    lines.sort(key=lambda line: line[:3])
    shown = [f"{_when(at)}  {what}" for at, _, _, what in lines]
    cut = [f"... {len(shown) - LINES_MAX} lines ..."] if len(shown) > LINES_MAX else []
    return "\n".join([*cut, *shown[-LINES_MAX:]])


def _concerns(told: Told, stories: set[str], connections: set[str]) -> bool:
    if not stories:
        return True
    kind, name = kind_of(told.stream), name_of(told.stream)
    if kind in ("account", "house"):
        return name == "all" or any(name in (account_of(each), each.split(".")[1]) for each in connections)
    return told.story in stories or (kind == "connection" and name in connections)


def _said(told: Told) -> str:
    shown = [(name, value) for name, value in told.fact if name not in LONG and value not in NOTHING]
    words = [f"{name}={str(value)[:FIELD_MAX]}" for name, value in shown]
    said = f"{type(told.fact).__name__}({', '.join(words)})"
    return f"#{told.position:<4} {told.about.actor:>10}: {said} on {told.stream}, after {told.about.cause}"


def _when(at: datetime) -> str:
    return f"{at:%m-%d %H:%M:%S.%f}"[:-3]
