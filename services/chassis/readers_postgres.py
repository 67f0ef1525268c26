"""Connections that read, each question on an idle one. What breaks one breaks all, and asking again harms nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeVar

import psycopg

from services.chassis.recorder_postgres import ANSWER_S, Connection, StoreUnreachable, connect

READERS = 4
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)
T = TypeVar("T")


class Readers:
    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        self._threads = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="log-reader")

    async def read(self, what: Callable[[Connection], T]) -> T:
        """In a thread. Raises StoreUnreachable."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, what)

    def _read(self, what: Callable[[Connection], T]) -> T:
        while True:
            try:
                db, fresh = self._idle.get_nowait(), False
            except Empty:
                db, fresh = connect(self._url, patience_s=ANSWER_S), True
            try:
                found = what(db)
            except BROKEN as error:
                db.close()
                self._drop_idle()  # each of them would take its time to be found out
                if fresh:
                    raise StoreUnreachable(f"the database hangs up: {error}") from error
            else:
                self._idle.put(db)
                return found

    def _drop_idle(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._drop_idle()
