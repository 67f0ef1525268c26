"""Every view there is: whoever folds them, here or in a process beside, means the same by their names."""

from __future__ import annotations

from typing import Final

from services.gateway.views import (
    accounts,
    approvals,
    channels,
    house,
    learning,
    measured,
    parked,
    queue,
    timeline,
)
from services.gateway.views.view import View

VIEWS: Final[tuple[View, ...]] = (accounts, approvals, channels, house, learning, measured, parked, queue, timeline)
