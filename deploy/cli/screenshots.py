"""`python -m deploy.cli.screenshots --out DIR`: every screen, light and dark, wide and on a phone.

It starts a stack in a folder of its own, fills it, and stops it. Chromium must be installed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click
from playwright.sync_api import Browser, Page, sync_playwright

from deploy.evaluation.sample_data import SampleData, fill
from deploy.local.stack import LocalStack
from deploy.process import logging as logs
from deploy.process.sigterm import raising_on_sigterm

_SIZES = {"wide": (1440, 900), "phone": (390, 844)}
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def _screens(filled: SampleData) -> dict[str, str]:
    return {
        "overview": "/dashboard/",
        "jobs": "/dashboard/jobs",
        "job-painted": f"/dashboard/jobs/{filled.painted}",
        "job-seen": f"/dashboard/jobs/{filled.seen}",
        "job-failed": f"/dashboard/jobs/{filled.failed}",
        "workers": "/dashboard/workers",
        "queues": "/dashboard/queues",
        "tenants": "/dashboard/tenants",
        "tenant": f"/dashboard/tenants/{filled.tenant}",
        "audit": "/dashboard/audit",
    }


def _playground(filled: SampleData) -> dict[str, str]:
    return {
        "playground": "/",
        "playground-painted": f"/?from={filled.painted}",
        "playground-seen": f"/?from={filled.seen}",
        "playground-look": f"/?look={filled.painted}",
    }


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--jobs", default=40, show_default=True, help="How many to fill the stack with.")
def main(out: Path, jobs: int) -> None:
    """Make a picture of every screen, light and dark, wide and on a phone, in the folder OUT."""
    logs.configure()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("Chromium is not installed (Debian: apt-get install chromium)")
    out.mkdir(parents=True, exist_ok=True)
    with _filled_stack(jobs) as (stack, filled), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        for name in shoot(browser, stack, filled, out):
            click.echo(name)
        browser.close()


@contextmanager
def _filled_stack(jobs: int) -> Iterator[tuple[LocalStack, SampleData]]:
    with raising_on_sigterm(), tempfile.TemporaryDirectory(prefix="bottega-") as folder:
        stack = LocalStack(Path(folder) / "data")
        try:
            stack.start()
            yield stack, fill(stack, jobs=jobs)
        finally:
            stack.stop()


def shoot(browser: Browser, stack: LocalStack, filled: SampleData, out: Path) -> Iterator[str]:
    """Every screen in every size and theme; yields the files' names as they are written."""
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
            yield from _save_all(page, _screens(filled), out, suffix)
            page.goto("/playground/sign-in")
            yield _save(page, out / f"playground-sign-in-{suffix}")
            page.get_by_label("API key").fill(filled.key)
            page.get_by_role("button", name="Sign in").click()
            yield from _save_all(page, _playground(filled), out, suffix)
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
