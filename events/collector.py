"""What the collector says: what came back from a published post, and what was learned from it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from events.envelope import Fact, Frozen

Window = Literal["1h", "24h", "7d"]


class Metrics(Frozen):
    """Cumulative counters as the channel gives them. Not offered is None, never 0 (S42)."""

    reach: int | None = None
    impressions: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    clicks: int | None = None


class MeasurementPlanned(Fact, type="collector.measurement_planned"):
    """A published post is registered; the three polls are due at these times (S42)."""

    connection: str
    channel_post_id: str
    bucket: str | None = None
    campaign: str | None = None
    published_at: datetime


class MetricsCollected(Fact, type="collector.metrics_collected"):
    window: Window
    metrics: Metrics


class MeasurementFailed(Fact, type="collector.measurement_failed"):
    """A failed poll; retried at `retry_at`, given up 48 h after its time (S42)."""

    window: Window
    reason: str
    credential_version: int | None = None
    credential_refused: bool = False
    retry_at: datetime | None = None


class MeasurementClosed(Fact, type="collector.measurement_closed"):
    """The seven days are over; `metrics` is the last that came back, if any did."""

    connection: str
    bucket: str | None = None
    campaign: str | None = None
    metrics: Metrics | None = None


class EngagementProfiled(Fact, type="collector.engagement_profiled"):
    """Adaptive's recalculation for one connection, with its inputs (S16)."""

    connection: str
    windows: tuple[dict[str, object], ...]
    inputs: dict[str, object]


class DiscoveryWeightsRecalculated(Fact, type="collector.discovery_weights_recalculated"):
    """What the next content cycle should prefer: per bucket 0..1, sum 1 (S43)."""

    account: str
    weights: dict[str, float]
    inputs: dict[str, object]
    previous: dict[str, float] | None = None
