"""Speaking to the world as any client would: raw requests, in the dialect of each channel."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import orjson

from services.channels.sandbox import sites
from services.channels.sandbox.books import Books, MemoryBooks
from services.channels.sandbox.weather import Asked
from services.channels.sandbox.wire import Reply
from services.channels.sandbox.world import World

MONDAY_NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
BACK = "https://distribution.example/oauth/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-long"
LINKEDIN_SCOPES = "openid profile w_organization_social r_organization_social rw_organization_admin"
X_SCOPES = "tweet.read tweet.write users.read media.write offline.access"
VERSIONED = {"Linkedin-Version": "202609", "X-Restli-Protocol-Version": "2.0.0"}


@dataclass
class FarSide:
    """A world, its clock in the test's hand, and the client's end of three APIs."""

    books: Books = field(default_factory=MemoryBooks)
    now: datetime = MONDAY_NINE

    def __post_init__(self) -> None:
        self.world = World(self.books, seed="a seed", now=lambda: self.now)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def weather(self, channel: str, kind: str, **more: Any) -> None:
        self.world.begin(channel, Asked.model_validate({"kind": kind, **more}))

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None,
        form: Mapping[str, str] | None = None, body: bytes | None = None,
    ) -> Reply:  # fmt: skip
        parts, told = urlsplit(url), dict(headers or {})
        if form is not None:
            body, told["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        if json is not None:
            body, told["Content-Type"] = orjson.dumps(json), "application/json"
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return self.world.answer(method, parts.netloc, path, told, body)


def read(given: Reply) -> Any:
    return orjson.loads(given.body)


def back_with(given: Reply) -> dict[str, str]:
    """What the browser brings back from the page of consent."""
    assert given.status == 302, given
    return dict(parse_qsl(urlsplit(given.headers["location"]).query))


@dataclass
class LinkedIn:
    far: FarSide
    account: str = "acme"
    client: str = "partner-app"
    scope: str = LINKEDIN_SCOPES
    token: str = ""

    def code(self) -> str:
        asked = {"response_type": "code", "client_id": self.client, "redirect_uri": BACK, "scope": self.scope,
                 "state": f"{self.account}.state"}  # fmt: skip
        return back_with(self.far.send("GET", "https://www.linkedin.com/oauth/v2/authorization?" + urlencode(asked)))[
            "code"
        ]

    def token_call(self, **form: str) -> Reply:
        whole = {"client_id": self.client, "client_secret": "s", **form}
        return self.far.send("POST", "https://www.linkedin.com/oauth/v2/accessToken", form=whole)

    def exchange(self, code: str, **more: str) -> Reply:
        return self.token_call(**{"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **more})

    def connect(self) -> LinkedIn:
        self.token = read(self.exchange(self.code()))["access_token"]
        return self

    def call(self, method: str, path: str, *, json: Any = None, **headers: str) -> Reply:
        told = {"Authorization": f"Bearer {self.token}", **VERSIONED}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.far.send(method, "https://api.linkedin.com" + path, headers=told, json=json)

    @property
    def organisation(self) -> str:
        return read(self.call("GET", "/rest/organizationAcls?q=roleAssignee"))["elements"][0]["organization"]

    def body(self, commentary: str = "How Acme grew", **more: Any) -> dict[str, Any]:
        feed = {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []}
        return {"author": self.organisation, "commentary": commentary, "visibility": "PUBLIC", "distribution": feed,
                "lifecycleState": "PUBLISHED", **more}  # fmt: skip

    def post(self, commentary: str = "How Acme grew", **more: Any) -> Reply:
        return self.call("POST", "/rest/posts", json=self.body(commentary, **more))

    def listed(self, **more: Any) -> list[dict[str, Any]]:
        asked = urlencode({"q": "author", "author": self.organisation, **more})
        return read(self.call("GET", "/rest/posts?" + asked, X_RestLi_Method="FINDER"))["elements"]

    def statistics(self, urn: str) -> list[dict[str, Any]]:
        name = "shares" if ":share:" in urn else "ugcPosts"
        asked = f"q=organizationalEntity&organizationalEntity={quote(self.organisation, safe='')}"
        path = f"/rest/organizationalEntityShareStatistics?{asked}&{name}=List({quote(urn, safe='')})"
        return read(self.call("GET", path))["elements"]


@dataclass
class X:
    far: FarSide
    account: str = "acme"
    scope: str = X_SCOPES
    token: str = ""
    refresh: str = ""

    def code(self, verifier: str = VERIFIER) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {"response_type": "code", "client_id": "client", "redirect_uri": BACK, "scope": self.scope,
                 "state": f"{self.account}.state", "code_challenge": challenge,
                 "code_challenge_method": "S256"}  # fmt: skip
        return back_with(self.far.send("GET", "https://x.com/i/oauth2/authorize?" + urlencode(asked)))["code"]

    def token_call(self, **form: str) -> Reply:
        whole = {"client_id": "client", **form}
        return self.far.send("POST", "https://api.x.com/2/oauth2/token", form=whole)

    def exchange(self, code: str, **more: str) -> Reply:
        whole = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.token_call(**{**whole, **more})

    def connect(self) -> X:
        told = read(self.exchange(self.code()))
        self.token, self.refresh = told["access_token"], told.get("refresh_token", "")
        return self

    def call(self, method: str, path: str, *, json: Any = None) -> Reply:
        return self.far.send(
            method, "https://api.x.com/2" + path, headers={"Authorization": f"Bearer {self.token}"}, json=json
        )

    def post(self, text: str = "How Acme grew", **more: Any) -> Reply:
        return self.call("POST", "/tweets", json={"text": text, **more})

    @property
    def user(self) -> str:
        return read(self.call("GET", "/users/me"))["data"]["id"]

    def listed(self, **asked: str) -> dict[str, Any]:
        return read(self.call("GET", f"/users/{self.user}/tweets?" + urlencode(asked)))


@dataclass
class WordPress:
    far: FarSide
    account: str = "acme"
    user: str = "editor"
    password: str = ""

    def connect(self) -> WordPress:
        self.password = sites.new_password(self.far.world, self.account, self.user)
        return self

    def call(self, method: str, path: str, *, json: Any = None, body: bytes | None = None, **headers: str) -> Reply:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.password:
            told["Authorization"] = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        url = f"https://{self.account}.sites.sandbox/wp-json{path}"
        return self.far.send(method, url, headers=told, json=json, body=body)

    def post(self, title: str = "How Acme grew", slug: str = "how-acme-grew", **more: Any) -> Reply:
        body = {"title": title, "slug": slug, "content": "<p>By listening &amp; asking.</p>", "status": "publish"}
        return self.call("POST", "/wp/v2/posts", json={**body, **more})

    def listed(self, **asked: str) -> list[dict[str, Any]]:
        return read(self.call("GET", "/wp/v2/posts?" + urlencode({"status": "any", **asked})))
