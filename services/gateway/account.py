"""A client account's choices: the whole document each time, checked before it is said.

A refusal names every wrong field and what it should be; nothing is guessed and nothing unknown is let through (A20).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from events import AccountChanged, AccountDocument, ConnectionDropped, ConnectionListed, Fact
from events.channels import CHANNELS
from events.gateway import Caps, Channel
from events.twice import twice
from services.gateway.principal import Principal
from services.gateway.problems import Problem, Wrong, invalid, not_found, refusing
from services.gateway.times import Span, Whole
from services.planning.zones import zone_names

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")
PLACE = re.compile(r"\{([^{}]*)\}")
PLACES = {"channel", "campaign", "bucket", "account", "post"}
"""What a UTM template may name (S34)."""
SPACING_MIN, SPACING_MAX = timedelta(minutes=1), timedelta(days=1)
A_MINUTE = timedelta(minutes=1)
"""Times of a week are whole minutes, so what lies between two slots is, too (S14)."""
TOLERANCE_MIN, TOLERANCE_MAX = timedelta(minutes=1), timedelta(days=7)
"""S20: no alarm rings at the very instant of its slot, so without any tolerance every post would be too late."""
CAP_MIN, CAP_MAX = 1, 10_000
"""As the fact has it: many times what any channel takes in a day, and few enough to be planned one by one."""
TEXT_MAX = 200
EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Account:
    document: AccountDocument | None = None
    connections: tuple[str, ...] = ()


initial = Account()


class TypedCaps(Caps):
    posts_per_day_max: Annotated[Whole, Field(ge=CAP_MIN, le=CAP_MAX)]


class Typed(AccountDocument):
    """The document as somebody sends it. A number could be seconds or minutes, and yes is no number; what was said
    before we asked so is still read."""

    caps: dict[Channel, TypedCaps] = {}  # type: ignore[assignment]
    spacing: dict[Channel, Span] = {}
    tolerance: Span = timedelta(hours=2)


def evolve(state: Account, fact: Fact) -> Account:
    match fact:
        case AccountChanged(document=document):
            return replace(state, document=document)
        case ConnectionListed(connection=name):
            return replace(state, connections=(*state.connections, name))
        case ConnectionDropped(connection=name):
            return replace(state, connections=tuple(each for each in state.connections if each != name))
        case _:
            raise TypeError(f"an account never hears {type(fact).__name__}")


def change(
    state: Account, *, by: Principal, account: str, document: AccountDocument, version: int, expected: str | None,
    keep: Literal["wall_clock", "instant"] = "wall_clock",
) -> Sequence[Fact]:  # fmt: skip
    """The document as it shall be from now on; the same document again says nothing."""
    authorized(by, account)
    fresh(version, expected)
    return () if state.document == document else (AccountChanged(document=document, keep=keep),)


def merged(state: Account, *, by: Principal, account: str, patch: Mapping[str, Any]) -> AccountDocument:
    """What is there with the patch over it (RFC 7396): null takes a choice back to its default."""
    authorized(by, account)
    if state.document is None:
        raise not_found()
    return document_of(account, _merge(state.document.model_dump(mode="json"), patch))


def authorized(by: Principal, account: str) -> None:
    """Decided here, so that no route can forget it (I37)."""
    if not by.sees(account):
        raise not_found()
    if not by.may("configure"):
        raise Problem("forbidden", f"The role {by.role} may not change an account; ask an owner or an operator.")


def fresh(version: int, expected: str | None) -> None:
    if expected is not None and expected != str(version):
        raise Problem("stale", f"It is at version {version} now; read it again before you change it.")


def document_of(account: str, body: Mapping[str, Any], *, new: bool = False) -> AccountDocument:
    """A whole document from outside. Its id is the address's; one in the body has to agree.

    Whoever was called like a channel before that was refused keeps the name, for an account is not renamed.
    """
    try:
        typed = Typed.model_validate({"id": account, **body})
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False), drop=0) from None
    document = AccountDocument.model_validate(typed.model_dump())
    if wrong := [*(_wrong_name(document.id) if new else ()), *_wrong(account, document)]:
        raise refusing(wrong)
    return document


def _wrong_name(name: str) -> Iterator[Wrong]:
    """One word means one thing where publishing is paused."""
    if name == EVERYTHING or name in CHANNELS:
        what = "the whole house" if name == EVERYTHING else "a channel"
        yield Wrong("id", f"{name} means {what} where publishing is paused; choose another name")


def _wrong(account: str, document: AccountDocument) -> Iterator[Wrong]:
    if document.id != account:
        yield Wrong("id", f"is {document.id}, but the address says {account}; leave it out")
    if document.zone not in zone_names():
        yield Wrong("zone", f"{document.zone} is not an IANA zone; write it as in Europe/Berlin")
    yield from _wrong_times(document)
    for channel, spacing in document.spacing.items():
        if not SPACING_MIN <= spacing <= SPACING_MAX:
            yield Wrong(f"spacing.{channel}", "has to be between PT1M and P1D")
        elif spacing % A_MINUTE:
            yield Wrong(f"spacing.{channel}", "has to be whole minutes; write it as in PT30M")
    if not TOLERANCE_MIN <= document.tolerance <= TOLERANCE_MAX:
        yield Wrong("tolerance", "has to be between PT1M and P7D, for without any no slot would be kept; "
                    "write it as in PT2H")  # fmt: skip
    yield from _wrong_words(document)


def _wrong_times(document: AccountDocument) -> Iterator[Wrong]:
    for channel, days in document.times.items():
        for day, times in days.items():
            if repeated := sorted(twice(times)):
                yield Wrong(f"times.{channel}.{day}", f"names {', '.join(repeated)} twice; each time once")
    if document.mode == "custom" and not any(times for days in document.times.values() for times in days.values()):
        yield Wrong("times", 'custom mode needs at least one time, as in {"linkedin": {"mon": ["09:00"]}}')


def _wrong_words(document: AccountDocument) -> Iterator[Wrong]:
    for field, address in (("owner", document.owner), ("approval.reviewer", document.approval.reviewer)):
        if address is not None and not (len(address) <= TEXT_MAX and ADDRESS.fullmatch(address)):
            yield Wrong(field, "is no e-mail address; write it as in owner@acme.example")
    if len(document.name) > TEXT_MAX:
        yield Wrong("name", f"may have {TEXT_MAX} characters")
    for name, template in document.utm.items():
        if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name) or len(template) > TEXT_MAX:
            yield Wrong(f"utm.{name[:64]}", "needs a name of letters, digits and _, and at most 200 characters")
        elif unknown := sorted(set(PLACE.findall(template)) - PLACES):
            known = ", ".join(f"{{{place}}}" for place in sorted(PLACES))
            yield Wrong(f"utm.{name}", f"names {{{unknown[0]}}}; it may name {known}")


def _merge(there: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(there) if isinstance(there, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
