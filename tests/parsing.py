"""A source file as its tree."""

from __future__ import annotations

import ast
import gc
from pathlib import Path


def parsed(path: Path) -> ast.Module:
    """Nothing is collected meanwhile: up to 3.11.7 CPython loses count of its depth, and says SystemError, where a
    collection finds a task whose failure nobody has read, and the traceback that is logged of it is parsed as well
    (python/cpython#106905)."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        if collecting:
            gc.enable()
