"""The part of a mask that a pipeline reads, in the places where it reads it."""

import pytest
from PIL import Image, ImageDraw

from workers.catalog.flux.fit import CROP, PAD, STRETCH, Fit
from workers.catalog.flux.masks import MaskGrain, Repainted, measure_mask

SIZE = (128, 96)
STEP = 16
PIXEL, LATENT, PATCH = MaskGrain.PIXEL, MaskGrain.LATENT, MaskGrain.PATCH


def dots(*places: tuple[int, int], size: tuple[int, int] = SIZE) -> Image.Image:
    mask = Image.new("RGB", size)
    for place in places:
        mask.putpixel(place, (255, 255, 255))
    return mask


def box(*edges: int, size: tuple[int, int] = SIZE, level: int = 255) -> Image.Image:
    mask = Image.new("RGB", size)
    ImageDraw.Draw(mask).rectangle(edges, fill=(level, level, level))
    return mask


def measured(mask: Image.Image, grain: MaskGrain, fit: Fit = CROP) -> Repainted:
    return measure_mask(mask, SIZE, fit, STEP, grain)


@pytest.mark.parametrize(
    ("place", "grain", "is_read"),
    [
        ((9, 9), PIXEL, True),
        ((8, 8), LATENT, True),
        ((16, 40), LATENT, True),
        ((9, 8), LATENT, False),
        ((15, 15), LATENT, False),
        ((7, 8), PATCH, True),
        ((24, 39), PATCH, True),
        ((16, 16), PATCH, False),
        ((9, 7), PATCH, False),
    ],
)
def test_a_single_pixel_is_read_where_a_square_is_sampled(
    place: tuple[int, int],
    grain: MaskGrain,
    is_read: bool,  # noqa: FBT001
) -> None:
    found = measured(dots(place), grain)
    assert (found.white, found.read) == (1, int(is_read))


@pytest.mark.parametrize("grain", list(MaskGrain))
def test_all_of_a_white_mask_is_read_and_nothing_of_a_dark_one(grain: MaskGrain) -> None:
    pixels = SIZE[0] * SIZE[1]
    white, gray, dark = (measured(box(0, 0, *SIZE, level=n), grain) for n in (255, 128, 127))
    assert (white.read, gray.read, dark.read) == (pixels, pixels, 0)
    assert white.pixels == pixels


@pytest.mark.parametrize("grain", [LATENT, PATCH])
def test_an_area_twice_as_wide_as_a_square_is_read_wherever_it_lies(grain: MaskGrain) -> None:
    for x in range(16):
        found = measured(box(x, x + 3, x + 31, x + 34), grain)
        assert found.read >= found.white / 2


def test_a_thin_stroke_is_read_in_part() -> None:
    across = measured(box(0, 3, SIZE[0], 4), LATENT)
    assert (across.white > 0, across.read) == (True, 0)


@pytest.mark.parametrize(("fit", "is_read"), [(CROP, False), (PAD, True), (STRETCH, True)])
def test_white_that_is_cropped_away_is_not_read(fit: Fit, is_read: bool) -> None:  # noqa: FBT001
    wide = box(0, 0, 40, 96, size=(384, 96))
    assert bool(measured(wide, LATENT, fit).read) is is_read


def test_what_is_padded_is_painted() -> None:
    wide = Image.new("RGB", (256, 96))
    found = measured(wide, LATENT, PAD)
    assert found.read == found.white == SIZE[0] * (SIZE[1] - 48)
