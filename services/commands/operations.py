"""What operators and SREs do: parked messages, views, replays, keys, the kill switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.client import (
    NOT_FOUND,
    USAGE,
    Output,
    address,
    change,
    clean,
    fail,
    get,
    house,
    say,
    show,
    text_of,
)
from services.commands.lists import Cursor, Limit, into_file, show_all

parked = typer.Typer(no_args_is_help=True, help="Messages that could not become a post.")
views = typer.Typer(no_args_is_help=True, help="Projections: rebuild them, check them.")
keys = typer.Typer(no_args_is_help=True, help="API keys.")


@parked.command("list")
def list_parked(limit: Limit = None, cursor: Cursor = None, output: Output = "text") -> None:
    """Every parked message with its reason, latest first."""
    show_all("/v1/parked", output, ("id", "code", "reason", "parked_at"), limit=limit, cursor=cursor)


@parked.command("show")
def show_parked(
    message: str,
    body: Annotated[bool, typer.Option("--body", help="its whole body alone, to be mended in a file")] = False,
    output: Output = "text",
) -> None:
    """One parked message: the reason and how it begins; as JSON, or with --body, its whole body."""
    reply = house().call("GET", address("/v1/parked/{}", message))
    if not reply.ok:
        fail(f"no parked message is called {message}" if reply.status == NOT_FOUND else reply.complaint)
    if output == "json":
        show(reply.body, output)
    elif body:
        _whole(message, reply.body["body"])
    else:
        show({name: value for name, value in reply.body.items() if name != "body"}, output)


def _whole(message: str, body: str | None) -> None:
    """A file gets every character as it came; a terminal would obey some of them (A26)."""
    if body is None:
        fail(f"no body is kept of {message}: it is a fact, or it was redriven or given up")
    typer.echo(clean(body) if sys.stdout.isatty() else body.encode(), nl=False)


@parked.command("redrive")
def redrive(
    message: str,
    body: Annotated[Path | None, typer.Option(help="a mended body to offer instead")] = None,
    discard: bool = False,
    output: Output = "text",
) -> None:
    """Offer it again, mended or as it was."""
    asked: dict[str, Any] = {"discard": True} if discard else {}
    if body is not None:
        asked["body"] = text_of(body)
    show(change("POST", address("/v1/parked/{}/redrive", message), asked), output)


@views.command()
def rebuild(name: str, output: Output = "text") -> None:
    """Fold a view from the whole log beside the old one, and swap."""
    show(change("POST", address("/v1/views/{}/rebuild", name)), output)


@views.command()
def check(name: str, output: Output = "text") -> None:
    """Compare a view with what the log says; a wrong cell is named and the exit code is 1."""
    body = get(address("/v1/views/{}/check", name))
    show(body, output)
    if not body.get("equal"):
        raise typer.Exit(1)


@keys.command("list")
def list_keys(output: Output = "text") -> None:
    """Every key's prefix, role and accounts, and whether it still opens; never the key."""
    found = get("/v1/keys")
    rows = [{**each, "status": "revoked" if each["revoked"] else "live"} for each in found["items"]]
    show(found if output == "json" else {"items": rows}, output, ("prefix", "status", "role", "accounts", "name"))


@keys.command()
def issue(role: str, account: list[str] | None = None, name: str = "", output: Output = "text") -> None:
    """A new key, shown once."""
    show(change("POST", "/v1/keys", {"role": role, "accounts": account, "name": name}), output)
    for each in account or ():
        if house().call("GET", address("/v1/accounts/{}", each)).status == NOT_FOUND:
            say(f"there is no account {each} yet, so the key shows nothing of it; if the name is wrong, revoke the key")


@keys.command()
def revoke(prefix: str, output: Output = "text") -> None:
    """End a key."""
    show(change("DELETE", address("/v1/keys/{}", prefix)), output)


def replay(
    account: str | None = None,
    since: Annotated[int, typer.Option("--from", help="first position")] = 1,
    until: Annotated[int | None, typer.Option("--until", help="last position")] = None,
    after: Annotated[str | None, typer.Option(help="recorded at or after, as in 2026-11-23T08:00:00Z")] = None,
    before: Annotated[str | None, typer.Option(help="recorded before")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="such as publisher.post_published")] = None,
    dry: Annotated[bool, typer.Option("--dry", help="only count what would be offered")] = False,
    file: Annotated[Path | None, typer.Option(help="write them here instead, one CloudEvent a line")] = None,
    output: Output = "text",
) -> None:
    """Offer facts of the log again on `replay.<id>.>`, or write them to a file; no channel is called, no post changes
    (S47)."""
    asked = {"account": account, "from": since, "until": until, "after": after, "before": before, "type": type_}
    choice = {name: value for name, value in asked.items() if value is not None}
    if file is None:
        show(change("POST", "/v1/replays", {**choice, "dry": dry}), output)
    elif dry:
        fail("--dry and --file exclude each other: a dry replay writes nothing; leave one of them out", USAGE)
    else:
        show({"file": str(file), "written": into_file("/v1/replays", file, choice)}, output)


def pause(scope: str = "all", reason: str = "", output: Output = "text") -> None:
    """No new call for everything, one channel or one account, until resumed; survives a restart."""
    show(change("POST", "/v1/house/pause", {"scope": scope, "reason": reason}), output)
    say("calls already open are finished; queued posts wait")


def resume(scope: str = "all", output: Output = "text") -> None:
    """Publish again; posts that became too late meanwhile are planned anew (S20)."""
    show(change("POST", "/v1/house/resume", {"scope": scope}), output)
