"""Encrypted secrets: what a channel gave us to speak with lives here and nowhere else (S9, D20).

Every sealed row has a data key of its own, wrapped by the key-encryption key, which lies outside the database. Both
seals name whom the secret belongs to, so a row moved to another connection, channel, purpose or version does not open
(I32).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.chassis.rows import VAULT, Drop, Pick, Put, Row
from services.chassis.store import Append, Store

T = TypeVar("T")

KEY_BYTES = 32
NONCE_BYTES = 12
MARK_BYTES = 8
"""A sealed row begins with the mark of the key that wraps it, so two keys can be live while one is replaced (A16)."""
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
GRANT = "grant"
DOTS = "•••"


class VaultError(Exception):
    """The vault cannot do as asked."""


class SealBroken(VaultError):
    """A row that does not open: it was moved, changed, or sealed with a key that is not here."""


class KeyFileWrong(VaultError):
    """The file of the key-encryption key cannot be used; the text names the mend."""


class Secret(Generic[T]):
    """A value that shows as dots wherever it is printed, and refuses to be written down (A14)."""

    __slots__ = ("__value",)

    def __init__(self, value: T) -> None:
        self.__value = value

    def reveal(self) -> T:
        return self.__value

    def __repr__(self) -> str:
        return DOTS

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return DOTS

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written down; reveal it where it is used")

    __reduce__ = __reduce_ex__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Opened:
    """The newest version of a secret, opened for one use."""

    version: int
    secret: Secret[Mapping[str, Any]]

    @property
    def body(self) -> Mapping[str, Any]:
        return self.secret.reveal()


class Vault:
    """`older` are keys that still open rows sealed before a rotation; new rows are sealed with `key` alone."""

    def __init__(
        self,
        store: Store,
        key: bytes,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        older: Sequence[bytes] = (),
    ) -> None:
        self._store, self._random = store, random_bytes
        self._mark, self._key = _mark(key), key
        self._wrapping = {_mark(each): AESGCM(each) for each in (*older, key)}

    def seal(self, connection: str, channel: str, version: int, body: Mapping[str, Any], purpose: str = GRANT) -> Put:
        """The row to append together with the fact it belongs to."""
        whose = _whose(connection, channel, purpose, version)
        data_key, nonce = self._random(KEY_BYTES), self._random(NONCE_BYTES)
        sealed = nonce + AESGCM(data_key).encrypt(nonce, orjson.dumps(body), whose)
        row = {"connection": connection, "purpose": purpose, "version": version,
               "ciphertext": self._wrap(data_key, whose) + sealed}  # fmt: skip
        return Put(VAULT, row)

    async def open(self, connection: str, channel: str, purpose: str = GRANT) -> Opened | None:
        """The newest version; None when nothing is kept under this name."""
        rows = await self._rows(connection, purpose)
        if not rows:
            return None
        version = int(str(rows[-1]["version"]))
        body = self._unseal(rows[-1], _whose(connection, channel, purpose, version))
        return Opened(version, Secret(orjson.loads(body)))

    async def forget(self, connection: str, *, below: int | None = None, purpose: str = GRANT) -> list[Drop]:
        """The rows to drop once a newer secret works, or once the connection is given up."""
        return [
            Drop(VAULT, {"connection": connection, "purpose": purpose, "version": row["version"]})
            for row in await self._rows(connection, purpose)
            if below is None or int(str(row["version"])) < below
        ]

    def derive(self, *parts: str) -> bytes:
        """256 bits that only this house can name, the same for the same words: an answer given twice alike."""
        return hmac.digest(self._key, orjson.dumps(["derive", *parts]), hashlib.sha256)

    async def status(self) -> dict[str, int]:
        """How many rows there are, and how many wait for their new wrapping."""
        rows = await self._store.pick(Pick(VAULT))
        return {"sealed": len(rows), "older": sum(_mark_of(row) != self._mark for row in rows)}

    async def rotate(self, *, at_once: int = 500) -> int:
        """Wrap every data key with the newest key; it may be interrupted and begun again. How many were wrapped."""
        older = [row for row in await self._store.pick(Pick(VAULT)) if _mark_of(row) != self._mark]
        for start in range(0, len(older), at_once):
            await self._store.append(Append(rows=[self._rewrapped(row) for row in older[start : start + at_once]]))
        return len(older)

    def _rewrapped(self, row: Row) -> Put:
        channel = channel_named(str(row["connection"]))
        whose = _whose(str(row["connection"]), channel, str(row["purpose"]), int(str(row["version"])))
        sealed = _bytes(row)[MARK_BYTES + WRAPPED_BYTES :]
        return Put(VAULT, {**row, "ciphertext": self._wrap(self._unwrap(row, whose), whose) + sealed})

    def _wrap(self, data_key: bytes, whose: bytes) -> bytes:
        nonce = self._random(NONCE_BYTES)
        return self._mark + nonce + self._wrapping[self._mark].encrypt(nonce, data_key, b"key" + whose)

    def _unwrap(self, row: Row, whose: bytes) -> bytes:
        wrapping = self._wrapping.get(_mark_of(row))
        if wrapping is None:
            raise SealBroken(f"a secret of {row['connection']} was sealed with a key that is not here; reconnect it")
        wrapped = _bytes(row)[MARK_BYTES : MARK_BYTES + WRAPPED_BYTES]
        return _opened(wrapping, wrapped, b"key" + whose, row)

    def _unseal(self, row: Row, whose: bytes) -> bytes:
        return _opened(AESGCM(self._unwrap(row, whose)), _bytes(row)[MARK_BYTES + WRAPPED_BYTES :], whose, row)

    async def _rows(self, connection: str, purpose: str) -> Sequence[Row]:
        where = {"connection": connection, "purpose": purpose}
        return await self._store.pick(Pick(VAULT, where, order=("version",)))


async def opened_vault(store: Store, path: Path, *, lost: bool = False) -> Vault:
    """The vault of this house, with its key, which is made where nothing is sealed yet.

    Raises KeyFileWrong where the key opens nothing of what is kept: every channel would wait for ever, and not say why.
    """
    marks = {_mark_of(row) for row in await store.pick(Pick(VAULT))}
    return Vault(store, vault_key(path) if lost or not marks else _sealed_with(marks, path))


def _sealed_with(marks: Collection[bytes], path: Path) -> bytes:
    mend = ("put it back from its own backup or name it with DISTRIBUTION_VAULT_KEY_FILE; if it is lost for good, set "
            "DISTRIBUTION_VAULT_KEY_LOST=1 and connect every channel again")  # fmt: skip
    if not path.exists():
        raise KeyFileWrong(f"the vault's key is not at {path}, and nothing else opens what it sealed: {mend}")
    key = _kept_key(path)
    if _mark(key) not in marks:
        raise KeyFileWrong(f"the key at {path} is not the one that sealed what the vault keeps: {mend}")
    return key


def vault_key(path: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> bytes:
    """The key-encryption key of this house; made on the first call, readable by its owner alone.

    It appears whole: of several processes that start at once, one makes it, and no other reads half of it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(random_bytes(KEY_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    return _kept_key(path)


def _kept_key(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise KeyFileWrong(f"{path} can be read by others; run `chmod 600 {path}`")
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileWrong(f"{path} does not hold {KEY_BYTES * 2} hexadecimal digits; restore it from its own backup")
    return key


def channel_named(connection: str) -> str:
    """`acme.linkedin.team` is on `linkedin`; what is sealed under another kind of name is on none."""
    pieces = connection.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def _whose(connection: str, channel: str, purpose: str, version: int) -> bytes:
    """Account, connection, channel, purpose, version: what both seals are bound to (I32)."""
    return orjson.dumps([connection.split(".", 1)[0], connection, channel, purpose, version])


def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"mark" + key).digest()[:MARK_BYTES]


def _mark_of(row: Row) -> bytes:
    return _bytes(row)[:MARK_BYTES]


def _bytes(row: Row) -> bytes:
    value = row["ciphertext"]
    assert isinstance(value, bytes)  # noqa: S101 - the table says so
    return value


def _opened(key: AESGCM, sealed: bytes, whose: bytes, row: Row) -> bytes:
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], whose)
    except (InvalidTag, ValueError) as broken:
        named = f"{row['connection']}, {row['purpose']}, version {row['version']}"
        raise SealBroken(f"the secret of {named} does not open: it was moved or changed; reconnect it") from broken
