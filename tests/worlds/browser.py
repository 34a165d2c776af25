"""The operator's browser: Debian's Chromium, driven by Playwright, that reports every error of a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

#: Width and height in CSS pixels.
PHONE = (390, 844)
DESK = (1280, 900)
#: What is expected of a page comes by itself, on a busy machine late.
expect.set_options(timeout=30_000)


class Tab:
    """One tab, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda line: self.errors.append(f"{line.text} {line.location}") if line.type == "error" else None,
        )

    def sideways(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a screen."""
    program = shutil.which("chromium")
    assert program is not None
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        try:
            yield started
        finally:
            started.close()


def tab(browser: Browser, size: tuple[int, int], *, dark: bool = False) -> Tab:
    """A new tab in a profile of its own."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        color_scheme="dark" if dark else "light",
        service_workers="block",
    )
    context.set_default_timeout(20_000)
    return Tab(context.new_page())
