"""One request for a change: asked once, answered once (D18, I21).

    what the gateway owns     it decides itself: facts, rows and the answer are one append
    what another owns         is an ask: a fact in `asking-`, decided by its owner, answered by the fact it caused

An Idempotency-Key belongs to whoever sent it: the same request under it gets the same answer, another one is refused,
and two at once have one effect.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import orjson

from events import AskRefused, Fact, Told
from events.envelope import About, Draft
from events.subjects import asking_stream, delivery_stream, name_of, post_stream
from services.chassis.bells import BelledStore
from services.chassis.clock import Clock
from services.chassis.rows import ASKED, Pick, Put, Write
from services.chassis.store import Append, Conflict, Say
from services.gateway.answers import Answers
from services.gateway.principal import Principal
from services.gateway.problems import Problem


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, under which key, what exactly (`fingerprint`), and which version was relied on (`If-Match`): it is
    `expected`, or one of the `others`."""

    by: Principal
    key: str
    fingerprint: str
    expected: str | None = None
    others: tuple[str, ...] = ()

    def relies_on(self, version: str) -> str | None:
        """The one version to hold this request to, while it stands at this one; None if any will do."""
        return version if version in self.others else self.expected

    @property
    def stream(self) -> str:
        return asking_stream(self.by.name, self.key)

    @property
    def mark(self) -> str:
        """What this request is known by: also the id of a bulk change, by which it is undone."""
        return name_of(self.stream)

    def ids(self) -> Callable[[], str]:
        """The same request says the same facts, so saying them twice is saying them once (I4)."""
        count = itertools.count()
        return lambda: f"{self.mark}.{next(count)}"


@dataclass(frozen=True, slots=True)
class Done:
    """What a change answers, and the version the entity then has."""

    body: Mapping[str, Any]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What the gateway decided: what to append, and what to answer once that stands."""

    done: Done
    append: Append = field(default_factory=Append)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one ask: `fact` is the answer, None while there is none."""

    ask: Told
    fact: Told | None

    @property
    def refusal(self) -> Problem | None:
        """The decider's own words; its code may be one of the registry's or a plain refusal."""
        if self.fact is None or not isinstance(self.fact.fact, AskRefused):
            return None
        return Problem(self.fact.fact.code, self.fact.fact.reason)


@dataclass(frozen=True, slots=True)
class Wish:
    """One fact about asking, and whose story it belongs to."""

    fact: Fact
    story: str
    account: str | None = None
    channel: str | None = None


class Asking:
    """A part of the gateway: while a request waits for its answer, a stepping clock stands still (D7)."""

    def __init__(self, store: BelledStore, *, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running = 0
        self._answers = Answers(store, clock=clock)

    async def run(self) -> None:
        await self._answers.run()

    async def in_flight(self) -> str | None:
        return "a request for a change" if self._running else None

    @contextmanager
    def running(self) -> Iterator[None]:
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def change(self, asked: Asked, decide: Callable[[], Awaitable[Decided]]) -> Done:
        """Decide on what is there now; whoever moved first is decided upon again."""
        with self.running():
            async with self._locks.setdefault(asked.mark, asyncio.Lock()):
                while True:
                    if there := await self._answered(asked):
                        return there
                    decided = await decide()
                    rows = [*decided.append.rows, _answer_row(asked, decided.done)]
                    try:
                        await self._store.append(decided.append._replace(rows=rows))
                        return decided.done
                    except Conflict:
                        continue

    async def ask(
        self, asked: Asked, wishes: Sequence[Wish], *, rows: Sequence[Write] = (), note: Mapping[str, Any] | None = None
    ) -> Sequence[Told]:
        """The asks as they stand in the log, said now or by an earlier request under the same key; `note` is what else
        the first of them has answered."""
        with self.running():
            async with self._locks.setdefault(asked.mark, asyncio.Lock()):
                return await self._said(asked, wishes, rows, Done(note or {}))

    async def noted(self, asked: Asked) -> Mapping[str, Any]:
        """What the first request under this key noted."""
        there = await self._answered(asked)
        return there.body if there else {}

    async def _said(
        self, asked: Asked, wishes: Sequence[Wish], rows: Sequence[Write], done: Done
    ) -> Sequence[Told]:  # fmt: skip
        while True:
            there = await self._store.read(asked.stream)
            if await self._answered(asked) or there:
                return there
            about = About(story="", actor=asked.by.name, happened_at=self._clock.now())
            ids = asked.ids()
            drafts = [
                Draft(ids(), wish.fact, about._replace(story=wish.story, account=wish.account, channel=wish.channel))
                for wish in wishes
            ]
            says = [Say(asked.stream, 0, drafts)] if drafts else []
            try:
                return await self._store.append(Append(says, rows=[*rows, _answer_row(asked, done)]))
            except Conflict:
                continue

    async def verdicts(self, asks: Sequence[Told], streams: Callable[[Told], Sequence[str]]) -> Sequence[Verdict]:
        """Wait until every ask is answered, five seconds at most."""
        with self.running():
            found = await self._answers.to({ask.id: ask for ask in asks}, streams)
            return [Verdict(ask, found.get(ask.id)) for ask in asks]

    async def _answered(self, asked: Asked) -> Done | None:
        rows = await self._store.pick(Pick(ASKED, {"mark": asked.mark}))
        if not rows:
            return None
        if rows[0]["fingerprint"] != asked.fingerprint:
            raise Problem("key_reused", "Send a new Idempotency-Key with every new request.")
        answer = orjson.loads(str(rows[0]["answer"]))
        return Done(answer["body"], answer["version"])


def of_the_post(ask: Told) -> Sequence[str]:
    """Where an ask about a post is answered: by the scheduler, or by the publisher."""
    return (post_stream(ask.story), delivery_stream(ask.story))


def _answer_row(asked: Asked, done: Done) -> Put:
    answer = orjson.dumps({"body": done.body, "version": done.version}).decode()
    return Put(ASKED, {"mark": asked.mark, "fingerprint": asked.fingerprint, "answer": answer}, over=False)
