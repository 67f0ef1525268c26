"""A SHA-256 over every byte of a file that carries it, computed as if zeros stood in its own place."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import BinaryIO, Final

LETTERS: Final = 64
AT_ONCE: Final = 2**20


def unsealed() -> str:
    """What stands in its place before it is known: drawn, so that it stands nowhere else."""
    return secrets.token_hex(LETTERS // 2)


def seal_of(path: Path, standing: str) -> str:
    """What the file's seal has to be, whatever stands in its place now."""
    mark, zeros, digest, carried = standing.encode(), b"0" * LETTERS, hashlib.sha256(), b""
    with path.open("rb") as file:
        while chunk := file.read(AT_ONCE):
            window = (carried + chunk).replace(mark, zeros)
            digest.update(window[: 1 - LETTERS])
            carried = window[1 - LETTERS :]
    digest.update(carried)
    return digest.hexdigest()


def seal(path: Path, standing: str) -> str:
    """Written into its place, past whatever wrote the file."""
    sealed = seal_of(path, standing)
    with path.open("r+b") as file:
        file.seek(_place(file, standing.encode()))
        file.write(sealed.encode())
    return sealed


def _place(file: BinaryIO, mark: bytes) -> int:
    read, carried = 0, b""
    while chunk := file.read(AT_ONCE):
        found = (carried + chunk).find(mark)
        if found >= 0:
            return read - len(carried) + found
        read, carried = read + len(chunk), (carried + chunk)[1 - LETTERS :]
    raise ValueError("nothing in this file stands where its seal belongs")
