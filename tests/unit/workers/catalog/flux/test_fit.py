"""Pictures of another shape than their output: cropped, padded or stretched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from workers.catalog.flux.fit import CROP, PAD, STRETCH, WHITE, Fit, changes_shape, fit_picture

RED, BLUE = (220, 30, 30), (40, 70, 200)

sides = st.integers(64, 600)
steps = st.sampled_from([16, 32])


def circle(size: tuple[int, int]) -> Image.Image:
    """A red circle in the middle of a blue picture."""
    picture = Image.new("RGB", size, BLUE)
    x, y, radius = size[0] // 2, size[1] // 2, min(size) * 5 // 12
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=RED)
    return picture


def red_extent(picture: Image.Image) -> tuple[int, int]:
    """Width and height of what is red."""
    red = picture.getchannel("R").point(lambda level: 255 if level > 130 else 0)
    left, top, right, bottom = red.getbbox() or (0, 0, 0, 0)
    return right - left, bottom - top


@pytest.mark.parametrize(
    ("picture", "output", "fit", "expected"),
    [
        ((384, 192), (192, 192), CROP, (160, 160)),
        ((384, 192), (192, 192), PAD, (80, 80)),
        ((384, 192), (192, 192), STRETCH, (80, 160)),
        ((192, 384), (192, 192), CROP, (160, 160)),
        ((192, 384), (192, 192), PAD, (80, 80)),
        ((192, 192), (384, 192), PAD, (160, 160)),
        ((192, 192), (384, 256), CROP, (320, 256)),
        ((192, 192), (200, 192), CROP, (167, 160)),
        ((640, 480), (256, 256), STRETCH, (160, 213)),
    ],
)
def test_a_circle_stays_one_unless_it_is_stretched(
    picture: tuple[int, int], output: tuple[int, int], fit: Fit, expected: tuple[int, int]
) -> None:
    fitted = fit_picture(circle(picture), output, fit, 32)
    assert fitted.size == output
    assert red_extent(fitted) == pytest.approx(expected, abs=2)


@given(sides, sides, steps)
def test_a_size_rounded_to_the_step_has_the_shape_of_its_picture(
    wide: int, high: int, step: int
) -> None:
    rounded = (wide // step * step, high // step * step)
    assert not changes_shape((wide, high), rounded, step)
    assert changes_shape((wide, high), (wide + 2 * wide, high), step)


@given(
    picture=st.tuples(sides, sides),
    output=st.tuples(sides, sides),
    fit=st.sampled_from([CROP, PAD, STRETCH]),
    step=steps,
    padding=st.sampled_from([None, 0, WHITE]),
)
def test_a_picture_of_one_colour_has_the_outputs_size_and_no_other_colour_than_its_padding(
    picture: tuple[int, int], output: tuple[int, int], fit: Fit, step: int, padding: int | None
) -> None:
    fitted = fit_picture(Image.new("L", picture, 90), output, fit, step, padding=padding)
    assert fitted.size == output
    levels = {level for _, level in fitted.getcolors() or ()}
    is_padded = fit == PAD and padding is not None and changes_shape(picture, output, step)
    assert levels - {90} <= ({padding} if is_padded else set())


@pytest.mark.parametrize(
    ("picture", "output", "inside", "before", "after"),
    [
        ((80, 40), (80, 80), (0, 20, 80, 60), (40, 0), (40, 79)),
        ((40, 80), (80, 80), (20, 0, 60, 80), (0, 40), (79, 40)),
    ],
)
def test_padding_goes_on_with_the_edges_and_leaves_the_picture_as_it_is(
    picture: tuple[int, int],
    output: tuple[int, int],
    inside: tuple[int, int, int, int],
    before: tuple[int, int],
    after: tuple[int, int],
) -> None:
    halves = Image.new("RGB", picture, RED)
    is_wide = picture[0] > picture[1]
    middle = (0, picture[1] // 2) if is_wide else (picture[0] // 2, 0)
    halves.paste(BLUE, (*middle, *picture))
    padded = fit_picture(halves, output, PAD, 16)
    assert padded.crop(inside).tobytes() == halves.tobytes()
    assert padded.getpixel(before) == RED
    assert padded.getpixel(after) == BLUE
