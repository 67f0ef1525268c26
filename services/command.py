"""The `distribution` command. What needs a running house speaks HTTP to it; the few below open the store themselves."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.chassis.pauses import no_search
from services.commands import accounts, backup, log, operations, posts, topology
from services.commands.client import FAILED, USAGE, Output, clean, fail, say

if TYPE_CHECKING:
    from services.chassis.settings import Settings

# What only some commands need is imported by them: most speak a few words of HTTP and end.

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
                  help="Publishes approved posts on schedule: once, on time, or tells you why.")  # fmt: skip
app.add_typer(accounts.app, name="account")
app.add_typer(accounts.connect, name="connect")
app.add_typer(posts.app, name="posts")
app.add_typer(operations.parked, name="parked")
app.add_typer(operations.views, name="views")
app.add_typer(operations.keys, name="keys")
app.add_typer(topology.app, name="topology")
app.add_typer(log.app, name="log")
app.command("replay")(operations.replay)
app.command("pause")(operations.pause)
app.command("resume")(operations.resume)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)

WEEK = Path("deploy/examples/week.jsonl")
INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C has ended."""


def _settings() -> Settings:
    from services.chassis.settings import SettingsWrong, read_settings

    try:
        return read_settings()
    except SettingsWrong as wrong:
        fail(str(wrong), USAGE)


@app.command()
def up() -> None:
    """The whole house in real time, on an embedded default with simulated channels; Ctrl-C ends it."""
    settings = _settings()
    with no_search():
        from services.embedded import run_up

    _run(run_up(settings, said=say))


@app.command()
def demo(
    week: Annotated[Path, typer.Argument(help="the week to play")] = WEEK,
    keep: Annotated[bool, typer.Option("--keep", envvar="KEEP", help="leave it running afterwards")] = False,
) -> None:
    """Play a week of approved posts through the whole house, and judge it against the outside world's books."""
    with no_search():
        from services.demo.command import run_demo

    good = _run(run_demo(week, keep=keep, said=say))
    if not good:
        raise typer.Exit(FAILED)


@app.command()
def run(service: Annotated[str, typer.Argument(help="scheduler, publisher, collector or gateway")]) -> None:
    """One service in a process of its own, on PostgreSQL and a broker of yours."""
    from services.chassis.settings import SERVICES

    if service not in SERVICES:
        fail(f"{service} is no service; choose one of {', '.join(SERVICES)}", USAGE)
    settings = _settings()
    if settings.embedded:
        fail("SQLite serves one process alone: set DISTRIBUTION_DATABASE_URL to postgresql://…, or use `up`", USAGE)
    if settings.nats_url is None:
        fail("services in processes of their own share a broker: set DISTRIBUTION_NATS_URL", USAGE)
    if settings.sandbox == "1":
        fail("one service starts no simulated channels: set DISTRIBUTION_SANDBOX to their address, or to 0", USAGE)
    with no_search():
        from services.distributed import run_one

    _run(run_one(service, settings, said=say))


@app.command()
def migrate(output: Output = "text") -> None:
    """Make the tables, or bring them to this release. The first time, the first owner's API key is shown, once."""
    settings = _settings()
    from services.chassis import telemetry
    from services.migrating import migrated

    telemetry.start_logging(settings.log_level, service="migrate")
    key = _run(migrated(settings))
    say("the tables are as this release needs them")
    if output == "json":
        typer.echo(json.dumps({"api_key": key}))
    elif key:
        say("the first key, of an owner; it is shown this once:")
        typer.echo(key)


@app.command()
def settings(output: Output = "text") -> None:
    """Every setting, what it is now and what it means."""
    from services.chassis.settings import Settings

    now = _settings()
    rows = {
        f"DISTRIBUTION_{name.upper()}": {"value": _shown(getattr(now, name)), "means": field.description}
        for name, field in Settings.model_fields.items()
    }
    if output == "json":
        typer.echo(json.dumps(rows, indent=1))
        return
    for name, row in rows.items():
        typer.echo(f"{name}={row['value'] if row['value'] is not None else ''}\n    {row['means']}")


@app.command()
def doctor(output: Output = "text") -> None:
    """What is well, what is not, and the command that mends it."""
    from services.doctor import examine

    findings = asyncio.run(examine(_settings()))
    if output == "json":
        typer.echo(json.dumps([finding.as_dict() for finding in findings], indent=1))
    else:
        for finding in findings:
            typer.echo(clean(f"{finding.mark:4}  {finding.what}{': ' + finding.mend if finding.mend else ''}"))
    if any(finding.mark == "bad" for finding in findings):
        raise typer.Exit(FAILED)


def _shown(value: Any) -> Any:
    """A database address without its password."""
    text = str(value) if isinstance(value, Path) else value
    if isinstance(text, str) and "@" in text and "://" in text:
        scheme, rest = text.split("://", 1)
        user, host = rest.rsplit("@", 1)
        return f"{scheme}://{user.split(':')[0]}@{host}"
    return list(text) if isinstance(text, tuple) else text


def _run(running: Any) -> Any:
    """To its end, or to Ctrl-C, which is a clean end too. A fault that names its own mend is said in one line."""
    try:
        return asyncio.run(running)
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("stopped")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        from services.chassis.settings import SettingsWrong

        fault = _first_with_a_mend(error)
        if fault is None:
            raise
        fail(_said_of(fault), USAGE if isinstance(fault, SettingsWrong) else FAILED)


def _first_with_a_mend(error: BaseException) -> BaseException | None:
    """Of several that broke together the first one that anybody can do something about."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _first_with_a_mend(each))), None)
    return error if isinstance(error, _named_with_its_mend()) else None


def _said_of(fault: BaseException) -> str:
    from sqlite3 import DatabaseError

    if isinstance(fault, DatabaseError):
        return (f"the log cannot be read ({fault}): `distribution log verify` says where it is damaged, and "
                "`distribution restore FILE --replace` puts a backup in its place")  # fmt: skip
    if isinstance(fault, OSError) and fault.filename:
        return (f"{fault.filename} cannot be used ({fault.strerror}): DISTRIBUTION_DATA_DIR, or the setting that names "
                "it, has to lead to where we may read and write")  # fmt: skip
    return str(fault)


def _named_with_its_mend() -> tuple[type[Exception], ...]:
    """Faults whose text says what to do. What they come from is only loaded once something has gone wrong."""
    from sqlite3 import DatabaseError

    from events.upcasts import UnknownShape
    from services.chassis.broker import BrokerFailed
    from services.chassis.processes import ProcessIsOurs
    from services.chassis.settings import SettingsWrong
    from services.chassis.sparing import StoreBroken
    from services.chassis.store import StoreError
    from services.chassis.topology import TopologyWrong
    from services.chassis.vault import KeyFileWrong
    from services.demo.play import PlayFailed
    from services.demo.week import WeekUnreadable

    return (StoreError, StoreBroken, SettingsWrong, OSError, BrokerFailed, ProcessIsOurs, TopologyWrong, KeyFileWrong,
            PlayFailed, WeekUnreadable, DatabaseError, UnknownShape)  # fmt: skip


def main() -> None:
    app()


if __name__ == "__main__":
    sys.exit(main())
