"""The API's page of calls in a browser: Swagger UI under its content security policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.api.web.browser import chromium, visit
from tests.acceptance.stack import Stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as running:
        yield running


def test_the_page_works_and_the_browser_blocks_nothing_of_it(
    browser: Browser, stack: Stack
) -> None:
    with visit(browser, stack) as opened:
        page = opened.page
        page.goto("/docs")
        expect(page.get_by_role("heading", name="Bottega")).to_be_visible()
        call = page.locator(".opblock", has_text="/livez").first
        call.click()
        call.get_by_role("button", name="Try it out").click()
        call.get_by_role("button", name="Execute").click()
        expect(call.locator(".live-responses-table")).to_contain_text('"status": "ok"')
