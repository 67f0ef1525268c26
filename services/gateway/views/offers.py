"""Why each window is one: what was seen of the account's own posts, how far that decides, and the benchmark (S16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from events import AccountDocument
from events.channels import channel_of
from services.gateway.views.showing import DISPLAY
from services.gateway.views.view import Document
from services.planning.terms import Terms
from services.planning.windows import BEST_PRACTICE, WEEKDAYS

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def windows_of(terms: Terms, profile: Document | None, document: AccountDocument) -> list[Document]:
    """As the mode that takes effect has them; `own` is how far the account's own posts decide, from 0 to 1."""
    channel = channel_of(terms.connection)
    match terms.mode:
        case "adaptive":
            return [_learned(each) for each in (profile or {}).get("windows", ())]
        case "custom":
            times = document.times.get(channel, {})  # type: ignore[call-overload]
            return [_chosen(WEEKDAYS.index(day), walls) for day, walls in times.items() if walls]
        case _:
            return [_preset(each.days, each.label, each.weight, channel) for each in BEST_PRACTICE[channel]]


def sentence(terms: Terms, profile: Document | None, document: AccountDocument) -> str:
    """Which mode takes effect, and why not the chosen one."""
    name = DISPLAY[channel_of(terms.connection)]
    match terms.mode, document.mode:
        case "adaptive", _:
            posts = (profile or {}).get("inputs", {}).get("posts")
            seen = f" from {posts} posts of its own" if posts is not None else ""
            return f"Adaptive: {name} has learned its windows{seen}."
        case "custom", _:
            return f"Custom: the account's own times for {name}."
        case _, "adaptive":
            return f"Best Practice, until Adaptive has 14 days of data on at least 7 of them for {name}."
        case _, "custom":
            return f"Best Practice: the account has chosen no times of its own for {name}."
        case _:
            return f"Best Practice: what published benchmarks say of {name}."


def _learned(each: Mapping[str, Any]) -> Document:
    posts, own = each.get("posts"), each.get("own")
    told = dict(each) | {"window": f"{each.get('from')}-{each.get('to')}"}
    when = f"{_days(each.get('days', ()))} {told['window']}"
    if posts is None or own is None:
        return told | {"sentence": f"{when}: learned from the account's own posts."}
    share = f"{round(own * 100)} % own data, {round(100 - own * 100)} % benchmark"
    seen = f"{posts} {'post' if posts == 1 else 'posts'} seen here"
    worth = f"{each.get('weight')} times the usual, {each.get('benchmark')} by the benchmark"
    return told | {"sentence": f"{when}: {seen}; {share}; {worth}."}


def _preset(days: Sequence[int], label: str, weight: float, channel: str) -> Document:
    begins, ends = label.split("-")
    why = f"{_days(days)} {label}: suits {DISPLAY[channel]} by published benchmarks, weight {weight:g}."
    return {"days": list(days), "from": begins, "to": ends, "window": label, "weight": weight, "posts": None,
            "own": 0, "benchmark": weight, "sentence": why}  # fmt: skip


def _chosen(day: int, walls: Sequence[str]) -> Document:
    return {"days": [day + 1], "times": list(walls), "weight": None, "posts": None, "own": None, "benchmark": None,
            "sentence": f"{DAYS[day]} {', '.join(walls)}: chosen by the account."}  # fmt: skip


def _days(days: Sequence[int]) -> str:
    return ", ".join(DAYS[day - 1] for day in days)
