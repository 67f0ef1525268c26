"""Mutants that no fortnight can find, because the product does the same with them; each with the reason, in words."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
