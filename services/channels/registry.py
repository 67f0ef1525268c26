"""Channel name -> adapter."""

from __future__ import annotations

from services.channels import linkedin, x
from services.channels.adapter import AdapterModule
from services.channels.blog import wordpress

ADAPTERS: dict[str, AdapterModule] = {each.name: each for each in (linkedin, x, wordpress)}
