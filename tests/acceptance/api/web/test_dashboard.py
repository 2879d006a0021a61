"""The dashboard in a browser, on a running stack: every page and every action."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from db import worker_registry
from db.operators import audit
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from tests.acceptance.api.web.browser import (
    PHONE,
    Visit,
    chromium,
    on_both_screens,
    visit,
)
from tests.acceptance.stack import Client, Stack, eventually

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as running:
        yield running


@pytest.fixture
def operator(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """A window with a signed-in operator."""
    with visit(browser, stack) as opened:
        opened.sign_in()
        yield opened


def test_the_overview_shows_the_health_and_charts_of_the_last_hour(
    operator: Visit, tenant: Client
) -> None:
    tenant.await_end(tenant.paint())
    page = operator.page
    page.goto("/dashboard/")
    expect(page.get_by_role("region", name="Health")).to_contain_text("1 of 1 worker ready.")
    row = page.get_by_role("row", name=re.compile("flux.1-demo"))
    expect(row.locator("[data-name=finish]")).to_contain_text("/")
    expect(page.locator(".plot canvas")).to_have_count(2)
    with page.expect_response(lambda answer: "hx-request" in answer.request.headers):
        pass  # it refreshes itself


def test_paused_pages_send_no_requests(operator: Visit) -> None:
    page = operator.page
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "true")
    page.goto("/dashboard/workers")  # the pause is remembered, and this page refreshes every 3 s
    expect(page.get_by_role("button", name="Paused")).to_be_visible()
    before = len(operator.requests)
    # The region's timer goes on: after one tick without a request, the pause works.
    page.evaluate(
        "() => new Promise(done => document.querySelector('#live')"
        ".addEventListener('htmx:finally:request', done, {once: true}))"
    )
    assert len(operator.requests) == before


def test_a_job_is_watched_to_its_end(operator: Visit, tenant: Client) -> None:
    job = tenant.paint(steps=50, num_images=2)
    page = operator.page
    page.goto(f"/dashboard/jobs/{job['id']}")
    progress = page.locator("#progress")
    expect(progress).to_have_attribute("max", "50", timeout=30_000)
    first = int(progress.get_attribute("value") or 0)
    page.wait_for_function(
        "first => !document.querySelector('#progress')"
        " || document.querySelector('#progress').value > first",
        arg=first,
    )
    expect(page.locator(".headline .state")).to_have_text("succeeded", timeout=60_000)
    expect(page.locator(".picture img")).to_have_count(2)
    width = tenant.await_end(job)["output"]["images"][0]["width"]
    expect(page.locator(".picture img").first).to_have_js_property("naturalWidth", width)
    expect(page.get_by_role("region", name="Bill")).to_contain_text("settled: 2 of the allowance")


def test_an_analysis_is_drawn_over_the_picture(operator: Visit, tenant: Client) -> None:
    painted = tenant.await_end(tenant.paint())
    analysed = tenant.await_end(tenant.look(painted["output"]["images"][0]["url"]))
    page = operator.page
    page.goto(f"/dashboard/jobs/{analysed['id']}")
    found = analysed["output"]["results"][0]["result"]["<OD>"]["bboxes"]
    expect(page.locator(".overlay .mark polygon")).to_have_count(len(found))
    size = analysed["output"]["image"]
    box = f"0 0 {size['width']} {size['height']}"
    expect(page.locator(".overlay svg")).to_have_attribute("viewBox", box)
    page.locator(".labels li").first.hover()
    expect(page.locator(".mark.lit")).to_have_count(1)


def test_queues_are_paused_and_jobs_canceled_one_by_one_and_all_after_a_count(
    operator: Visit, tenant: Client, stack: Stack
) -> None:
    page, queue = operator.page, '[data-queue="flux.1-demo"]'
    page.goto("/dashboard/queues")
    operator.press("Pause", within=queue)
    assert operator.flash_message() == "The queue is paused."
    waiting = [tenant.paint() for _ in range(4)]
    page.goto(f"/dashboard/jobs/{waiting[0]['id']}")
    expect(page.locator(".headline")).to_contain_text("its queue is paused")
    operator.press("Cancel")
    expect(page.locator(".headline .state")).to_have_text("canceled")

    page.goto("/dashboard/jobs")
    page.get_by_label("Tenant").select_option(tenant.tenant_id)
    page.get_by_label("State").select_option("queued")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("table.jobs tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Cancel all matching jobs").click()
    expect(page.locator("#bulk-count")).to_have_text("3")
    price = sum(job["price"]["amount_micros"] for job in waiting[1:])
    expect(page.locator("#bulk-cost")).to_have_text(f"${price / 1e6:.3f}")
    late = tenant.paint()  # submitted after the count, so it is not reached
    page.get_by_role("button", name="Cancel 3 jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 jobs canceled")
    assert {tenant.job(job["id"])["state"] for job in waiting} == {"canceled"}
    assert tenant.job(late["id"])["state"] == "queued"

    page.goto("/dashboard/queues")
    page.locator(queue).get_by_role("button", name="Resume").click()
    assert tenant.await_end(late)["state"] == "succeeded"
    with stack.database.transaction() as session:
        entries = [(entry.action, entry.target) for entry in audit.latest_entries(session, limit=7)]
    canceled = [("job.cancel", job["id"]) for job in waiting]
    assert entries[::-1] == [
        ("queue.pause", "flux.1-demo"),
        ("job.read", waiting[0]["id"]),
        *canceled,
        ("queue.resume", "flux.1-demo"),
    ]


@pytest.mark.slow
def test_a_drained_worker_takes_no_jobs_until_undrained(operator: Visit, tenant: Client) -> None:
    page = operator.page
    page.goto("/dashboard/workers")
    operator.press("Drain")
    expect(page.locator(".worker .state")).to_have_text("draining", timeout=15_000)
    job = tenant.paint()
    assert tenant.job(job["id"], wait=1)["state"] == "queued"
    page.get_by_role("button", name="Undrain").click()
    assert tenant.await_end(job)["state"] == "succeeded"
    expect(page.locator(".worker .state")).to_have_text(re.compile("ready|busy"), timeout=15_000)


def test_tenants_are_credited_and_suspended_and_get_keys(
    operator: Visit, tenant: Client, stack: Stack
) -> None:
    page = operator.page
    page.goto(f"/dashboard/tenants/{tenant.tenant_id}")
    for _ in range(2):
        page.get_by_label("Amount in dollars").fill("12.50")
        page.get_by_label("Reference").fill(f"invoice of {tenant.tenant_id}")
        page.get_by_label("Reason").fill("prepaid")
        page.get_by_role("button", name="Credit").click()
    assert operator.flash_message() == "Nothing was changed: this reference was used before."
    assert tenant.account()["balance_micros"] == 12_500_000

    page.get_by_label("Name of a new key").fill("second")
    page.get_by_role("button", name="Create a key").click()
    second = stack.client(page.get_by_label("The new key").input_value())
    assert second.account()["tenant"] == tenant.tenant_id
    row = page.get_by_role("row", name=re.compile("second"))
    row.locator("summary").click()
    row.get_by_role("button", name="Revoke").click()
    assert operator.flash_message() == "The key is revoked."
    assert second.http.get("/v1/account").status_code == 401

    page.get_by_role("link", name="Audit").click()
    page.get_by_label("Target").fill(tenant.tenant_id)
    page.get_by_label("Action").select_option("tenant.credit")
    page.get_by_role("button", name="Show").click()
    credited = page.locator("table.audit tbody tr")
    expect(credited).to_have_count(1)
    expect(credited).to_contain_text("balance $0.00")
    expect(credited).to_contain_text("$12.50")
    expect(credited).to_contain_text("prepaid")
    expect(page).to_have_url(re.compile(f"target={tenant.tenant_id}"))  # the link can be shared
    credited.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/dashboard/tenants/{tenant.tenant_id}$"))

    operator.press("Suspend")
    body = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}
    assert tenant.http.post("/v1/jobs", json=body).json()["code"] == "suspended"
    page.get_by_role("button", name="Resume").click()
    assert tenant.await_end(tenant.paint())["state"] == "succeeded"


def test_a_failed_job_is_retried_once(operator: Visit, tenant: Client, stack: Stack) -> None:
    page = operator.page
    with stack.paused("florence-2-demo"):
        painted = tenant.await_end(tenant.paint())
        job = tenant.look(painted["output"]["images"][0]["url"])
        name = f"inputs/{tenant.tenant_id}/{painted['output']['images'][0]['sha256']}"
        stored = stack.store.get(name)
        stack.store.delete(name)
    assert tenant.await_end(job)["error"]["code"] == "input_unreachable"
    page.goto(f"/dashboard/jobs/{job['id']}")
    expect(page.get_by_text("Input picture 1 is no longer stored.")).to_be_visible()
    stack.store.put(name, stored.data, stored.media_type)
    page.reload()
    expect(page.locator(".thumbs img")).to_have_count(1)
    operator.press("Retry")
    assert operator.flash_message() == "The job is queued again."
    again = page.url.rpartition("/")[2].partition("?")[0]
    assert again != job["id"]
    assert tenant.await_end({"id": again})["state"] == "succeeded"
    expect(page.locator(".headline .state")).to_have_text("succeeded")
    page.goto(f"/dashboard/jobs/{job['id']}")
    expect(page.get_by_text("Retried as")).to_be_visible()
    expect(page.get_by_text("Retry", exact=True)).to_have_count(0)


@on_both_screens
def test_every_page_is_accessible(
    browser: Browser,
    stack: Stack,
    tenant: Client,
    theme: str,
    size: tuple[int, int],
    rules: list[str] | None,
) -> None:
    painted = tenant.await_end(tenant.paint())
    analysed = tenant.await_end(tenant.look(painted["output"]["images"][0]["url"]))
    paths = (
        "/dashboard/",
        f"/dashboard/jobs?tenant={tenant.tenant_id}",
        f"/dashboard/jobs/{analysed['id']}",
        "/dashboard/workers",
        "/dashboard/queues",
        "/dashboard/tenants",
        f"/dashboard/tenants/{tenant.tenant_id}",
        "/dashboard/audit",
        f"/dashboard/bulk/cancel?tenant={tenant.tenant_id}",
    )
    with visit(browser, stack, theme=theme, size=size) as opened:
        opened.page.goto("/dashboard/sign-in")
        found = opened.violations(rules)
        opened.sign_in()
        for path in paths:
            opened.page.goto(path)
            found += opened.violations(rules)
            too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not opened.page.evaluate(too_wide), path
        assert found == []


def test_a_long_path_in_a_problem_stays_in_its_box(browser: Browser, stack: Stack) -> None:
    report = WorkerReport(
        *("wrk_long", "host", 1, "cpu", ["elsewhere"], WorkerState.FAILED),
        problem=f"elsewhere: /models{'/a_folder_without_spaces' * 20} is missing",
    )
    with stack.database.transaction() as session:
        worker_registry.report(session, report)
    try:
        with visit(browser, stack, size=PHONE) as opened:
            opened.sign_in()
            for path, selector in (("", ".problem"), ("workers", "#wrk_long .notice")):
                opened.page.goto(f"/dashboard/{path}")
                problem = opened.page.locator(selector, has_text="a_folder").first
                # Of text without spaces, what runs out of its box is not in the box's own size.
                wide = "it => Math.max(it.scrollWidth, it.getBoundingClientRect().width)"
                assert problem.evaluate(wide) < PHONE[0]
    finally:
        with stack.database.transaction() as session:
            worker_registry.remove(session, "wrk_long")


def test_the_keyboard_reaches_the_content_first_and_closes_what_it_opens(operator: Visit) -> None:
    page = operator.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    menu = page.locator("details.menu")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    page.get_by_role("button", name="Switch between light and dark").press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_viewer_sees_every_page_and_no_button(
    browser: Browser, stack: Stack, tenant: Client, viewer_key: str
) -> None:
    with stack.paused("flux.1-demo"), visit(browser, stack) as opened:
        job = tenant.paint()
        opened.sign_in(viewer_key)
        for path in (
            "/dashboard/jobs",
            f"/dashboard/jobs/{job['id']}",
            "/dashboard/workers",
            "/dashboard/queues",
            f"/dashboard/tenants/{tenant.tenant_id}",
            "/dashboard/audit",
        ):
            opened.page.goto(path)
            expect(opened.page.locator("main form[method=post]")).to_have_count(0)
            expect(opened.page.locator("main summary")).to_have_count(0)
        tenant.cancel(job)
    eventually(lambda: tenant.job(job["id"])["state"] == "canceled")
