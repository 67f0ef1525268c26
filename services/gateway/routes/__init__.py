"""Every door of the gateway: one router factory per noun, each handed the desk."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from services.gateway.desk import Desk
from services.gateway.routes.accounts import accounts
from services.gateway.routes.approvals import approvals
from services.gateway.routes.asks import asks
from services.gateway.routes.bulk import bulk
from services.gateway.routes.callback import callback
from services.gateway.routes.connecting import connecting
from services.gateway.routes.docs import docs
from services.gateway.routes.events import events
from services.gateway.routes.health import health
from services.gateway.routes.house import house
from services.gateway.routes.keys import keys
from services.gateway.routes.learned import learned
from services.gateway.routes.login import login
from services.gateway.routes.page import page
from services.gateway.routes.page_accounts import page_accounts
from services.gateway.routes.page_actions import page_actions
from services.gateway.routes.page_moves import page_moves
from services.gateway.routes.parked import parked
from services.gateway.routes.posts import posts
from services.gateway.routes.preview import previews
from services.gateway.routes.redrive import redrive
from services.gateway.routes.replays import replays

ROUTERS: tuple[Callable[[Desk], APIRouter], ...] = (
    health, docs, login, posts, bulk, asks, approvals, learned, accounts, previews, connecting, callback, parked,
    redrive, replays, keys, house, events, page,
    page_moves, page_accounts, page_actions,
)  # fmt: skip
"""In this order: where two could answer an address, the first does."""
