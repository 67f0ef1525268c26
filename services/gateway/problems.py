"""Every no of the API: one registry of stable codes, answered as RFC 9457 problems.

A detail names the field and the mend, and never more than the asker may see: what is foreign is answered byte for
byte like what is unknown (I30).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.gateway.times import WRITE_A_SPAN, WRITE_A_TIME

MEDIA_TYPE = "application/problem+json"

REGISTRY: Mapping[str, tuple[int, str]] = {
    "unauthenticated": (401, "No key, or not one of ours"),
    "forbidden": (403, "This role may not do that"),
    "cross_site": (403, "This change did not come from our own page"),
    "not_found": (404, "There is no such thing here"),
    "unknown_post": (404, "There is no such thing here"),
    "method_not_allowed": (405, "Not with this method"),
    "stale": (412, "It has changed since you read it"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body is not sent as JSON"),
    "invalid": (422, "Something in the request is wrong"),
    "key_reused": (422, "This Idempotency-Key was used for another request"),
    "too_many": (422, "More than one request may hold"),
    "too_long": (422, "It is over the channel's limit"),
    "too_far": (422, "The time is too far ahead"),
    "where_is_it": (422, "Say where it is live"),
    "key_refused": (422, "The key was not accepted"),
    "consent_over": (422, "This consent cannot be used"),
    "refused_by_channel": (422, "The channel said no"),
    "channel_unclear": (502, "The channel gave no clear answer"),
    "not_ready": (503, "Not ready"),
    "replay_stopped": (503, "The replay stopped on its way"),
    "fault": (500, "Something broke here"),
}
"""Code -> (status, title). A code that a deciding service says and that is not listed is a plain refusal: 409."""

REFUSED = (409, "Refused")
NO_SUCH = "there is no such field; leave it out"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field and what to do about it."""

    field: str
    detail: str


class Problem(Exception):
    """A no with its reason. Nothing was changed."""

    def __init__(self, code: str, detail: str = "", *, errors: Sequence[Wrong] = ()) -> None:
        super().__init__(detail or code)
        self.code, self.detail, self.errors = code, detail, tuple(errors)

    @property
    def status(self) -> int:
        return REGISTRY.get(self.code, REFUSED)[0]

    def body(self) -> dict[str, Any]:
        status, title = REGISTRY.get(self.code, REFUSED)
        told: dict[str, Any] = {"type": f"urn:distribution:problem:{self.code}", "title": title, "status": status,
                                "code": self.code, "detail": self.detail or title}  # fmt: skip
        if self.errors:
            told["errors"] = [{"field": each.field, "detail": each.detail} for each in self.errors]
        return told


def not_found() -> Problem:
    """The same words for what is not there and for what is somebody else's."""
    return Problem("not_found", "There is nothing by this name that this key may see.")


def unauthenticated() -> Problem:
    """The same words for no key, an unknown one, a revoked one and one that is none."""
    return Problem("unauthenticated", "Send `Authorization: Bearer <api key>`, with a key that has not been revoked.")


def invalid(errors: Sequence[Any], *, drop: int = 1) -> Problem:
    """Every wrong field by its name, with what it should be."""
    named = [".".join(str(part) for part in each["loc"][drop:] if part != "[key]") for each in errors]
    return refusing([Wrong(field or "body", said(each)) for field, each in zip(named, errors, strict=True)])


def refusing(wrong: Sequence[Wrong]) -> Problem:
    """Each of these has to be mended first."""
    return Problem("invalid", "; ".join(f"{each.field}: {each.detail}" for each in wrong), errors=wrong)


def said(error: Any) -> str:
    match error["type"]:
        case "extra_forbidden":
            return NO_SUCH
        case "missing":
            return "is missing"
        case "string_pattern_mismatch" if "[0-5]" in error["msg"]:
            return "write a time as in 09:00"
        case "time_delta_parsing" | "time_delta_type":
            return WRITE_A_SPAN
        case "timezone_aware" | "datetime_parsing" | "datetime_from_date_parsing" | "datetime_object_invalid":
            return WRITE_A_TIME
        case "model_type" | "model_attributes_type" | "dict_type":
            return "has to be an object, in braces"
        case "list_type" | "tuple_type":
            return "has to be a list, in brackets"
    return str(error["msg"]).removeprefix("Value error, ")
