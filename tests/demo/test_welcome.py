"""A house started by hand has somebody in it, whatever stands between it and its browsers."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.journeys.houses import a_house, doors_of

PUBLIC = "https://dist.example.com"


async def test_the_demo_account_is_connected_before_the_public_address_leads_anywhere(tmp_path):
    """Consents of people do come back to it."""
    async with a_house(tmp_path, public_url=f"{PUBLIC}/") as house, doors_of(house) as doors:
        connections = (await doors.get("/v1/accounts/demo/connections"))["items"]
        assert {each["id"]: each["status"] for each in connections} == {
            "demo.blog": "active", "demo.linkedin": "active", "demo.x": "active",
        }  # fmt: skip
        begun = await doors.done("POST", "/v1/accounts/demo/connections/x/authorize")
        asked = parse_qs(urlsplit(begun["authorize_url"]).query)
        assert asked["redirect_uri"] == [f"{PUBLIC}/oauth/x/callback"]
