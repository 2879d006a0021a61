"""`python -m deploy.cli.screenshots --out DIR`: every screen, light and dark, wide and on a phone.

It starts a stack in a temporary folder, fills it with sample jobs, and stops it. Chromium must be
installed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click
from playwright.sync_api import Browser, Page, sync_playwright

from deploy.evaluation.sample_data import SampleData, fill_stack
from deploy.local.stack import LocalStack
from deploy.process import logging as logs
from deploy.process.sigterm import raising_on_sigterm

_SIZES = {"wide": (1440, 900), "phone": (390, 844)}
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def _dashboard_screens(data: SampleData) -> dict[str, str]:
    return {
        "overview": "/dashboard/",
        "jobs": "/dashboard/jobs",
        "job-painted": f"/dashboard/jobs/{data.generation_id}",
        "job-seen": f"/dashboard/jobs/{data.analysis_id}",
        "job-failed": f"/dashboard/jobs/{data.failed_id}",
        "workers": "/dashboard/workers",
        "queues": "/dashboard/queues",
        "tenants": "/dashboard/tenants",
        "tenant": f"/dashboard/tenants/{data.tenant_id}",
        "audit": "/dashboard/audit",
    }


def _playground_screens(data: SampleData) -> dict[str, str]:
    return {
        "playground": "/",
        "playground-painted": f"/?from={data.generation_id}",
        "playground-seen": f"/?from={data.analysis_id}",
        "playground-look": f"/?look={data.generation_id}",
    }


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--jobs", default=40, show_default=True, help="Number of sample jobs.")
def main(out: Path, jobs: int) -> None:
    """Take a screenshot of every screen, light and dark, wide and on a phone, into folder OUT."""
    logs.configure()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("Chromium is not installed (Debian: apt-get install chromium)")
    out.mkdir(parents=True, exist_ok=True)
    with _filled_stack(jobs) as (stack, data), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        for name in take_screenshots(browser, stack, data, out):
            click.echo(name)
        browser.close()


@contextmanager
def _filled_stack(jobs: int) -> Iterator[tuple[LocalStack, SampleData]]:
    with raising_on_sigterm(), tempfile.TemporaryDirectory(prefix="bottega-") as folder:
        stack = LocalStack(Path(folder) / "data")
        try:
            stack.start()
            yield stack, fill_stack(stack, jobs=jobs)
        finally:
            stack.stop()


def take_screenshots(
    browser: Browser, stack: LocalStack, data: SampleData, out: Path
) -> Iterator[str]:
    """Take every screenshot; yields the file names as they are written."""
    for size, (width, height) in _SIZES.items():
        for theme in _THEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=theme,
                base_url=stack.url,
                device_scale_factor=2 if size == "phone" else 1,
            )
            page = context.new_page()
            suffix = f"{size}-{theme}.png"
            page.goto("/dashboard/sign-in")
            yield _save(page, out / f"sign-in-{suffix}")
            page.get_by_label("Operator's key").fill(stack.facts()["operator_key"])
            page.get_by_role("button", name="Sign in").click()
            yield from _save_all(page, _dashboard_screens(data), out, suffix)
            page.goto("/playground/sign-in")
            yield _save(page, out / f"playground-sign-in-{suffix}")
            page.get_by_label("API key").fill(data.api_key)
            page.get_by_role("button", name="Sign in").click()
            yield from _save_all(page, _playground_screens(data), out, suffix)
            context.close()


def _save_all(page: Page, screens: dict[str, str], out: Path, suffix: str) -> Iterator[str]:
    for name, path in screens.items():
        page.goto(path)
        yield _save(page, out / f"{name}-{suffix}")


def _save(page: Page, path: Path) -> str:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path, full_page=True)
    return path.name


if __name__ == "__main__":
    main()
