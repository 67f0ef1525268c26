"""Times, spans of time and whole numbers in a body: each means one thing, within the years that every clock can show.

A number could be seconds or milliseconds, `true` could be 1, and a time at the edge of the calendar is none any more
in another zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from events.envelope import utc

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
DATE_FIRST = re.compile(r"[0-9]{4}-")
WRITE_A_TIME = "write a time with its offset, as in 2026-11-25T09:00:00Z"
WRITE_A_SPAN = "write a span of time as in PT30M"


def shown_by_clocks(moment: datetime) -> datetime:
    """The same instant in UTC; raises ValueError for one that no clock could show."""
    if not EARLIEST <= moment < LATEST:  # compared as it is: the edges of the calendar have no time in UTC
        raise ValueError(f"lies outside the years 1970 to 9998; {WRITE_A_TIME}")
    return utc(moment)


def _time_as_text(given: Any) -> Any:
    if isinstance(given, datetime) or given is None or (isinstance(given, str) and DATE_FIRST.match(given)):
        return given
    raise ValueError(WRITE_A_TIME)


def _span_as_text(given: Any) -> Any:
    if isinstance(given, timedelta | str) or given is None:
        return given
    raise ValueError(WRITE_A_SPAN)


def _no_yes_or_no(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError("write a whole number")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_time_as_text), AfterValidator(shown_by_clocks)]
"""What is typed on the page comes as a `datetime` already."""
Span = Annotated[timedelta, BeforeValidator(_span_as_text)]
Whole = Annotated[int, BeforeValidator(_no_yes_or_no)]
