"""The API as a page a person can read: made from the same description that programs read, with nothing to run."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.gateway.desk import Desk

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API · Distribution</title>
<link rel="stylesheet" href="/page/static/page.css"></head><body><main id="main"><h1>API</h1>
<p>{description} Programs read <a href="/openapi.json">openapi.json</a>; every call takes
<code>Authorization: Bearer &lt;api key&gt;</code>, every change an <code>Idempotency-Key</code> and an
<code>If-Match</code>.</p><table><thead><tr><th scope="col">Call</th><th scope="col">Address</th>
<th scope="col">What it does</th></tr></thead><tbody>
{rows}
</tbody></table></main></body></html>
"""


def docs(desk: Desk) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/docs", response_class=HTMLResponse)
    async def page(request: Request) -> str:
        described = request.app.openapi()
        rows = "\n".join(
            row(method, path, call) for path, calls in described["paths"].items() for method, call in calls.items()
        )
        return PAGE.format(description=escape(described["info"]["description"]), rows=rows)

    return router


def row(method: str, path: str, call: dict[str, Any]) -> str:
    cells = (method.upper(), f"<code>{escape(path)}</code>", escape(call.get("description") or call.get("summary", "")))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
