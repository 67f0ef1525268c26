"""A pipeline whose end the server takes for an end, so that a client that stands still after it is cut off (F24, G9).

psycopg leaves a pipeline with a Sync and, while an answer is on its way, a Flush behind it. The Sync starts the
server's clock for a transaction in which nothing happens, and the Flush stops it again: *m* a process that was stopped
at that moment kept everybody's lock until it went on. Here the Sync is the last word, and it is sent to its last byte
before an answer is waited for: a server that had no room for all of a long text waits for the rest as we for it. What
is left is fetched also when an answer that came early was a refusal: a connection with answers on it cannot leave its
pipeline, and is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout
from psycopg.generators import send

LOOK_UP_EVERY_S = 0.1
"""psycopg's own: how often Ctrl-C is noticed while nothing comes."""


class _Straight(psycopg.Pipeline):
    def _exit_gen(self) -> Any:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        finally:
            yield from send(self.pgconn)
            yield from self._fetch_gen(flush=False)


class StraightConnection(psycopg.Connection[Any]):
    """`patience_s`: a server that says nothing for so many seconds is taken for gone, and the connection is closed."""

    patience_s: float | None = None

    def wait(self, gen: Any, interval: float = LOOK_UP_EVERY_S, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except _WaitTimeout:
            self.close()  # whatever it still says would be the answer to another question
            raise psycopg.OperationalError(f"no answer in {self.patience_s or timeout:.0f} seconds") from None

    @contextmanager
    def pipeline(self) -> Iterator[psycopg.Pipeline]:
        """Not to be nested: nobody here does."""
        self._pipeline = pipeline = _Straight(self)
        try:
            with pipeline:
                yield pipeline
        finally:
            self._pipeline = None
