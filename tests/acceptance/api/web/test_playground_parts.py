"""The playground's components in Chromium: drop area, mask brush, region box, overlay."""

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pillow_heif
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from api.web.playground.overlay import overlay_view
from api.web.playground.pages import TEMPLATES
from api.web.shared.templates import environment
from tests.acceptance.api.web.browser import PHONE, SERIOUS, chromium
from tests.acceptance.api.web.parts_site import (
    REGION,
    SIZE,
    Site,
    choose,
    drop,
    file_payload,
    form,
    paste,
    png,
    serving,
    show,
    size_text,
    valid,
    values,
    window,
)
from tests.support.pictures import many_scans

PAGES = environment(TEMPLATES, asset=str)
Json = dict[str, Any]

RESULTS: Json = {
    "image": {"width": SIZE[0], "height": SIZE[1]},
    "results": [
        {
            "task": "<OD>",
            "result": {
                "<OD>": {
                    "bboxes": [[20, 20, 60, 60], [0, 0, 320, 240], [200, 100, 300, 220]],
                    "labels": ["cat", "sofa", "cat"],
                }
            },
            "scores": [0.9, 0.8, 0.7],
        },
        {"task": "<CAPTION>", "result": {"<CAPTION>": "Two cats on a sofa."}, "scores": [0.9]},
    ],
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def wide(browser: Browser, site: Site) -> Iterator[Page]:
    """One window for all tests without special options; each test loads its own page."""
    with window(browser, site) as opened:
        yield opened


@pytest.fixture
def page(wide: Page, site: Site) -> Page:
    site.uploads.clear()
    return wide


def test_a_picture_is_chosen_dropped_or_pasted_and_removed(page: Page, site: Site) -> None:
    show(page, site, form(more=" required"))
    rows = page.locator(".drop-list li")
    assert not valid(page)
    choose(page, file_payload("a.png", png()))
    expect(rows).to_contain_text(size_text(320, 240))
    assert valid(page)
    assert values(page, "image") == ["file_1"]
    assert site.uploads["file_1"] == png()
    drop(page, ("b.png", "image/png", png(colour="red")))
    expect(page.locator("input[name=image]")).to_have_value("file_2")
    assert paste(page, ("c.png", "image/png", png((64, 96))))
    expect(rows).to_contain_text(size_text(64, 96))
    drop(page, ("d.png", "image/png", png((80, 80))), onto="h1")
    expect(rows).to_contain_text(size_text(80, 80))
    assert values(page, "image") == ["file_4"]
    page.get_by_role("button", name="Remove Picture").click()
    expect(rows).to_have_count(0)
    expect(page.get_by_label("Picture", exact=True)).to_be_focused()
    assert values(page, "image") == []
    assert not valid(page)


def test_text_is_pasted_as_text_also_with_a_picture_beside_it(page: Page, site: Site) -> None:
    show(page, site, form() + '<textarea aria-label="Prompt"></textarea>')
    page.get_by_label("Prompt").focus()
    assert not paste(page, ("sheet.png", "image/png", png()), text="a red circle")
    assert paste(page, ("a.png", "image/png", png()))


def test_several_pictures_keep_their_order_and_can_be_moved(page: Page, site: Site) -> None:
    initial = '<input type="hidden" name="image" value="file_1" data-src="/files/file_1">'
    site.uploads["file_1"] = png((40, 30))
    show(page, site, form(most=3, initial=initial))
    drop(page, *((f"{n}.png", "image/png", png((n, n))) for n in (80, 90, 100)))
    expect(page.locator("picture-drop")).not_to_have_attribute("busy", "")
    expect(page.locator(".drop-size")).to_have_text(
        [size_text(40, 30), size_text(80, 80), size_text(90, 90)]
    )
    expect(page.get_by_role("alert").first).to_contain_text("No more than 3")
    before = values(page, "image")
    page.get_by_role("button", name="Move Picture 1 later").click()
    expect(page.locator(".drop-size")).to_have_text(
        [size_text(80, 80), size_text(40, 30), size_text(90, 90)]
    )
    assert values(page, "image") == [before[1], before[0], before[2]]


@pytest.mark.parametrize(
    ("name", "media_type", "data", "words"),
    [
        ("a.tiff", "image/tiff", b"II*", "send PNG, JPEG, WebP"),
        ("a.png", "image/png", b"no picture", "not a picture that can be read"),
        ("a.png", "image/png", b"\0" * 200_001, "0.2 MB is the limit"),
        ("a.png", "image/png", png((1001, 1000)), "1.0 million is the limit"),
    ],
    ids=["type", "broken", "bytes", "pixels"],
)
def test_an_invalid_file_is_reported_and_not_uploaded(
    page: Page, site: Site, name: str, media_type: str, data: bytes, words: str
) -> None:
    show(page, site, form())
    choose(page, file_payload(name, data, media_type))
    expect(page.get_by_role("alert").first).to_contain_text(words)
    assert (values(page, "image"), site.uploads, valid(page)) == ([], {}, True)


def test_the_services_refusal_is_shown_in_its_words(page: Page, site: Site) -> None:
    show(page, site, form())
    drop(page, ("long.jpg", "image/jpeg", many_scans(70)))
    expect(page.get_by_role("alert").first).to_contain_text("scans")
    assert values(page, "image") == []


@pytest.mark.parametrize("media_type", ["image/heic", "image/heif", ""])
def test_a_heic_is_shown_by_what_the_service_made_of_it(
    page: Page, site: Site, media_type: str
) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", SIZE, "teal")).save(buffer)
    show(page, site, form())
    drop(page, ("IMG_1.HEIC", media_type, buffer.getvalue()))
    expect(page.locator("picture-drop")).not_to_have_attribute("busy", "")
    expect(page.locator(".drop-size")).to_have_text(size_text(*SIZE))
    assert page.evaluate("document.querySelector('picture-drop').pictures.length") == 1


def painted(page: Page, site: Site) -> Any:
    """The mask that the form would send, after its upload."""
    expect(page.locator("mask-brush")).not_to_have_attribute("busy", "")
    (name,) = values(page, "mask")
    picture = Image.open(io.BytesIO(site.uploads[name]))
    assert picture.size == SIZE
    mask = np.asarray(picture.convert("L"))
    assert set(np.unique(mask)) <= {0, 255}
    return mask


def stroke(page: Page, *places: tuple[float, float], over: str = ".mask-layer") -> None:
    """Drag over the picture; positions are fractions of its width and height."""
    page.locator(over).scroll_into_view_if_needed()
    frame = page.locator(over).bounding_box()
    assert frame is not None
    ways = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in places]
    page.mouse.move(*ways[0])
    page.mouse.down()
    for way in ways[1:]:
        page.mouse.move(*way, steps=4)
    page.mouse.up()


def with_picture(page: Page, site: Site) -> None:
    show(page, site, form())
    expect(page.locator("mask-brush")).to_be_hidden()
    choose(page, file_payload("a.png", png()))
    expect(page.locator(".mask-layer")).to_be_visible()


def test_a_mask_is_brushed_erased_undone_inverted_and_cleared(page: Page, site: Site) -> None:
    with_picture(page, site)
    assert values(page, "mask") == []
    stroke(page, (0.25, 0.5), (0.75, 0.5))
    assert not valid(page)  # not before the upload has ended
    mask = painted(page, site)
    assert valid(page)
    assert mask[120, 80:240].all()
    assert not mask[:90].any()
    assert not mask[150:].any()
    width = 0.12 * 240  # the slider's twelve hundredths of the shorter side
    assert mask.any(axis=1).sum() == pytest.approx(width, abs=2)

    page.get_by_role("button", name="Eraser").click()
    stroke(page, (0.5, 0.4), (0.5, 0.6))
    erased = painted(page, site)
    assert not erased[120, 155:165].any()
    assert erased[120, 90]
    page.get_by_role("button", name="Undo").click()
    assert (painted(page, site) == mask).all()
    page.get_by_role("button", name="Invert").click()
    assert (painted(page, site) != mask).mean() > 0.995  # edges are where the browser puts them
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("mask-brush")).not_to_have_attribute("busy", "")
    assert values(page, "mask") == []
    expect(page.get_by_role("group")).to_contain_text("Nothing is marked yet")


def test_a_mask_is_painted_by_keyboard(page: Page, site: Site) -> None:
    with_picture(page, site)
    page.get_by_role("application", name="Repaint").focus()
    expect(page.locator(".mask-ring")).to_be_visible()
    page.keyboard.down(" ")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.up(" ")
    mask = painted(page, site)
    assert mask[120, 160:208].all()
    assert not mask[:, :140].any()
    page.keyboard.press("Control+z")
    expect(page.locator("mask-brush")).not_to_have_attribute("busy", "")
    assert values(page, "mask") == []


def test_a_mask_is_painted_by_finger(browser: Browser, site: Site) -> None:
    size = {"width": PHONE[0], "height": PHONE[1]}
    with window(browser, site, has_touch=True, viewport=size) as page:
        with_picture(page, site)
        frame = page.locator(".mask-layer").bounding_box()
        assert frame is not None
        assert frame["width"] <= PHONE[0]
        page.touchscreen.tap(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
        mask = painted(page, site)
        assert mask[120, 160]
        assert mask[120, 150:170].all()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_another_picture_has_no_mask_yet(page: Page, site: Site) -> None:
    with_picture(page, site)
    stroke(page, (0.5, 0.5), (0.6, 0.5))
    assert painted(page, site).any()
    choose(page, file_payload("b.png", png(colour="red")))
    expect(page.locator("input[name=mask]")).to_be_disabled()
    assert values(page, "mask") == []


def test_an_existing_mask_is_continued(page: Page, site: Site) -> None:
    half = Image.new("L", SIZE, 0)
    half.paste(255, (0, 0, 160, 240))
    buffer = io.BytesIO()
    half.save(buffer, format="PNG")
    site.uploads |= {"file_1": png(), "file_2": buffer.getvalue()}
    initial = '<input type="hidden" name="image" value="file_1" data-src="/files/file_1">'
    old = '<input type="hidden" name="mask" value="file_2" data-src="/files/file_2">'
    show(page, site, form(initial=initial).replace("></mask-brush>", f">{old}</mask-brush>"))
    expect(page.locator(".mask-layer")).to_be_visible()
    assert values(page, "mask") == ["file_2"]
    stroke(page, (0.75, 0.5), (0.8, 0.5))
    mask = painted(page, site)
    assert mask[:, :160].all()
    assert mask[120, 245]
    assert not mask[:80, 170:].any()


def test_a_region_is_drawn_or_filled_in(page: Page, site: Site) -> None:
    site.uploads["file_1"] = png()
    initial = '<input type="hidden" name="image" value="file_1" data-src="/files/file_1">'
    show(page, site, form(initial=initial).replace("</form>", f"{REGION}</form>"))
    expect(page.locator("region-box")).to_be_visible()
    expect(page.locator(".region-box")).to_be_hidden()
    stroke(page, (0.75, 0.5), (0.25, 1.4), over=".region-view")  # leaves the picture below
    left, top, right, bottom = map(int, values(page, "region"))
    assert (left, top, right) == pytest.approx((80, 120, 240), abs=2)
    assert bottom == SIZE[1]
    page.get_by_label("Bottom").fill("180")
    box = page.locator(".region-box").bounding_box()
    view = page.locator(".region-view").bounding_box()
    assert box is not None
    assert view is not None
    assert box["height"] / view["height"] == pytest.approx(60 / 240, abs=0.02)
    assert box["width"] / view["width"] == pytest.approx(160 / 320, abs=0.02)


def overlay_page() -> str:
    template = PAGES.get_template("overlay.html")
    return template.render(analysis=overlay_view(RESULTS, "/files/file_1", {}))


def test_labels_and_shapes_are_highlighted_together_and_hidden(page: Page, site: Site) -> None:
    site.uploads["file_1"] = png()
    show(page, site, overlay_page())
    lit = page.locator("g.mark.lit")
    places = page.locator(".found .place")
    places.nth(0).hover()
    expect(lit).to_have_attribute("aria-label", "cat, 20, 20 to 60, 60")
    page.locator('g.mark[aria-label^="cat, 200"]').hover()
    expect(page.locator(".place.lit")).to_contain_text("200, 100 to 300, 220")
    places.nth(2).focus()
    expect(lit).to_have_attribute("aria-label", "sofa, 0, 0 to 320, 240")
    page.locator('g.mark[tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("g.mark:focus")).to_have_attribute(
        "aria-label", "cat, 200, 100 to 300, 220"
    )
    expect(page.locator(".place.lit")).to_contain_text("0.70")
    page.get_by_label("cat \N{MULTIPLICATION SIGN} 2").uncheck()
    expect(page.locator("g.mark:visible")).to_have_count(1)
    page.get_by_label("cat \N{MULTIPLICATION SIGN} 2").check()
    expect(page.locator("g.mark:visible")).to_have_count(3)
    expect(page.get_by_text("Two cats on a sofa.", exact=True)).to_be_visible()


def test_answers_are_copied_as_json_and_as_coco(browser: Browser, site: Site) -> None:
    site.uploads["file_1"] = png()
    rights = ["clipboard-read", "clipboard-write"]
    with window(browser, site, permissions=rights) as page:
        show(page, site, overlay_page())
        page.get_by_role("button", name="Copy as COCO").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        coco = json.loads(page.evaluate("navigator.clipboard.readText()"))
        assert coco["annotations"][0]["bbox"] == [20, 20, 40, 40]
        page.get_by_role("button", name="Copy as JSON").click()
        page.wait_for_function(
            "navigator.clipboard.readText().then(text => 'results' in JSON.parse(text))"
        )
        assert json.loads(page.evaluate("navigator.clipboard.readText()")) == RESULTS


def test_the_components_are_accessible(page: Page, site: Site) -> None:
    site.uploads["file_1"] = png()
    initial = '<input type="hidden" name="image" value="file_1" data-src="/files/file_1">'
    show(page, site, form(most=2, initial=initial) + overlay_page())
    expect(page.locator(".mask-layer")).to_be_visible()
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, runOnly=["color-contrast"]) == []
    page.emulate_media(color_scheme="light")


def violations(page: Page, **options: Any) -> list[Json]:
    results = Axe().run(page, options={"resultTypes": ["violations"], **options}).response
    return [each for each in results["violations"] if each["impact"] in SERIOUS]
