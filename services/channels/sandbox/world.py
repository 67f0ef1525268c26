"""The outside world: accounts, tokens, posts, budgets and weather, all from one seed and kept in its books.

    request -> weather before -> the dialect of the channel -> weather after -> reply

It opens no socket and reads no clock but the one it is handed, so it plays in-process and over HTTP alike.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from services.channels.sandbox import weather as faults
from services.channels.sandbox.books import Books
from services.channels.sandbox.budgets import Budgets
from services.channels.sandbox.dialects import DIALECTS, Dialect
from services.channels.sandbox.engagement import Counted, Planted, counted
from services.channels.sandbox.posts import Post, Posts
from services.channels.sandbox.tokens import Tokens
from services.channels.sandbox.weather import AT_ONCE, Asked, Weather
from services.channels.sandbox.wire import Reply, Request, page


class World:
    def __init__(self, books: Books, *, seed: str, now: Callable[[], datetime]) -> None:
        self.books, self.seed, self.now = books, seed, now
        self.tokens, self.posts, self.budgets = Tokens(books), Posts(books), Budgets(books)
        self.calls: Counter[str] = Counter(books.shelf("calls"))
        self._numbers: Counter[str] = Counter(books.shelf("numbers"))
        self._sky = {id: Weather.model_validate(kept) for id, kept in books.shelf("weather").items()}
        self._planted = {key: Planted.model_validate(kept) for key, kept in books.shelf("planted").items()}

    def answer(self, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """One answer. Whatever it changed is in the books before it is given."""
        request = Request.read(method, host, path, headers, body)
        dialect = next((each for each in DIALECTS if each.serves(request)), None)
        if dialect is None:
            return page(404, f"Nobody here plays {request.host}")
        given = self._under_the_sky(dialect, request)
        self.calls[dialect.CHANNEL] += 1
        self.books.keep("calls", dialect.CHANNEL, self.calls[dialect.CHANNEL])
        self.books.commit()
        return given

    def _under_the_sky(self, dialect: Dialect, request: Request) -> Reply:
        if request.path == dialect.CONSENT:
            return dialect.answer(self, request)
        account, publishes = dialect.whose(self, request), dialect.publishes(request)
        over = self._over(dialect.CHANNEL, account, publishes=publishes)
        before = faults.first(over, ("outage_before",) if request.path in dialect.OAUTH else faults.BEFORE)
        if before:
            self._struck(before)
            return _before(self, dialect, before.asked)
        given = dialect.answer(self, request)
        for kind in faults.AFTER:
            if strikes := faults.first(over, (kind,)):
                self._struck(strikes)
                given = _after(given, strikes.asked)
        return given

    # Weather, as a script turns it.

    def begin(self, channel: str, asked: Asked) -> None:
        """From now on; what befalls tokens befalls those of this moment, at once."""
        if asked.kind in AT_ONCE:
            self._befall(channel, asked)
        else:
            self._sky = {id: sky for id, sky in self._sky.items() if sky.holds(self.now())}
            id = str(self.number("weather"))
            self._keep(faults.begin(asked, id=id, channel=channel, now=self.now()))
        self.books.commit()

    def _befall(self, channel: str, asked: Asked) -> None:
        """A refresh cures what expired, where there is one. A key has none: for a blog the two are one."""
        for token in self.tokens.of(channel, asked.account, "access", "refresh", "key"):
            if asked.kind == "revoked" or token.use == "key":
                self.tokens.end(token, "revoked")
            elif token.use == "access":
                self.tokens.end(token, "expired")

    def hidden(self, post: Post) -> bool:
        """Is it too young for a list that lags?"""
        lags = [sky.asked.lag for sky in self._over(post.channel, post.account, publishes=False)
                if sky.asked.kind == "look_up_lag"]  # fmt: skip
        return any(self.now() - post.created_at < lag for lag in lags)

    def _over(self, channel: str, account: str | None, *, publishes: bool) -> list[Weather]:
        now = self.now()
        return [
            sky for sky in self._sky.values() if sky.channel == channel and sky.over(account, now, publishes=publishes)
        ]

    def _struck(self, sky: Weather) -> None:
        self._keep(sky.struck())

    def _keep(self, sky: Weather) -> None:
        self._sky[sky.id] = sky
        self.books.keep("weather", sky.id, sky.model_dump(mode="json", by_alias=True))

    # Engagement, and things that must be new.

    def plant(self, channel: str, planted: Planted) -> None:
        """The latest word about the same posts counts."""
        key = "/".join((channel, planted.account or "", planted.contains or "", str(sorted(planted.hours or ()))))
        self._planted[key] = planted
        self.books.keep("planted", key, planted.model_dump(mode="json"))
        self.books.commit()

    def engagement(self, post: Post) -> Counted:
        planted = [each for key, each in self._planted.items() if key.startswith(post.channel + "/")]
        return counted(post, seed=self.seed, now=self.now(), planted=planted)

    def number(self, of: str) -> int:
        """1, 2, 3 …"""
        self._numbers[of] += 1
        self.books.keep("numbers", of, self._numbers[of])
        return self._numbers[of]

    def last(self, of: str) -> int:
        """The number given last."""
        return self._numbers[of]

    def fresh(self, what: str) -> str:
        """A secret nobody can guess from the one before, and the same in every run of the same seed."""
        return f"{what}-{self.hash(what, str(self.number(what)))}"

    def hash(self, *words: str) -> str:
        return hashlib.blake2b("\x1f".join((self.seed, *words)).encode(), digest_size=16).hexdigest()


def _before(world: World, dialect: Dialect, asked: Asked) -> Reply:
    if asked.kind == "limit":
        return replace(dialect.limited(world, asked), before=True)
    if asked.kind == "refuse":
        return replace(dialect.refused(asked), before=True)
    if asked.status == 0:
        return Reply(503, lost=True, before=True)
    return replace(page(asked.status or 503, "Service Unavailable"), before=True)


def _after(given: Reply, asked: Asked) -> Reply:
    if asked.kind == "slow":
        return replace(given, hold_ms=asked.hold_ms)
    if asked.kind == "lost_answer":
        return replace(given, lost=True)
    return replace(page(asked.status or 503, "Service Unavailable"), hold_ms=given.hold_ms)
