"""A machine whose own zone files are wrong: whatever asks it, and not the pinned `tzdata`, is found out."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path


@contextmanager
def always_utc(folder: Path, *names: str) -> Iterator[None]:
    """On this machine these zones know of no offset at all."""
    utc = resources.files("tzdata.zoneinfo").joinpath("UTC").read_bytes()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(utc)
    zoneinfo.reset_tzpath([str(folder)])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        yield
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
