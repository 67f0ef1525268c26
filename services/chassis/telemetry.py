"""Logs, metrics and traces that carry story and cause by themselves, with nothing secret in them (S9).

Logs are JSON lines on stderr. Metrics are Prometheus text. A trace follows one post from its intake to its
publication: its id is made from the story, so every process of the house writes into the same one.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from events import Told

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
        self.facts = Counter("distribution_facts", "facts appended, by fact and channel", ["fact", "channel"],
                             registry=self.registry)  # fmt: skip
        self.position = Gauge("distribution_position", "last position seen, by reader", ["reader"],
                              registry=self.registry)  # fmt: skip
        self.lateness = Histogram("distribution_attempt_lateness_seconds", "attempt started after its slot",
                                  ["channel"], buckets=(0.1, 0.5, 1, 5, 30, 120, 900, 7200),
                                  registry=self.registry)  # fmt: skip
        self.waiting = Gauge("distribution_in_flight", "what is in flight, by kind", ["kind"], registry=self.registry)

    def heard(self, told: Told) -> None:
        self.facts.labels(told.fact.type, told.about.channel or "any").inc()
        self.position.labels("log").set(told.position)


class Traces:
    """One trace per story. Without an exporter nothing is recorded and nothing costs."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._tracer: trace.Tracer | None = None
        if exporter is not None:
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            self._tracer = provider.get_tracer("distribution")

    def heard(self, told: Told) -> None:
        """One span per fact, from when it happened to when the log took it; its cause is an attribute."""
        if self._tracer is None or not told.story:
            return
        started, ended = (int(at.timestamp() * 1e9) for at in (told.about.happened_at, told.recorded_at))
        attributes = {"story": told.story, "cause": told.about.cause or "", "position": told.position,
                      "account": told.account or "", "channel": told.about.channel or ""}  # fmt: skip
        span = self._tracer.start_span(told.fact.type, context=_of(told.story), start_time=started,
                                       attributes=attributes)  # fmt: skip
        span.end(max(started, ended))

    def call(self, story: str, what: str) -> AbstractContextManager[Any]:
        """A span around one call to a channel."""
        if self._tracer is None:
            return nullcontext()
        return self._tracer.start_as_current_span(what, context=_of(story))


def _of(story: str) -> Any:
    """The story's own trace: its id is the first half of the story's SHA-256, in every process the same."""
    digest = hashlib.sha256(story.encode()).digest()
    parent = SpanContext(int.from_bytes(digest[:16]), int.from_bytes(digest[16:24]), False, TraceFlags(1))
    return trace.set_span_in_context(NonRecordingSpan(parent))
