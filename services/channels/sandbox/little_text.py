"""LinkedIn's *little text*: reserved characters need a backslash, and an unescaped one silently ends the post.

https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format
"""

from __future__ import annotations

import re

_ELEMENT = re.compile(
    r"\\(?P<escaped>[|{}@\[\]()<>#\\*_~])"
    r"|\{hashtag\|\\?#\|(?P<tag>[^}|]+)\}"
    r"|@\[(?P<name>[^\]]+)\]\(urn:li:[^)]+\)"
    r"|(?P<plain>[^|{}@\[\]()<>\\*_~]+)"
)


def visible(commentary: str) -> str:
    """What a reader sees. A bare `#word` is a hashtag and stays; any other bare reserved character cuts the rest."""
    seen, at = [], 0
    while element := _ELEMENT.match(commentary, at):
        tag = element["tag"]
        seen.append(f"#{tag}" if tag else element["escaped"] or element["name"] or element["plain"])
        at = element.end()
    return "".join(seen)
