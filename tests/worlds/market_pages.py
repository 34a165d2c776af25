"""Somebody with a cheap phone on the market's pages: in Chromium with or without scripts, and by plain forms over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Protocol

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from watchkeeper.market.reading import Books, system_id_of
from watchkeeper.market.signin.store import open_identities

#: The smallest phone that the pages are made for, in CSS pixels.
CHEAP_PHONE = (360, 740)
TAP_PIXELS_MIN = 44
PAGE_BYTES_MAX = 30_000
REASON = "seen at the store with my own eyes"
_TOO_SMALL = """(least) => [...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, summary, nav a, .more, .utid")]
.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < least).map((e) => e.outerHTML.slice(0, 120))"""
_TOO_WIDE = """() => [...document.querySelectorAll("body *")]
.filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth).map((e) => e.outerHTML.slice(0, 120))"""


class Served(Protocol):
    """Whatever serves the market's pages at an address."""

    @property
    def market(self) -> str:
        """The address, without a slash at its end."""


class Phone:
    """One person's phone. It keeps what went wrong on its pages, and what every page said."""

    def __init__(self, browser: Browser, system: Served, *, scripts: bool) -> None:
        self.system = system
        self.context = self._context(browser, scripts=scripts)
        #: The same person, with scripts, because the check of accessibility is one.
        self._checking = self.context if scripts else self._context(browser, scripts=True)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.said: list[str] = []
        self._refusals: list[str] = []
        for page in (self.page,) if scripts else (self.page, self._checking.new_page()):
            self._watch(page)

    @staticmethod
    def _context(browser: Browser, *, scripts: bool) -> BrowserContext:
        context = browser.new_context(
            viewport={"width": CHEAP_PHONE[0], "height": CHEAP_PHONE[1]},
            is_mobile=True,
            has_touch=True,
            java_script_enabled=scripts,
            locale="en-GB",
            service_workers="block",
        )
        context.set_default_timeout(20_000)
        return context

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self._heard(line.type, line.text))
        page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error":
            # The browser counts a page that was answered with a refusal as an error; the tests say which they mean.
            (self._refusals if "the server responded with a status of 4" in text else self.errors).append(
                text
            )

    def _asked(self, url: str) -> None:
        if not url.startswith((self.system.market + "/", "data:")):
            self.outside.append(url)

    def close(self) -> None:
        """Put it away; raises `AssertionError` when a page made an error or asked somebody outside."""
        self._checking.close()
        if self.context is not self._checking:
            self.context.close()
        assert self.errors == []
        assert self.outside == []

    def sign_in(self, alias: str, password: str, code: str = "") -> None:
        """Sign in by the form."""
        self.page.goto(self.system.market)
        self.looked()
        self.page.get_by_label("Alias").fill(alias)
        self.page.get_by_label("Password").fill(password)
        if code:
            self.page.get_by_label("Six digits").fill(code)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Notices")).to_be_visible()

    def to(self, path: str) -> None:
        """Open a page and look at it."""
        answer = self.page.goto(f"{self.system.market}{path}")
        assert answer is not None
        assert answer.status == 200, path
        self.looked()

    def looked(self) -> None:
        """Whoever cannot see it well, or taps with a thumb, can use this page; it is light, and no wider than the phone."""
        page, source = self.page, self.page.content()
        self.said.append(source)
        assert len(source.encode()) < PAGE_BYTES_MAX
        if self.context is not self._checking:
            self._checking.add_cookies([{**c} for c in self.context.cookies()])  # type: ignore[typeddict-item]
            page = self._checking.pages[0]
            page.goto(self.page.url)
        # What is folded is looked at too.
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{self.page.url}: {found.generate_report()}"
        small = page.evaluate(_TOO_SMALL, TAP_PIXELS_MIN)
        assert small == [], f"{self.page.url}: {small}"
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) == 0, f"{self.page.url}: {page.evaluate(_TOO_WIDE)}"

    def form(self, id: str) -> Locator:
        """A form of this page, unfolded."""
        found = self.page.locator(f"form[id='{id}']")
        if not found.is_visible():
            self.page.locator("details", has=found).locator("summary").first.click()
        return found

    def first(self, start: str) -> Locator:
        """The first form whose id begins like this, unfolded."""
        found = self.page.locator(f"form[id^='{start}']").first
        return self.form(str(found.get_attribute("id")))

    def done(self, form: Locator, **fields: str) -> str:
        """Fill a form, press its button, and read the receipt."""
        self.pressed(form, **fields)
        said = self.page.locator(".said[role=status]")
        expect(said).to_be_visible()
        self.looked()
        found = re.search(r"[0-9]{8}-[0-9]{6}-[a-z]{3}-[0-9a-z]{6}", said.inner_text())
        return found[0] if found else ""

    def refused(self, form: Locator, status: int, **fields: str) -> str:
        """Fill a form that is refused with this status; what the page says, with what was entered still there."""
        id = str(form.get_attribute("id"))
        before = len(self._refusals)
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            self.pressed(form, **fields)
        assert answer.value.status == status
        expect(self.page.get_by_role("alert")).to_be_visible()
        again = self.page.locator(f"form[id='{id}']")
        for name, text in fields.items():
            assert again.locator(f"[name={name}]").input_value() == text
        assert len(self._refusals) == before + 1
        return self.page.get_by_role("alert").inner_text()

    def pressed(self, form: Locator, **fields: str) -> None:
        """Fill a form and press its button."""
        for name, text in fields.items():
            field = form.locator(f"[name={name}]")
            if field.evaluate("(e) => e.tagName") == "SELECT":
                field.select_option(text)
            else:
                field.fill(text)
        form.get_by_role("button").click()


@contextmanager
def phone(browser: Browser, system: Served, *, scripts: bool) -> Iterator[Phone]:
    """A phone that is put away at the end."""
    found = Phone(browser, system, scripts=scripts)
    yield found
    found.close()


class _Forms(HTMLParser):
    """The forms of a page with their fields, as a browser would send them untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.found[has.get("id", "")] = {}
        elif tag == "input" and "name" in has:
            self._form[has["name"]] = has.get("value", "")
        elif tag == "textarea":
            self._form[has["name"]] = ""
        elif tag == "select":
            self._select = has["name"]
        elif tag == "option" and self._select not in self._form:
            self._form[self._select] = has.get("value", "")


class Visitor:
    """The same by plain forms over HTTP, for what no browser would send."""

    def __init__(self, system: Served, *, alias: str = "", password: str = "", code: str = "") -> None:
        self.http = httpx.Client(
            base_url=system.market, timeout=60, trust_env=False, headers={"sec-fetch-site": "same-origin"}
        )
        if alias:
            fields = self.forms("/sign-in")[""] | {"alias": alias, "password": password, "code": code}
            answer = self.http.post("/sign-in", data=fields)
            assert answer.status_code == 303, answer.text
            self.home = answer.headers["location"]

    def forms(self, path: str) -> dict[str, dict[str, str]]:
        """The forms of a page by their ids."""
        reader = _Forms()
        reader.feed(self.read(path))
        return reader.found

    def read(self, path: str) -> str:
        """A page."""
        answer = self.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.text

    def send(self, path: str, form: str, **fields: object) -> httpx.Response:
        """Send one of a page's forms."""
        return self.http.post(path, data=self.forms(path)[form] | {k: str(v) for k, v in fields.items()})


def stale(data: Path, alias: str) -> None:
    """Let the second factor of somebody's sessions be given long ago."""
    identities = open_identities(data, system_id=system_id_of(data))
    books = Books(data, system_id=system_id_of(data))
    user = books.user_by_alias(alias)
    assert user is not None
    with identities.transaction("write"):
        identities.execute(
            "UPDATE sessions SET second_factor_at = created_at - 600000000 WHERE user_id = ?", (user.id,)
        )
    books.close()
    identities.close()
