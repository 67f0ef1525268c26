"""`distribution log ...`: is the log what was written, and where does it stand. No running house is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from services.commands.client import FAILED, USAGE, Output, clean, fail, say

if TYPE_CHECKING:
    from services.chassis.chain import Head
    from services.chassis.snapshot import Snapshot

app = typer.Typer(no_args_is_help=True, help="The event log: prove that nobody has changed it.")
MEND = (
    "stop the house and put back the last backup that verifies: `distribution restore FILE --replace`; what came after "
    "it is looked up on the channels before anything is sent"
)


@app.command()
def verify(
    head: Annotated[str | None, typer.Option(help="a head noted earlier, as POSITION:HASH")] = None,
    output: Output = "text",
) -> None:
    """Read every fact and every link of the chain. Exit 1 names the first position that is not as it was written."""
    from services.chassis.chain import ChainBroken
    from services.chassis.verifying import verify as verified

    noted = _head(head) if head else None
    with _opened() as snapshot:
        try:
            found = verified(snapshot, head=noted, said=lambda done, of: say(f"{done:,} of {of:,} facts"))
        except ChainBroken as broken:
            said = {"whole": False, "position": broken.position, "why": broken.why, "mend": MEND}
            _show(said, output, f"NOT as it was written, from position {broken.position} on: {broken.why}\n{MEND}")
            raise typer.Exit(FAILED) from None
    said = {"whole": True, "facts": found.facts, "commits": found.commits, "head": str(found.head),
            "incarnation": found.incarnation}  # fmt: skip
    _show(said, output, f"{found.facts:,} facts in {found.commits:,} commits are as they were written\n"
                        f"head {found.head}   (note it elsewhere, and prove it later with --head)")  # fmt: skip


@app.command()
def head(output: Output = "text") -> None:
    """Where the chain ends now, to be noted outside this machine: what was noted cannot be changed unseen."""
    from services.chassis.incarnation import NAME
    from services.chassis.snapshot import house_value

    with _opened() as snapshot:
        last, life = snapshot.last_link(), json.loads(house_value(snapshot, NAME) or '{"id": ""}')["id"]
    said = {"head": str(last), "position": last.position, "hash": last.hash.hex(), "incarnation": life}
    _show(said, output, str(last))


def _head(text: str) -> Head:
    from services.chassis.chain import Head

    position, _, written = text.partition(":")
    try:
        noted = Head(int(position), bytes.fromhex(written))
    except ValueError:
        noted = Head(0, b"")
    if len(noted.hash) != 32:
        fail(f"--head {text} is no head: write it as `distribution log head` shows it, POSITION:HASH", USAGE)
    return noted


@contextmanager
def _opened() -> Iterator[Snapshot]:
    from services.chassis.settings import SettingsWrong, read_settings
    from services.chassis.store import StoreError
    from services.chassis.verifying import snapshot_of

    try:
        with snapshot_of(read_settings().database) as snapshot:
            yield snapshot
    except SettingsWrong as wrong:
        fail(str(wrong), USAGE)
    except (StoreError, OSError) as broken:
        fail(str(broken))


def _show(said: dict[str, object], output: str, text: str) -> None:
    typer.echo(json.dumps(said, indent=1) if output == "json" else clean(text))
