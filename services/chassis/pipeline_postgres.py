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
from psycopg.generators import send


class _Straight(psycopg.Pipeline):
    def _exit_gen(self) -> Any:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        finally:
            yield from send(self.pgconn)
            yield from self._fetch_gen(flush=False)


class StraightConnection(psycopg.Connection[Any]):
    @contextmanager
    def pipeline(self) -> Iterator[psycopg.Pipeline]:
        """Not to be nested: nobody here does."""
        self._pipeline = pipeline = _Straight(self)
        try:
            with pipeline:
                yield pipeline
        finally:
            self._pipeline = None
