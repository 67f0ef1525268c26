"""Every door of the gateway: one router factory per noun, each handed the desk."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from services.gateway.desk import Desk
from services.gateway.routes.health import health

ROUTERS: tuple[Callable[[Desk], APIRouter], ...] = (health,)
"""In this order; a router that reads and one that changes the same noun stand side by side."""
