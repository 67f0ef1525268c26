"""What comes in from upstream, in Production's words. Production says it; we only read it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints, WithJsonSchema

from events.envelope import Frozen

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
"""An account's or a post's own name (S1)."""
ConnectionName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}\.[a-z]{1,16}(\.[a-z0-9-]{1,64})?$")]
"""`<account>.<channel>`, a further one `<account>.<channel>.<label>`."""
Address = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2048)]
"""A web address as a fact keeps it."""
_LABEL = r"[^\x00-,/:-@\[-^`{-\x7f\s.]{1,63}"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
"""Names in any script; what a name may mean is the resolver's business."""
_IN_BRACKETS = re.compile(r"(.*@)?\[[^\[\]]*\](:\d*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_AS_IN = "write it as in https://acme.example/story"


def of_a_host(address: str) -> str:
    """The address again, when it leads to somebody; raises ValueError with the mend."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as wrong:
        raise ValueError(f"it is no web address ({wrong}); {_AS_IN}") from wrong
    bracketed = "[" in parts.netloc
    if not (_IN_BRACKETS if bracketed else _HOST).fullmatch(parts.netloc if bracketed else host) or len(host) > 253:
        raise ValueError(f"it names no host; {_AS_IN}")
    if _CONTROL.search(address):
        raise ValueError(f"it holds a control character; {_AS_IN}")
    return address


GivenAddress = Annotated[Address, AfterValidator(of_a_host)]
"""As somebody gives it at a door: one that nobody could follow, nor put a parameter on, is refused there (S34)."""


class Media(Frozen):
    """One image or video, by a public address."""

    kind: Literal["image", "video"]
    url: Address
    alt: Annotated[str, StringConstraints(max_length=4086)] | None = None


class Content(Frozen):
    """What a person approved and a channel shows."""

    text: str
    title: str | None = None
    link: Address | None = None
    media: tuple[Media, ...] = ()


Planned = Annotated[AwareDatetime, Field(description="no more than five years away; what is further is parked")]
"""A time that is a slip of the keyboard when nobody would plan so far ahead."""


class PostApproved(Frozen):
    """The data of `production.post_approved`: (account, post) is the identity (S1, S3)."""

    post: Name
    account: Name
    channel: str
    connection: ConnectionName | None = None
    bucket: Annotated[str, StringConstraints(max_length=128)] | None = None
    campaign: Annotated[str, StringConstraints(max_length=128)] | None = None
    title: str | None = None
    text: str
    link: GivenAddress | None = None
    media: Annotated[tuple[Media, ...], Field(max_length=35)] = ()
    not_before: Planned | None = None
    exactly_at: Planned | None = None

    @property
    def content(self) -> Content:
        return Content(text=self.text, title=self.title, link=self.link, media=self.media)


def _one_value(given: Any) -> Any:
    if given is None or isinstance(given, str | int):
        return given
    raise ValueError("an extension attribute is text, a whole number, true or false; write it so, or take it out")


_NAMED = r"^[a-z0-9]+$"
_Extension = Annotated[Any, AfterValidator(_one_value),
                       WithJsonSchema({"type": ["string", "integer", "boolean", "null"]})]  # fmt: skip


class PostApprovedMessage(Frozen):
    """The CloudEvent 1.0 around it, as it arrives on `production.post_approved`.

    Whoever carries it may add attributes, such as a trace's: they are read past. What is in `data` is known by name.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra={"propertyNames": {"pattern": _NAMED}})
    __pydantic_extra__: dict[Annotated[str, StringConstraints(pattern=_NAMED)], _Extension]  # type: ignore[assignment]

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    type: Literal["production.post_approved"]
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    data: PostApproved
