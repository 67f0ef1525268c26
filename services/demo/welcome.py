"""A house started by hand has somebody in it: the account `demo`, every simulated channel connected."""

from __future__ import annotations

import aiohttp
from nats.aio.client import Client as Nats

from events.channels import CHANNELS
from services.channels.registry import ADAPTERS
from services.demo.play import Doors, PlayFailed, connected

ACCOUNT = "demo"


async def welcome(page: str, sandbox: str, api_key: str, broker: Nats) -> None:
    """Once: an account that is there already keeps what its people have made of it."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        doors = Doors(page, sandbox, api_key, broker, session)
        status, _ = await doors.ask("GET", f"/v1/accounts/{ACCOUNT}")
        if status == 200:
            return
        document = {"id": ACCOUNT, "name": "Demo", "zone": "UTC"}
        status, body = await doors.ask("PUT", f"/v1/accounts/{ACCOUNT}", document)
        if status != 200:
            raise PlayFailed(f"the account {ACCOUNT} could not be opened: {status} {body}")
        try:
            for channel in CHANNELS:
                if channel in ADAPTERS:
                    await connected(doors, ACCOUNT, channel)
        except aiohttp.ClientError as error:
            raise PlayFailed(
                f"no simulated channels answer at {sandbox} ({error}): start them, or set DISTRIBUTION_SANDBOX to "
                "where they are; 1 starts some"
            ) from error
