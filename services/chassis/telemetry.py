"""Logs and metrics, with nothing secret in them (S9). Logs are JSON lines on stderr, metrics are Prometheus text."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from events import PostPublished, Told

_SECRET_NAME = re.compile(r"token|secret|password|authorization|api_key|cookie|code_verifier", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}|dk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def redacted(value: Any) -> Any:
    """The same value with everything that looks secret as dots and no control characters (A14, A26)."""
    if isinstance(value, Mapping):
        return {key: "•••" if _SECRET_NAME.search(str(key)) else redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(each) for each in value]
    if isinstance(value, str):
        return _CONTROL.sub("", _SECRET_TEXT.sub("•••", value))
    return value


def _redact(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: "•••" if _SECRET_NAME.search(key) else redacted(value) for key, value in entry.items()}


class _Stderr:
    """Whatever stderr is at the moment. Where it is closed or its disk full, a line is lost and nothing else (I28)."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()


_STDERR: Any = _Stderr()


def start_logging(level: str = "info", *, service: str = "house") -> None:
    """JSON lines on stderr; a fault's trace stays, with its texts redacted."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(_STDERR),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, stream=_STDERR, format="%(message)s")


class Metrics:
    """What `/metrics` shows. Labels are bounded: services, facts and channels, never posts or accounts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.facts = Counter("distribution_facts", "facts appended since this process started, by fact and channel",
                             ["fact", "channel"], registry=self.registry)  # fmt: skip
        self.position = Gauge("distribution_position", "the log's last position, and how far each reader has read",
                              ["reader"], registry=self.registry)  # fmt: skip
        self.lateness = Histogram("distribution_lateness_seconds", "published so long after the slot (G14)",
                                  ["channel"], buckets=(0.1, 0.5, 1, 5, 30, 120, 900, 7200),
                                  registry=self.registry)  # fmt: skip

    def heard(self, told: Told) -> None:
        fact, channel = told.fact, told.about.channel or "any"
        self.facts.labels(fact.type, channel).inc()
        if isinstance(fact, PostPublished) and fact.slot_at is not None:
            self.lateness.labels(channel).observe(max(0.0, (fact.published_at - fact.slot_at).total_seconds()))
