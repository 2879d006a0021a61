"""Masks without white: their levels, and the advice for their form."""

import pytest
from PIL import Image, ImageDraw

from db.values.mask_levels import dark_reason, has_white, levels_of
from db.values.pictures import PictureLimits, decode, unlimited
from tests.support.pictures import encoded

BOX = (20, 20, 60, 60)
LIMITS = PictureLimits()


def drawn(mode: str, ground: object, stroke: object, box: tuple[int, ...] = BOX) -> Image.Image:
    picture = Image.new(mode, (96, 80), ground)  # type: ignore[arg-type]
    ImageDraw.Draw(picture).rectangle(box, fill=stroke)  # type: ignore[arg-type]
    return picture


def palette(levels: tuple[int, int]) -> Image.Image:
    """A picture of two palette entries, each of one level of gray."""
    picture = drawn("P", 0, 1)
    picture.putpalette([level for each in levels for level in (each, each, each)])
    return picture


MASKS = {
    "ones in a palette": (palette((0, 1)), 1, "values 0 and 1: multiply by 255"),
    "ones in colour": (drawn("RGB", "black", (1, 1, 1)), 1, "multiply by 255"),
    "numbered areas": (drawn("L", 0, 7), 7, "set those to 255 that should change"),
    "sixteen bits": (drawn("I;16", 0, 255), 0, "16 bits"),
    "green strokes on clear": (
        drawn("RGBA", (0, 0, 0, 0), (0, 160, 0, 255)),
        94,
        "the strokes are in the alpha channel",
    ),
    "gray and alpha": (drawn("LA", (0, 0), (0, 255)), 0, "strokes are in the alpha channel"),
    "clear strokes in a dark picture": (
        drawn("RGBA", (30, 50, 90, 255), (0, 0, 0, 0)),
        48,
        "its transparent parts count as black",
    ),
    "faint white": (drawn("RGBA", (0, 0, 0, 0), (255, 255, 255, 90)), 90, "alpha channel"),
    "blue on black": (drawn("RGB", "black", "blue"), 29, "colours count by their brightness"),
    "dark gray": (
        drawn("L", 0, 120),
        120,
        "the model repaints from 128 on, darker grays only blend",
    ),
    "a dark red photograph": (drawn("RGB", (90, 0, 0), (140, 20, 20)), 56, "colours count"),
    "nothing": (
        Image.new("1", (96, 80)),
        0,
        "the model repaints from 128 on, darker grays only blend",
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_without_white_is_told_its_brightest_level_and_a_remedy(name: str) -> None:
    picture, brightest, remedy = MASKS[name]
    data = encoded(picture)
    levels = levels_of(decode(data, LIMITS, "black"))
    assert levels.brightest == pytest.approx(brightest, abs=1)
    reason = dark_reason(data, levels, LIMITS, unlimited)
    assert reason.startswith(f"its brightest level is {levels.brightest} of 255; ")
    assert remedy in reason


@pytest.mark.parametrize(("level", "is_white"), [(0, False), (127, False), (128, True)])
def test_half_white_is_white(level: int, is_white: bool) -> None:  # noqa: FBT001
    assert has_white(encoded(drawn("L", 0, level)), LIMITS, unlimited) is is_white
