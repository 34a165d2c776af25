"""A playbook played on its page, as a person does: read the step, fill its form, press its button."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page

from tests.waiting import until

TEXTS = {
    "reason": "someone pasted a line into sqlite3, as the demonstration says",
    "cause": "Somebody with access to the file wrote past the server.",
    "response": "Followed the playbook, step by step.",
    "resolution": "The books are as they were sealed, and the check holds.",
    "prevention": "Nobody but the server's own user may open the file.",
    "analysis": "Access to the machine was wider than it had to be; it is narrowed.",
}
#: Which button of a step is pressed, in this order of preference.
ACTIONS = (
    "restore-defences",
    "unwind",
    "repair",
    "acknowledge",
    "probe",
    "verify",
    "lift",
    "document",
    "conclude",
)
_PRESSES_MAX = 60


def sign_in(page: Page, control: str, *, alias: str, password: str, code: str) -> None:
    page.goto(control)
    page.get_by_label("Alias").fill(alias)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Six digits").fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".banner").wait_for()


def _form(step: Locator) -> Locator:
    forms = step.locator("form.act")
    found = {
        forms.nth(number).locator("[name=action]").get_attribute("value"): number
        for number in reversed(range(forms.count()))
    }
    return forms.nth(next(found[action] for action in ACTIONS if action in found))


def cure(page: Page, *, each: Callable[[str], None] = lambda _: None) -> list[str]:
    """From the page to the closed incident; `each` is told the step before its button is pressed. What the page said."""
    page.get_by_role("link", name="Open this step").first.click()
    page.locator("ol.steps").wait_for()
    said: list[str] = []
    for _ in range(_PRESSES_MAX):
        step = page.locator("li.current")
        if step.count() == 0:
            return said
        key = step.get_attribute("id") or ""
        form = _form(step)
        for name, text in TEXTS.items():
            if form.locator(f"textarea[name={name}]").count():
                form.locator(f"textarea[name={name}]").fill(text)
        each(key)
        with page.expect_navigation():
            form.get_by_role("button").click()
        # A check that has not come round yet says so; pressing again asks it again.
        said.append(until(page.locator(".said, .problem").first.inner_text, what="an answer"))
    raise AssertionError(f"the playbook did not come to its end: {said[-5:]}")
