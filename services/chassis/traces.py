"""A trace follows one post from its intake to its publication: every fact of its story is a span of one trace.

Ids are made from names, so that whichever process tells a span, it stands in the same trace under the same id. A span
names its fact, its cause and whose it is; nothing that a fact says is in it, and so nothing secret (S9).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from events import AttemptStarted, PostTakenIn, Told

QUEUE_MAX = 20_000
"""So many spans wait for a collector that is away; those after them are lost, and nothing else is."""
ANSWER_S = 2.0
_SCOPE = InstrumentationScope("distribution")


class Traces:
    """`processor` takes the spans as they end and hands them on in a thread of its own."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor
        self._began: dict[str, int] = {}

    def heard(self, told: Told) -> None:
        """One span, from when it happened to when the log took it; that of an outcome begins with its attempt."""
        if not told.story:
            return
        about = told.about
        began, ended = _nanos(about.happened_at), _nanos(told.recorded_at)
        if isinstance(told.fact, AttemptStarted):
            self._began[told.id] = began
        elif about.cause in self._began:
            began = self._began.pop(about.cause)
        trace, intake = _ids_of(told.story)
        is_intake = isinstance(told.fact, PostTakenIn)
        span = ReadableSpan(
            told.fact.type,
            context=_context(trace, intake if is_intake else _span_id(told.id)),
            parent=None if is_intake else _context(trace, intake),
            resource=_resource(told.fact.type.partition(".")[0]),
            attributes={"story": told.story, "cause": about.cause or "", "position": told.position,
                        "account": about.account or "", "channel": about.channel or ""},
            start_time=began,
            end_time=max(began, ended),
            instrumentation_scope=_SCOPE,
        )  # fmt: skip
        self._processor.on_end(span)

    def close(self) -> None:
        """What waits is sent, for as long as a collector may take to answer."""
        self._processor.shutdown()


def traces_to(address: str) -> Traces:
    """A collector that takes OTLP over HTTP; headers that it wants are in OTEL_EXPORTER_OTLP_HEADERS."""
    exporter = OTLPSpanExporter(f"{address}/v1/traces", timeout=ANSWER_S)
    return Traces(BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX))


def _nanos(at: datetime) -> int:
    return int(at.timestamp() * 1e9)


@lru_cache(maxsize=4096)
def _ids_of(story: str) -> tuple[int, int]:
    """The trace of a story and the span of its intake."""
    digest = hashlib.sha256(story.encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


def _span_id(fact: str) -> int:
    return int.from_bytes(hashlib.sha256(fact.encode()).digest()[:8])


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


@lru_cache
def _resource(service: str) -> Resource:
    return Resource.create({"service.namespace": "distribution", "service.name": service})
