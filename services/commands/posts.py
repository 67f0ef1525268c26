"""`distribution posts ...`: everything a person can do with a post in the dashboard (S48)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.client import FAILED, PARTLY, USAGE, Output, address, bytes_of, change, fail, get, say, show
from services.commands.lists import Cursor, Limit, show_all

app = typer.Typer(no_args_is_help=True, help="The queue: list, explain, move, retry, settle.")
SHIFT_HELP = "so much later than the slot each post has now, as in PT1H; earlier with a minus"
Version = Annotated[str | None, typer.Option("--version", help="only if the post is still at this version")]
TYPED = {"from": "--since", "to": "--until"}
"""What a no of the house calls otherwise than the options here."""
COLUMNS = ("id", "channel", "status", "reason", "scheduled_at", "published_at", "tries", "error")


@app.command("list")
def list_posts(
    account: str | None = None,
    status: str | None = None,
    channel: str | None = None,
    bucket: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: Limit = None,
    cursor: Cursor = None,
    output: Output = "text",
) -> None:
    """The queue, filtered as on the page, latest intake first."""
    filters = {"account": account, "status": status, "channel": channel, "bucket": bucket, "from": since, "to": until}
    show_all("/v1/posts", output, COLUMNS, limit=limit, cursor=cursor, typed=TYPED, **filters)


@app.command()
def counts(
    account: str | None = None,
    status: str | None = None,
    channel: str | None = None,
    bucket: str | None = None,
    since: str | None = None,
    until: str | None = None,
    output: Output = "text",
) -> None:
    """How many posts there are in each status, filtered as the list is."""
    filters = {"account": account, "status": status, "channel": channel, "bucket": bucket, "from": since, "to": until}
    show(get("/v1/posts/counts", typed=TYPED, **filters), output)


@app.command("show")
def show_post(post: str, timeline: bool = False, output: Output = "text") -> None:
    """One post; with --timeline its facts in order."""
    if timeline:
        show(get(address("/v1/posts/{}/timeline", post)), output, ("position", "type", "happened_at", "actor"))
    else:
        show(get(address("/v1/posts/{}", post)), output)


@app.command()
def why(post: str, output: Output = "text") -> None:
    """How its slot was chosen: the mode, the slots considered, the ones refused (S21)."""
    show(get(address("/v1/posts/{}/why", post)), output)


@app.command()
def retry(posts: list[str], version: Version = None, output: Output = "text") -> None:
    """Try failed posts again, after the cause is mended (S30); up to 50 at once."""
    _each("retry", posts, version, output)


@app.command()
def cancel(
    posts: list[str],
    reason: Annotated[str | None, typer.Option(help="of one post: why, for its timeline")] = None,
    version: Version = None,
    output: Output = "text",
) -> None:
    """Take posts out of the queue; up to 50 at once."""
    if reason is not None and len(posts) > 1:
        fail("--reason is of one post; leave it out for several", USAGE)
    _each("cancel", posts, version, output, {} if reason is None else {"reason": reason})


@app.command()
def reschedule(
    posts: list[str],
    at: str | None = None,
    not_before: str | None = None,
    shift: Annotated[str | None, typer.Option(help=SHIFT_HELP)] = None,
    version: Version = None,
    output: Output = "text",
) -> None:
    """Move posts: one to an exact time with --at, any number to the next slots with --not-before or --shift."""
    given = {name: value for name, value in (("at", at), ("not_before", not_before), ("shift", shift)) if value}
    if len(given) != 1:
        fail("say where to with one of --at, --not-before and --shift", USAGE)
    if at is not None and len(posts) > 1:
        fail("--at moves one post; use --not-before or --shift for several", USAGE)
    if shift is None and len(posts) == 1:
        show(change("POST", address("/v1/posts/{}/reschedule", posts[0]), given, version), output)
    else:
        _several("reschedule", posts, version, output, given)


@app.command()
def edit(
    post: str,
    text: str | None = None,
    title: Annotated[str | None, typer.Option(help="an empty one, '', takes the title away")] = None,
    link: Annotated[str | None, typer.Option(help="an empty one, '', takes the link away")] = None,
    no_media: Annotated[bool, typer.Option("--no-media", help="takes all pictures and videos away")] = False,
    version: Version = None,
    output: Output = "text",
) -> None:
    """Change the content of a post that has no attempt open (S28)."""
    body: dict[str, Any] = {} if text is None else {"text": text}
    if title is not None:
        body["title"] = title or None
    if link is not None:
        body["link"] = link or None
    if no_media:
        body["media"] = []
    show(change("PATCH", address("/v1/posts/{}", post), body, version), output)


@app.command()
def approvals(account: str | None = None, limit: Limit = None, cursor: Cursor = None, output: Output = "text") -> None:
    """What awaits approval, longest waiting first; as JSON each with its thread of comments."""
    columns = ("id", "channel", "asked_at", "version", "text")
    show_all("/v1/approvals", output, columns, limit=limit, cursor=cursor, account=account)


@app.command()
def approve(post: str, version: Version = None, output: Output = "text") -> None:
    """Let a waiting post into the queue (S40); with --version only if it is still the one that was read."""
    show(change("POST", address("/v1/posts/{}/approve", post), version=version), output)


@app.command()
def reject(post: str, comment: str, version: Version = None, output: Output = "text") -> None:
    """Send a waiting post back to Production with a comment (S41)."""
    show(change("POST", address("/v1/posts/{}/reject", post), {"comment": comment}, version), output)


@app.command("comment")
def add_comment(post: str, text: str, output: Output = "text") -> None:
    """Say something about a post; a rejection sends all that was said along."""
    show(change("POST", address("/v1/posts/{}/comments", post), {"text": text}), output)


@app.command()
def settle(
    post: str, verdict: str, post_id: str | None = None, url: str | None = None, output: Output = "text"
) -> None:
    """Decide an unknown outcome: `published` with --post-id or --url, or `send_again` (S35)."""
    asked = {"as": verdict, "channel_post_id": post_id, "url": url}
    body = {name: value for name, value in asked.items() if value is not None}
    show(change("POST", address("/v1/posts/{}/settle", post), body), output)


@app.command("import")
def import_posts(file: Path, output: Output = "text") -> None:
    """Hand the CloudEvents of a file (one a line) to the house as if Production had said them."""
    from services.commands.producer import hand_over  # the NATS client is heavy; only this command needs it

    done, refused = hand_over(bytes_of(file))
    for line, why in refused.items():
        say(f"line {line} of {file} was refused: {why}")
    say(f"{done} handed over, {len(refused)} refused")
    if output == "json":
        show({"handed_over": done, "refused": [{"line": line, "reason": why} for line, why in refused.items()]}, output)
    if refused:
        raise typer.Exit(PARTLY)


@app.command()
def undo(bulk: str, output: Output = "text") -> None:
    """Restore what a bulk change did to posts that are still unsent."""
    _bulk(change("POST", address("/v1/bulks/{}/undo", bulk)), output)


def _each(action: str, posts: list[str], version: str | None, output: str, how: dict[str, Any] | None = None) -> None:
    if len(posts) == 1:
        show(change("POST", address("/v1/posts/{}/{}", posts[0], action), how or {}, version), output)
    else:
        _several(action, posts, version, output)


def _several(
    action: str, posts: list[str], version: str | None, output: str, more: dict[str, Any] | None = None
) -> None:
    if version is not None and len(posts) > 1:
        fail("--version is of one post; leave it out for several", USAGE)
    wanted = [{"id": post, "version": version} if version else {"id": post} for post in posts]
    found = change("POST", "/v1/posts/bulk", {"action": action, "posts": wanted, **(more or {})})
    # A retry is not taken back, and what was refused did nothing; what is only asked may still be done.
    if action != "retry" and any(item["done"] or "asked" in item for item in found["items"]):
        say(f"to take it back, as long as they are unsent: distribution posts undo {found['bulk']}")
    _bulk(found, output)


def _bulk(body: dict[str, Any], output: str) -> None:
    """Each item has its own outcome (S25); some refused is exit 3."""
    show(body, output, ("id", "done", "problem"))
    done = [item["done"] for item in body["items"]]
    if not all(done):
        raise typer.Exit(PARTLY if any(done) else FAILED)
