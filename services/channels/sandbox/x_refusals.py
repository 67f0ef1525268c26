"""How X says no: problem JSON, with `errors` where single parameters are at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.channels.sandbox.wire import Reply, reply

PROBLEMS = "https://api.x.com/2/problems/"
CODES: Mapping[str, tuple[int, str, str, str]] = {
    "Unauthorized": (401, "Unauthorized", "Unauthorized", "about:blank"),
    "duplicate": (403, "Forbidden", "You are not allowed to create a Tweet with duplicate content.", "about:blank"),
    "not-permitted": (403, "Forbidden", "You are not permitted to perform this action.", "about:blank"),
    "client-forbidden": (403, "Client Forbidden", "This client may not make this request.", "client-forbidden"),
    "unsupported-authentication": (
        403, "Unsupported Authentication", "Authenticating with this kind of token is forbidden for this endpoint.",
        "unsupported-authentication"),
    "user-suspended": (403, "Forbidden", "User is suspended.", "user-suspended"),
    "usage-capped": (429, "UsageCapExceeded", "Usage cap exceeded: Monthly product cap", "usage-capped"),
    "CreditsDepleted": (402, "CreditsDepleted", "The account does not have any credits.", "credits"),
    "invalid-request": (400, "Invalid Request", "One or more parameters were invalid.", "invalid-request"),
    "rate-limit": (429, "Too Many Requests", "Too Many Requests", "about:blank"),
    "internal-error": (500, "Internal Error", "Something is broken.", "internal-error"),
}  # fmt: skip


def no(code: str, *, status: int | None = None, headers: Mapping[str, str] | None = None, errors: Any = None) -> Reply:
    """Problem JSON; `errors` stand in it where single parameters are at fault."""
    usual, title, detail, kind = CODES.get(code, (403, "Forbidden", code, code))
    kind = kind if kind == "about:blank" else PROBLEMS + kind
    body = {"title": title, "detail": detail, "type": kind, "status": status or usual}
    return reply(status or usual, {**body, **({"errors": errors} if errors else {})}, headers)
