"""`distribution backup` and `restore`: one file of the whole house, taken while it runs, put back in quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.commands.client import USAGE, Output, clean, fail, say

if TYPE_CHECKING:
    from services.chassis.restoring import Done
    from services.chassis.settings import Settings


def backup(
    file: Path,
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there")] = False,
    output: Output = "text",
) -> None:
    """The log and every row beside it into one file, proven, while the house goes on."""
    from services.chassis.backups import write_backup
    from services.chassis.verifying import snapshot_of

    with _told() as settings, snapshot_of(settings.database) as snapshot:
        manifest, found = write_backup(snapshot, file, release=version("distribution"), made_at=datetime.now(UTC),
                                       force=force, said=_progress)  # fmt: skip
    said = {"file": str(file), "bytes": file.stat().st_size, "facts": found.facts, **asdict(manifest)}
    _show(said, output, f"{file}: {found.facts:,} facts up to position {manifest.position}, proven; "
                        f"{file.stat().st_size:,} bytes\nhead {manifest.head}")  # fmt: skip
    say(f"NOT in it: the vault's key ({_key_of(settings)}). Keep that elsewhere, or its grants open nowhere again")


def restore(
    file: Annotated[Path | None, typer.Argument(help="a file that `backup` wrote")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="instead of the log that is there")] = False,
    promoted: Annotated[bool, typer.Option("--promoted", help="no file: this PostgreSQL was a standby")] = False,
    output: Output = "text",
) -> None:
    """Put a backup back, or own up to a promotion: nothing is sent before what may be live was looked up."""
    from services.chassis import house_time, restoring

    if (file is None) == (not promoted):
        fail("name the file of a backup, or say --promoted of a database that was a standby", USAGE)
    with _told() as settings:

        def now(kept: str | None) -> datetime:
            return house_time.house_time(settings.speed, kept)

        if file is None:
            done = restoring.promoted(settings.database, house_time=now)
        else:
            done = restoring.restore(file, settings.database, house_time=now, replace=replace, said=_progress)
    _tell(done, output)
    say(f"the vault's key is not in a backup: {_key_of(settings)} has to be the one its grants were sealed with")


def _tell(done: Done, output: str) -> None:
    at = done.restored
    said: dict[str, Any] = {"position": at.point, "since": at.since.isoformat(), "at": at.at.isoformat(),
                            "how": at.how, "suspects": done.suspects, "kept": done.kept,
                            "backup": asdict(done.manifest) if done.manifest else None}  # fmt: skip
    text = (
        f"the log ends at position {at.point}, {at.since:%F %T} UTC, and is in quarantine: {done.suspects} posts were "
        "due or on their way and are looked up before anything of them is sent; every other post before its first try. "
        "`distribution doctor` and /readyz say when it is over"
    )
    kept = f"\nthe log that was here is kept as {done.kept}" if done.kept else ""
    _show(said, output, text + kept)


def _progress(done: int, of: int) -> None:
    if done % 100_000 < 2_000 or done == of:
        say(f"{done:,} of {of:,} facts")


def _key_of(settings: Settings) -> Path:
    return settings.vault_key_file or settings.data_dir / "vault.key"


@contextmanager
def _told() -> Iterator[Settings]:
    """A fault that names its own mend is said in one line."""
    from services.chassis.chain import ChainBroken
    from services.chassis.settings import SettingsWrong, read_settings
    from services.chassis.store import StoreError

    try:
        yield read_settings()
    except SettingsWrong as wrong:
        fail(str(wrong), USAGE)
    except ChainBroken as broken:
        fail(f"the log is not as it was written, from position {broken.position} on ({broken.why}), so no backup is "
             "made of it: `distribution log verify` says more")  # fmt: skip
    except (StoreError, OSError) as broken:
        fail(str(broken))


def _show(said: dict[str, Any], output: str, text: str) -> None:
    typer.echo(json.dumps(said, indent=1) if output == "json" else clean(text))
