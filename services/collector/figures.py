"""What a post's figures say together: how often it was seen, and how much was done with it (S42). Pure.

A channel's figures are somebody else's input. One below zero, or beyond anything that can be, is no figure: it says as
little as one that is not offered, and never makes the others less.
"""

from __future__ import annotations

from typing import Final

from events import Metrics

FIGURE_MAX: Final = 10**15


def seen(metrics: Metrics) -> int | None:
    """Impressions, else reach; None where the channel offers neither."""
    impressions = _figure(metrics.impressions)
    return impressions if impressions is not None else _figure(metrics.reach)


def interactions(metrics: Metrics) -> int:
    """A counter the channel does not offer adds nothing."""
    parts = (metrics.likes, metrics.comments, metrics.shares, metrics.saves, metrics.clicks)
    return sum(_figure(part) or 0 for part in parts)


def _figure(told: int | None) -> int | None:
    return told if told is not None and 0 <= told <= FIGURE_MAX else None
