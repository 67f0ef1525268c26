"""How LinkedIn says no: a status, a code and a sentence, with a service code where a token is at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.channels.sandbox.wire import Reply, reply

CODES: Mapping[str, tuple[int, str]] = {
    "ACCESS_DENIED": (403, "Not enough permissions to access: partnerApiPostsExternal.CREATE"),
    "FIELD_LENGTH_TOO_LONG": (
        400,
        "ERROR :: /commentary :: length is greater than maximum allowed",
    ),
    "INVALID_URN_TYPE": (400, "ERROR :: /author :: is not a valid URN"),
    "UNPROCESSABLE_ENTITY": (422, "ERROR :: /content :: does not pass validation"),
    "DUPLICATE_POST": (422, "Content is a duplicate of another post"),
    "CONFLICT": (409, "Another write of this entity is under way"),
    "NONEXISTENT_VERSION": (426, "Requested version is not active"),
    "TOO_MANY_REQUESTS": (429, "Resource level throttle DAY limit for calls to this resource is reached."),
    "REVOKED_ACCESS_TOKEN": (401, "The token used in the request has been revoked by the user"),
    "EXPIRED_ACCESS_TOKEN": (401, "The token used in the request has expired"),
    "INVALID_ACCESS_TOKEN": (401, "Invalid access token"),
}
SERVICE_CODES = {"INVALID_ACCESS_TOKEN": 65600, "REVOKED_ACCESS_TOKEN": 65601, "EXPIRED_ACCESS_TOKEN": 65602}


def no(
    code: str, *, status: int | None = None, message: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    usual, said = CODES.get(code, (403, code))
    body: dict[str, Any] = {"status": status or usual, "code": code, "message": message or said}
    if code in SERVICE_CODES:
        body["serviceErrorCode"] = SERVICE_CODES[code]
    return reply(status or usual, body, headers)
