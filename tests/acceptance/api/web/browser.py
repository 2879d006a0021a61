"""Chromium on our pages: signed in, and checked for console errors and foreign requests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.acceptance.stack import Stack

WIDE = (1440, 900)
PHONE = (390, 844)
SERIOUS = ("serious", "critical")

on_both_screens = pytest.mark.parametrize(
    ("theme", "size", "rules"),
    [
        ("light", WIDE, None),
        pytest.param("dark", PHONE, ["color-contrast", "target-size"], marks=pytest.mark.slow),
    ],
)
"""An accessibility test: all rules on a wide light page, the visual rules on a dark phone."""


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Debian's Chromium, with further arguments; the driver brings none of its own."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path is not None, "install chromium; `make test` does"
    with sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=path, args=arguments, env={**os.environ, "LANG": "C.UTF-8"}
        )
        yield running
        running.close()


@dataclass
class Visit:
    """A browser window on one stack.

    Attributes:
        requests: every requested URL.
        complaints: errors and warnings of the console, also those of the content security policy.
    """

    stack: Stack
    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._note_request)
        self.page.on("console", self._note_complaint)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_complaint(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def sign_in(self, key: str | None = None) -> None:
        """Sign in by the form, with the stack's operator key by default."""
        self.page.goto("/dashboard/sign-in")
        self.page.get_by_label("Operator's key").fill(key or str(self.stack.facts["operator_key"]))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("navigation", name="Pages").wait_for()

    def press(self, name: str, *, within: str = "main") -> None:
        """Open the confirmation of a button, confirm, and wait for the page that follows."""
        self.page.locator(f"{within} summary", has_text=name).first.click()
        # The next page can be seen before its navigation is over, and would interrupt a `goto`.
        with self.page.expect_navigation():
            self.page.locator(f"{within} details[open]").get_by_role("button", name=name).click()

    def flash_message(self) -> str:
        """The page's message about the last action."""
        return self.page.locator("main > .notice").inner_text()

    def violations(self, rules: list[str] | None = None) -> list[str]:
        """The serious accessibility violations that axe finds, by all rules or by some."""
        options: dict[str, object] = {"resultTypes": ["violations"]}
        if rules is not None:
            options["runOnly"] = rules
        found = Axe().run(self.page, options=options).response["violations"]
        return [
            f"{self.page.url}: {each['id']}: {[node['html'][:160] for node in each['nodes']][:4]}"
            for each in found
            if each["impact"] in SERIOUS
        ]


@contextmanager
def visit(
    browser: Browser, stack: Stack, *, theme: str = "light", size: tuple[int, int] = WIDE
) -> Iterator[Visit]:
    """A new window; at its end, no request left the machine and the console has no errors."""
    context = browser.new_context(
        base_url=stack.url,
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": size[0], "height": size[1]},
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    opened = Visit(stack, context.new_page())
    yield opened
    context.close()
    assert [url for url in opened.requests if not url.startswith(f"{stack.url}/")] == []
    assert opened.complaints == []
