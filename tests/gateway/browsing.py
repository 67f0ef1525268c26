"""A real Chromium over the example week, with every other host out of its reach."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright

from tests.absent import needs
from tests.gateway.weeks import Week, served

CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
WAIT_MS = 15_000
TABS_MAX = 120


class Visit:
    """One signed-in browser: where it went, what it complained about, and its keyboard."""

    def __init__(self, address: str, week: Week, context: BrowserContext, page: Page) -> None:
        self.address, self.week, self.context, self.page = address, week, context, page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))

    @property
    def server(self) -> uvicorn.Server:
        return self.week.server

    @property
    def strangers(self) -> list[str]:
        """Requests to anybody but the house."""
        own = urlsplit(self.address).netloc
        return [url for url in self.asked if urlsplit(url).netloc != own]

    async def go(self, path: str) -> Visit:
        await self.page.goto(self.address + path)
        await self.page.wait_for_selector("#live[data-state=live]")
        return self

    async def tab_to(self, wanted: Locator) -> None:
        """By the keyboard alone, as often as it takes."""
        for _ in range(TABS_MAX):
            await self.page.keyboard.press("Tab")
            if await wanted.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"{wanted} cannot be reached by the keyboard")

    async def violations(self) -> list[str]:
        """What axe finds wrong, each with the element it found it at. It is asked past the page's own policy."""
        found = await self.page.evaluate(f"{AXE}; axe.run(document, {{resultTypes: ['violations']}})")
        return [f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:120]})" for each in found["violations"]]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    needs("the page in a browser", [] if CHROMIUM else ["chromium"])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(browser: Browser, *, role: str = "owner", **how: Any) -> AsyncIterator[Visit]:
    """Signed in by the address that `up` prints. `how` is Playwright's: the theme, or no scripts."""
    async with served() as (address, week):
        key = await week.gateway.issue_key(role=role)  # type: ignore[arg-type]
        context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", **how)
        context.set_default_timeout(WAIT_MS)
        page = await context.new_page()
        visit = Visit(address, week, context, page)
        await page.goto(f"{address}/login?once={week.gateway.login_once(key)}")
        try:
            yield visit
        finally:
            await context.close()
