"""`distribution account ...` and `distribution connect ...`: client accounts and their channels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.client import FAILED, NOT_FOUND, Output, address, change, fail, get, house, say, show, text_of
from services.commands.lists import Cursor, Limit, show_all

app = typer.Typer(no_args_is_help=True, help="Client accounts: zone, mode, caps, approval, UTM.")
connect = typer.Typer(no_args_is_help=True, help="Connecting channels, and what is connected.")


@app.command("list")
def list_accounts(limit: Limit = None, cursor: Cursor = None, output: Output = "text") -> None:
    """Every account this key may see, by name."""
    show_all("/v1/accounts", output, ("id", "name", "zone", "mode"), limit=limit, cursor=cursor)


@app.command("show")
def show_account(account: str, output: Output = "text") -> None:
    """One account's whole document."""
    show(get(address("/v1/accounts/{}", account)), output)


@app.command("set")
def set_account(
    account: str,
    zone: str | None = None,
    name: str | None = None,
    mode: str | None = None,
    owner: str | None = None,
    file: Annotated[Path | None, typer.Option(help="a whole document as JSON; replaces what is there")] = None,
    keep: Annotated[str | None, typer.Option(help="with --zone: wall_clock (as by default) or instant")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="only show which posts it would move")] = False,
    version: str | None = None,
    output: Output = "text",
) -> None:
    """Create an account or change some of its choices; or see first what that would move."""
    document_at = address("/v1/accounts/{}", account)
    if file is not None and preview:
        fail("--preview goes with single choices, not with --file; nothing was changed", 2)
    if file is not None:
        try:
            document = json.loads(text_of(file))
        except ValueError as error:
            fail(f"{file} is not a JSON document: {error}", 2)
        show(change("PUT", document_at, document, version), output)
        return
    choices = {"zone": zone, "name": name, "mode": mode, "owner": owner}
    given = {key: value for key, value in choices.items() if value is not None}
    if not given:
        fail("name at least one choice, such as --zone Europe/Berlin", 2)
    if keep is not None:
        given["keep"] = keep
    if preview:
        found = change("POST", address("/v1/accounts/{}/preview", account), given)
        show(found if output == "json" else {"items": [_moving(each) for each in found["items"]]}, output,
             ("id", "from", "to", "reason"))  # fmt: skip
        say(moving(found))
        return
    there = house().call("GET", document_at)
    if not there.ok and there.status != NOT_FOUND:
        fail(there.complaint)
    method, body = ("PATCH", given) if there.ok else ("PUT", {"id": account, **given})
    done = change(method, document_at, body, version)
    show(done if output == "json" else {name: value for name, value in done.items() if name != "moved"}, output)
    if moved := done.get("moved"):
        say(moved["sentence"])


def _moving(move: dict[str, Any]) -> dict[str, Any]:
    return {"id": move["id"], "from": move["before"]["local"], "to": move["after"]["local"],
            "reason": move["why"]["reason"]}  # fmt: skip


def moving(found: dict[str, Any]) -> str:
    """How many would move, and how many of them are not shown."""
    more = f" {found['more']} more are not shown." if found["more"] else ""
    return f"{found['sentence']}{more} Nothing was changed."


@app.command("forecast")
def forecast(account: str, output: Output = "text") -> None:
    """The coming 7 days of every connection: planned, fitting, moved on because a day is full, and room left."""
    found = get(address("/v1/accounts/{}/connections", account))["items"]
    days = [{"connection": each["id"], **day} for each in found for day in each["forecast"]["days"]]
    show({"items": days}, output, ("connection", "day", "planned", "fit", "moved", "taken", "room"))
    for each in found:
        say(f"{each['id']}: {each['forecast']['sentence']}")


@app.command("windows")
def windows(account: str, output: Output = "text") -> None:
    """The times on offer for every connection, in the mode that takes effect, and why each window is one."""
    found = get(address("/v1/accounts/{}/windows", account))
    show(found if output == "json" else {"items": [row for each in found["items"] for row in offers(each)]}, output,
         ("connection", "mode", "day", "window", "times", "weight"))  # fmt: skip
    for each in found["items"]:
        say("\n  ".join([f"{each['connection']}: {each['sentence']}", *(one["sentence"] for one in each["windows"])]))


def offers(connection: dict[str, Any]) -> list[dict[str, Any]]:
    """Each window of each weekday once, with how many times it offers."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for day, times in connection["week"].items():
        for each in times:
            row = rows.setdefault((day, each["window"]), {"times": 0, "weight": each["weight"]})
            row["times"] += 1
    here = {"connection": connection["connection"], "mode": connection["mode"]}
    return [{**here, "day": day, "window": window, **row} for (day, window), row in rows.items()]


@connect.command("list")
def list_connections(account: str, output: Output = "text") -> None:
    """Status, expiry, held posts, what is used and left and until when, and how the coming week fills up."""
    found = get(address("/v1/accounts/{}/connections", account))
    show(found if output == "json" else {"items": [_allowed(each) for each in found["items"]]}, output,
         ("id", "status", "expires_at", "held", "used", "left", "resets_at", "calls", "week"))  # fmt: skip


def _allowed(connection: dict[str, Any]) -> dict[str, Any]:
    """Posts as the cap counts them; calls as `used/most` of every window that has a limit."""
    posts = connection["posts"]
    calls = "; ".join(f"{each['used']}/{each['calls_max']} in {each['window']}" for each in connection["budget"])
    return {**connection, "used": posts["used"], "left": "no cap" if posts["max"] is None else posts["left"],
            "resets_at": posts["resets_at"], "calls": calls, "week": connection["forecast"]["sentence"]}  # fmt: skip


@connect.command("channel")
def connect_channel(account: str, channel: str) -> None:
    """Print the address at which the channel asks for consent; open it in a browser."""
    typer.echo(change("POST", address("/v1/accounts/{}/connections/{}/authorize", account, channel))["authorize_url"])
    say("open this address and agree; the channel then becomes Active")


@connect.command("blog")
def connect_blog(
    account: str,
    site: str,
    user: str,
    key: Annotated[str | None, typer.Option(help="application password; asked for where it is not given")] = None,
    cms: str = "wordpress",
    output: Output = "text",
) -> None:
    """Connect a blog by its CMS key, checked by a harmless call first (S7)."""
    given = key or typer.prompt("Key", hide_input=True, err=True)  # a prompt of the option itself goes to stdout
    body: dict[str, Any] = {"cms": cms, "site": site, "user": user, "key": given}
    show(change("PUT", address("/v1/accounts/{}/connections/blog", account), body), output)


@connect.command("check")
def check(connection: str, output: Output = "text") -> None:
    """A harmless call that shows whether the grant still works; if it does not, or nobody can tell, the exit code
    is 1."""
    found = change("POST", address("/v1/connections/{}/check", connection))
    show(found, output)
    if not found["works"]:
        raise typer.Exit(FAILED)


@connect.command("drop")
def drop(connection: str, output: Output = "text") -> None:
    """Disconnect; queued posts are held."""
    show(change("DELETE", address("/v1/connections/{}", connection)), output)
