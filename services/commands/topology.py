"""`distribution topology ...`: the streams and consumers on NATS, as they are and as they must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from services.commands.client import Output, fail, say

if TYPE_CHECKING:
    from services.chassis.topology import Topology

app = typer.Typer(no_args_is_help=True, help="The streams and consumers on NATS.")
T = TypeVar("T")


@app.command()
def diff(output: Output = "text") -> None:
    """What is missing or other than it must be; nothing is changed. Exit 1 when anything is."""
    found = [str(each) for each in _over(lambda topology: topology.diff())]
    if output == "json":
        typer.echo(json.dumps(found, indent=1))
    for each in found if output == "text" else ():
        typer.echo(each)
    if found:
        raise typer.Exit(1)
    say("the topology is as it must be")


@app.command()
def apply(
    output: Output = "text",
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Let the house that asks next read Production's messages.")
    ] = False,
) -> None:
    """Make it as it must be; doing so again does nothing."""

    async def applied(topology: Topology) -> list[str]:
        return [*await topology.apply(), *(await topology.release() if take_over else ())]

    done = _over(applied)
    if output == "json":
        typer.echo(json.dumps(done, indent=1))
    for each in done if output == "text" else ():
        typer.echo(each)
    say(f"{len(done)} changes")


def _over(ask: Callable[[Topology], Awaitable[T]]) -> T:
    from nats.errors import Error as NatsError  # heavy, and only these two commands need it

    from services.chassis import telemetry
    from services.chassis.topology import Topology, TopologyWrong, replicas_for
    from services.commands.producer import broker_at, nats_address

    telemetry.start_logging(service="topology")  # what is not told where it goes stands on stdout, among the JSON

    async def asked() -> T:
        address = nats_address()
        async with broker_at(address) as client:
            return await ask(Topology(client, replicas=replicas_for(address)))

    try:
        return asyncio.run(asked())
    except (NatsError, OSError, TopologyWrong) as error:
        fail(str(error) or type(error).__name__)
