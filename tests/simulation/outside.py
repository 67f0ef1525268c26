"""The outside world with a witness: every call is seen with its effect, and all weather that struck is counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.channels.sandbox import x
from services.channels.sandbox.books import MemoryBooks
from services.channels.sandbox.posts import Post
from services.channels.sandbox.weather import Asked, Weather
from services.channels.sandbox.wire import Reply
from services.channels.sandbox.world import World

if TYPE_CHECKING:
    from tests.simulation.house import House
    from tests.simulation.life import Life

X_ACCESS_LIFE = timedelta(hours=100)
"""X's tokens live 2 hours, which is 200 refreshes in a fortnight and tells nothing that a handful do not."""

_SHOWN = re.compile(rb"\bsim-[a-z0-9-]+-\d+\b")
"""Every post of the simulation holds its own name in its text, so that a witness knows it whatever the product did."""


@contextmanager
def long_lived_grants() -> Iterator[None]:
    """For the time of one fortnight: the sandbox of everybody else keeps X's own two hours."""
    before = x.MANNERS
    x.MANNERS = replace(before, access_life=X_ACCESS_LIFE)
    try:
        yield
    finally:
        x.MANNERS = before


@dataclass(frozen=True, slots=True)
class Call:
    """One request that made, or would have made, something visible."""

    at: datetime
    life: str
    connection: str
    story: str
    status: int
    post: Post | None
    """What became visible by it."""
    heard: bool
    """Whether its answer says so."""
    body: bytes
    stood_still: bool
    """Whether the process was ever stopped since it began."""


class SeenWorld(World):
    def __init__(self, house: House, *, seed: str, now: Callable[[], datetime]) -> None:
        super().__init__(MemoryBooks(), seed=seed, now=now)
        self._house = house
        self.published: list[Call] = []
        self.asked = 0
        self._made: Post | None = None
        write = self.posts.write

        def witnessed(post: Post) -> Post:
            self._made = post
            return write(post)

        self.posts.write = witnessed  # type: ignore[method-assign]

    def called(self, life: Life, connection: str, method: str, host: str, path: str,
               headers: Mapping[str, str], body: bytes | None) -> Reply:  # fmt: skip
        self._made = None
        given = self.answer(method, host, path, headers, body)
        self.asked += 1
        if self._makes_visible(method, path):
            call = Call(self.now(), life.name, connection, story_in(connection, body or b""), given.status, self._made,
                        heard=not given.lost and 200 <= given.status < 300, body=body or b"",
                        stood_still=life.stood_still)  # fmt: skip
            self.published.append(call)
            self._house.called(call)
        return given

    def _makes_visible(self, method: str, path: str) -> bool:
        return method == "POST" and path.partition("?")[0] in ("/rest/posts", "/2/tweets", "/wp-json/wp/v2/posts")

    def live(self, connection: str, story: str) -> list[Post]:
        """Everything that stands out there for one post."""
        channel = connection.split(".")[1]
        name = story.split(".", 1)[1].encode()
        return [post for post in self.posts.everything(channel)
                if not post.deleted and post.connection == connection and name in _names(post)]  # fmt: skip

    def clear_up(self) -> None:
        self._sky.clear()

    def _struck(self, sky: Weather) -> None:
        kind = "unreachable" if sky.asked.status == 0 else sky.asked.kind
        self._house.faults.fired[kind] += 1
        self._house.note(f"the weather strikes: {sky.asked.kind} over {sky.channel}")
        super()._struck(sky)

    def _befall(self, channel: str, asked: Asked) -> None:
        before = len(list(self.tokens.of(channel, asked.account, "access", "refresh", "key")))
        super()._befall(channel, asked)
        ended = before - len(list(self.tokens.of(channel, asked.account, "access", "refresh", "key")))
        self._house.faults.fired[asked.kind] += ended > 0

    def hidden(self, post: Post) -> bool:
        hidden = super().hidden(post)
        self._house.faults.fired["look_up_lag"] += hidden
        return hidden


def _names(post: Post) -> list[bytes]:
    return _SHOWN.findall(f"{post.text} {post.title} {post.link}".encode())


def story_in(connection: str, body: bytes) -> str:
    found = _SHOWN.search(body)
    return f"{connection.split('.')[0]}.{found.group().decode()}" if found else ""
