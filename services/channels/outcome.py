"""All a channel can answer. Five words for a publish, three for a look-up, two for a measurement (D10).

The class in `kind` is read from the body's code before the HTTP status (S33); `code` is the channel's own word,
`detail` its sentence, cleaned of control characters and of anything secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from events import Metrics

Kind = Literal["permission", "revoked", "auth", "content", "duplicate", "quota", "configuration"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is visible: the channel gave an id (S36)."""

    channel_post_id: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Limited:
    """Told to slow down. `until` is an instant when the channel said one, else None: 15 minutes (S32)."""

    code: str
    http_status: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no: nothing went out and a repeat would be refused again (S30)."""

    kind: Kind
    code: str
    http_status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The channel was never reached: connection refused, TLS failed, the body never left. A try (S29)."""

    code: str
    detail: str = ""
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may or may not be out: timeout, reset, any 5xx after the body, an unreadable 2xx, "duplicate"."""

    code: str
    detail: str = ""
    http_status: int | None = None


Outcome = Delivered | Limited | Refused | Unavailable | Unclear


@dataclass(frozen=True, slots=True)
class Found:
    channel_post_id: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """The channel's list was read to its end of interest and the marker was not there."""


@dataclass(frozen=True, slots=True)
class LookFailed:
    """The look itself failed; it proves nothing. `until` when the channel limited it; `auth` when refused."""

    code: str
    detail: str = ""
    http_status: int | None = None
    until: datetime | None = None
    auth: bool = False


Look = Found | Absent | LookFailed


@dataclass(frozen=True, slots=True)
class Measured:
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class MeasureFailed:
    code: str
    detail: str = ""
    http_status: int | None = None
    until: datetime | None = None
    auth: bool = False


Measurement = Measured | MeasureFailed
