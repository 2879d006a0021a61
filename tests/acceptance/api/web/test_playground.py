"""The playground in a browser, on a running stack: paint, watch, analyse, copy as code."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from db.tenants import sessions
from tests.acceptance.api.web.browser import (
    Visit,
    chromium,
    on_both_screens,
    visit,
)
from tests.acceptance.stack import Client, Stack

pytestmark = pytest.mark.usefixtures("books")

SIDE = 256


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Client:
    """The tenant of all jobs."""
    return stack.tenant()


@pytest.fixture(scope="module")
def desk(browser: Browser, stack: Stack, tenant: Client) -> Iterator[Visit]:
    """A window in which the tenant has signed in with the key."""
    with visit(browser, stack) as opened:
        sign_in(opened, tenant)
        yield opened


@pytest.fixture
def artist(desk: Visit) -> Visit:
    """The tenant's window with a new form."""
    desk.page.goto("/")
    return desk


def sign_in(opened: Visit, tenant: Client) -> None:
    """Paste the tenant's key."""
    opened.page.goto("/playground/sign-in")
    opened.page.get_by_label("API key").fill(key_of(tenant))
    opened.page.get_by_role("button", name="Sign in").click()
    expect(opened.page.get_by_role("button", name="Paint")).to_be_visible()


def key_of(tenant: Client) -> str:
    """The key that a client sends."""
    return tenant.http.headers["Authorization"].removeprefix("Bearer ")


def job_of(page: Page) -> str:
    """The job that the page watches."""
    expect(page.locator("[data-job]")).to_be_visible()
    return str(page.locator("[data-job]").get_attribute("data-job"))


def submit(page: Page, verb: str = "Paint") -> str:
    """Press the button, and return the id of the new job."""
    before = page.locator("[data-job]")
    former = before.get_attribute("data-job") if before.count() else ""
    page.get_by_role("button", name=verb, exact=True).click()
    expect(page.locator(f'[data-job]:not([data-job="{former}"])')).to_be_visible()
    return job_of(page)


def ended(page: Page, state: str = "succeeded") -> None:
    """Wait until the page shows the job's end."""
    expect(page.locator(f".panel.{state}")).to_be_visible(timeout=60_000)


def picture_of(tenant: Client, job_id: str) -> np.ndarray:
    """The picture that a job painted."""
    url = tenant.job(job_id)["output"]["images"][0]["url"]
    return np.asarray(Image.open(io.BytesIO(httpx.get(url).content)).convert("RGB"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of a red disc on blue."""
    picture = Image.new("RGB", (SIDE, SIDE), (40, 80, 220))
    ImageDraw.Draw(picture).ellipse((88, 88, 168, 168), fill=(220, 40, 40))
    path = tmp_path_factory.mktemp("drawn") / "disc.png"
    picture.save(path)
    return path


RECORD_PROGRESS = """() => {
    window.noted = {steps: 0, preview: false};
    const note = () => {
        noted.steps = Math.max(noted.steps, document.querySelector("#progress")?.max ?? 0);
        noted.preview ||= /^data:image/.test(document.querySelector("img.preview")?.src ?? "");
    };
    const all = {subtree: true, childList: true, attributes: true};
    new MutationObserver(note).observe(document, all);
}"""
"""A script that records the progress: a quick job ends between two checks of the driver."""


def test_a_link_signs_a_browser_in_that_paints_and_watches(browser: Browser, stack: Stack) -> None:
    with visit(browser, stack) as opened:
        page = opened.page
        with stack.database.transaction() as session:
            key_id = f"key_{stack.facts['api_key'].split('_')[1]}"
            link = sessions.create_link(session, key_id, seconds=60)
        page.goto(f"/playground/sign-in?link={link}")
        expect(page.locator(".quote")).to_have_text("To see the price, fill in: Prompt.")
        page.get_by_label("Prompt", exact=True).fill("a red circle on a blue background")
        page.get_by_text("16:9").click()
        page.get_by_label("Steps", exact=True).fill("50")
        page.get_by_role("button", name="Choose a random seed").click()
        seed = page.get_by_label("Seed", exact=True).input_value()
        expect(page.locator(".quote .price")).to_have_text("$0.001")
        expect(page.locator(".quote")).to_contain_text("within your allowance")
        with stack.paused("flux.1-demo"):  # until the page records, so that it misses no step
            job_id = submit(page)
            assert page.url == f"{stack.url}/?from={job_id}"
            expect(page.locator(".stage.waiting")).to_contain_text("its queue is paused")
            page.evaluate(RECORD_PROGRESS)
        ended(page)
        assert page.evaluate("noted") == {"steps": 50, "preview": True}
        shown = page.locator(".results img")
        expect(shown).to_have_js_property("naturalWidth", 352)
        expect(shown).to_have_js_property("naturalHeight", 192)
        expect(page.locator(".results figcaption")).to_contain_text(f"seed {seed}")
        expect(page.locator(f"#shot-{job_id} img")).to_be_visible()
        page.locator(".menu summary").click()
        expect(page.locator(".menu")).to_contain_text("Free images left")


def test_a_queued_job_shows_its_position_and_is_canceled(
    artist: Visit, tenant: Client, stack: Stack
) -> None:
    page = artist.page
    page.get_by_label("Prompt", exact=True).fill("a green star")
    with stack.paused("flux.1-demo"):
        before = tenant.paint()
        job_id = submit(page)
        place = page.locator(".stage.waiting")
        expect(place).to_contain_text("Number 2 in its queue")
        expect(place).to_contain_text("its queue is paused")
        tenant.cancel(before)
        expect(place).to_contain_text("Number 1 in its queue", timeout=10_000)
        page.get_by_role("button", name="Cancel").click()
        ended(page, "canceled")
    assert tenant.job(job_id)["state"] == "canceled"
    expect(page.locator(".panel")).to_contain_text("cost nothing")


def test_only_the_masked_area_is_repainted(artist: Visit, tenant: Client, drawn: Path) -> None:
    page = artist.page
    page.get_by_label("Prompt", exact=True).fill("a yellow square on a blue background")
    page.get_by_text("Start from a picture").click()
    page.locator("picture-drop input[type=file]").set_input_files(drawn)
    layer = page.locator(".mask-layer")
    layer.scroll_into_view_if_needed()
    page.locator(".mask-size input").fill("40")
    box = layer.bounding_box()
    assert box is not None
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(across - 10, down)
    page.mouse.down()
    page.mouse.move(across + 10, down, steps=4)
    page.mouse.up()
    expect(page.locator("mask-brush input[name=mask]")).to_have_value(re.compile("^file_"))
    expect(page.locator(".mask-tools")).to_contain_text("is repainted")
    page.get_by_text("Show as code").click()
    expect(page.locator("#sample-1")).to_contain_text('"mask": "file_')
    job_id = submit(page)
    ended(page)
    before = np.asarray(Image.open(io.BytesIO(drawn.read_bytes()))).astype(int)
    change = np.abs(picture_of(tenant, job_id).astype(int) - before).max(axis=2)
    assert change[96:160, 96:160].max() > 100
    assert change[:40].max() == change[-40:].max() == 0


def test_a_painted_picture_is_analysed(artist: Visit, tenant: Client, stack: Stack) -> None:
    painted = tenant.await_end(tenant.paint())
    page = artist.page
    page.goto(f"/?from={painted['id']}")
    page.locator(".results").get_by_role("link", name="Analyse").click()
    expect(page.get_by_label("Model")).to_have_value("florence-2-demo")
    expect(page.locator("picture-drop canvas")).to_be_visible()
    expect(page.locator(".quote .price")).to_have_text("$0.0004")
    job_id = submit(page, "Analyse")
    ended(page)
    results = tenant.job(job_id)["output"]["results"]
    found = next(each["result"]["<OD>"] for each in results if each["task"] == "<OD>")
    assert found["bboxes"]
    expect(page.locator(".overlay .mark polygon")).to_have_count(len(found["bboxes"]))
    page.locator(".found .place").first.hover()
    expect(page.locator(".mark.lit")).to_have_count(1)
    caption = next(each["result"]["<CAPTION>"] for each in results if each["task"] == "<CAPTION>")
    expect(page.locator(".answer")).to_have_text(caption)
    expect(page.locator(f"#shot-{job_id}")).to_contain_text(caption)

    name = f"inputs/{tenant.tenant_id}/{painted['output']['images'][0]['sha256']}"
    stored = stack.store.get(name)
    stack.store.delete(name)
    page.goto(f"/?from={job_id}")
    expect(page.locator(".panel .notice")).to_contain_text("no longer stored")
    stack.store.put(name, stored.data, stored.media_type)


def test_another_models_form_keeps_the_values_that_it_uses(artist: Visit, drawn: Path) -> None:
    page = artist.page
    page.get_by_label("Prompt", exact=True).fill("a star")
    page.get_by_text("Start from a picture").click()
    page.locator("picture-drop input[type=file]").set_input_files(drawn)
    expect(page.locator("picture-drop input[name=image]")).to_have_value(re.compile("^file_"))
    page.get_by_label("Model").select_option("florence-2-demo")
    expect(page.get_by_role("button", name="Analyse")).to_be_visible()
    expect(page.locator("picture-drop canvas")).to_be_visible()
    expect(page.get_by_label("Model")).to_be_focused()
    page.get_by_text("objects by name").click()
    expect(page.locator(".quote")).to_have_text("To see the price, fill in: Text.")
    page.get_by_label("Text", exact=True).fill("red circle")
    expect(page.locator(".quote .price")).to_have_text("$0.0006")
    page.get_by_label("Model").select_option("flux.1-demo")
    expect(page.get_by_role("button", name="Paint")).to_be_visible()
    expect(page.locator("picture-drop canvas")).to_be_visible()


def test_settings_are_reused_and_paint_the_same_picture(artist: Visit, tenant: Client) -> None:
    first = tenant.await_end(tenant.paint("a blue star", width=128, height=192, seed=2**64 - 1))
    page = artist.page
    page.reload()
    page.locator(f"#shot-{first['id']}").get_by_role("link", name="Reuse settings").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a blue star")
    expect(page.get_by_label("Seed", exact=True)).to_have_value(str(2**64 - 1))
    expect(page.get_by_label("Width")).to_have_value("128")
    again = submit(page)
    ended(page)
    assert (picture_of(tenant, again) == picture_of(tenant, first["id"])).all()


def test_the_form_shows_its_errors(artist: Visit) -> None:
    page = artist.page
    page.get_by_label("Prompt", exact=True).fill("a star")
    page.get_by_text("Custom").click()
    page.get_by_label("Width").fill("512")
    page.get_by_label("Height").fill("512")
    expect(page.locator(".quote .error")).to_contain_text("paints at most 147456")
    page.get_by_role("button", name="Paint").click()
    expect(page.get_by_role("alert").first).to_contain_text("paints at most 147456")
    assert [text for text in artist.complaints if "422" not in text] == []
    artist.complaints.clear()  # the console reports the refused request
    page.get_by_text("1:1").click()
    submit(page)
    expect(page.locator("#form-errors")).to_be_empty()
    ended(page)


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_code_submits_the_same_job_as_the_form(
    artist: Visit, tenant: Client, stack: Stack, tmp_path: Path, language: str
) -> None:
    page = artist.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    prompt = 'a "red" circle, it\'s $HOME\n`x` \\ on blue'
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_text("Show as code").click()
    expect(page.locator("#sample-1")).to_contain_text('"seed": 7')
    page.locator("#code").get_by_text(language, exact=True).first.click()
    page.get_by_role("button", name=f"Copy {language}", exact=True).click()
    script = tmp_path / "sample"
    script.write_text(page.evaluate("navigator.clipboard.readText()"))
    command = ["bash", "-e", str(script)] if language == "curl" else [sys.executable, str(script)]
    ran = subprocess.run(  # noqa: S603 - our own sample
        command,
        cwd=tmp_path,
        env={**os.environ, "BOTTEGA_API_KEY": key_of(tenant)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert ran.returncode == 0, ran.stderr
    (saved,) = tmp_path.glob("*.png")
    metadata = json.loads(Image.open(io.BytesIO(saved.read_bytes())).info["bottega"])
    assert (metadata["prompt"], metadata["seed"]) == (prompt, 7)
    assert "it's $HOME" not in stack.log("api")


def test_the_client_of_the_code_is_chosen_by_keys_and_stays(artist: Visit) -> None:
    page = artist.page
    page.get_by_label("Prompt", exact=True).fill("a red circle")
    page.get_by_text("Show as code").click()
    expect(page.locator("#sample-1")).to_contain_text("a red circle")
    page.locator("#language-1").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#sample-3")).to_be_visible()
    expect(page.locator("#sample-3")).to_contain_text("x-key")
    expect(page.locator("#sample-1")).to_be_hidden()
    page.get_by_label("Prompt", exact=True).fill("a blue square")
    expect(page.locator("#sample-3")).to_contain_text("a blue square")
    expect(page.locator("#sample-3")).to_be_visible()
    page.wait_for_load_state("networkidle")  # each new price draws the samples again
    page.locator("#language-3").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#sample-4")).to_be_visible()
    titles = [" ".join(each.split()) for each in page.locator(".clients label").all_inner_texts()]
    assert "Replicate JavaScript" in titles
    assert "BFL Python" in titles


@on_both_screens
def test_the_playground_is_accessible(
    browser: Browser,
    stack: Stack,
    tenant: Client,
    theme: str,
    size: tuple[int, int],
    rules: list[str] | None,
) -> None:
    painted = tenant.await_end(tenant.paint())
    analysed = tenant.await_end(tenant.look(painted["output"]["images"][0]["url"]))
    paths = (f"/?from={painted['id']}", f"/?from={analysed['id']}")
    with visit(browser, stack, theme=theme, size=size) as opened:
        opened.page.goto("/playground/sign-in")
        found = opened.violations(rules)
        sign_in(opened, tenant)
        for path in paths:
            opened.page.goto(path)
            for fold in opened.page.locator("details.fold > summary").all():
                fold.click()
            expect(opened.page.locator(".quote .dim").first).not_to_have_text("…")
            opened.page.evaluate("scrollTo(0, 0)")  # otherwise the bar covers other elements
            found += opened.violations(rules)
            too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not opened.page.evaluate(too_wide), path
        assert found == []
