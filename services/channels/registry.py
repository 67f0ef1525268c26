"""Channel name -> adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from services.channels import linkedin, x
from services.channels.adapter import Adapter, ConsentPage
from services.channels.blog import wordpress


class Consented(Adapter, ConsentPage, Protocol):
    """A module that is both; the type checker takes modules as protocols where they fit."""


BY_CONSENT: tuple[Consented, ...] = (linkedin, x)
BY_KEY: tuple[Adapter, ...] = (wordpress,)
ADAPTERS: Mapping[str, Adapter] = {each.name: each for each in (*BY_CONSENT, *BY_KEY)}
