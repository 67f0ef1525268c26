"""The world's own time (`PUT /sandbox/clock`): what it was told, running on as fast as it was told, kept in its books.

Until somebody sets it, it is the wall's. Weather and the lives of tokens read it; only `slow` counts real milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.channels.sandbox.books import Books


class Setting(BaseModel):
    """`speed` 0 stands still; 1 is real time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: AwareDatetime
    speed: float = Field(0, ge=0)


class SandboxClock:
    def __init__(self, books: Books, wall: Callable[[], datetime]) -> None:
        self._books, self._wall = books, wall
        kept: Any = books.shelf("clock").get("clock")
        self._setting = Setting.model_validate(kept["setting"]) if kept else None
        self._since = datetime.fromisoformat(kept["since"]) if kept else wall()

    def now(self) -> datetime:
        if self._setting is None:
            return self._wall()
        return self._setting.now + (self._wall() - self._since) * self._setting.speed

    def set(self, setting: Setting) -> None:
        self._setting, self._since = setting, self._wall()
        kept = {"setting": setting.model_dump(mode="json"), "since": self._since.isoformat()}
        self._books.keep("clock", "clock", kept)
        self._books.commit()
