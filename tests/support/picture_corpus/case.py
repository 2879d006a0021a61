"""One picture of the corpus, and the scene that all of them show."""

import colorsys
import io
from dataclasses import dataclass

from PIL import Image

SIZE = (48, 32)


@dataclass(frozen=True)
class Case:
    """A drawn file.

    Attributes:
        group: of the corpus.
        name: of the picture within its group.
        data: the file.
        shown: another file of the same picture, for a browser that cannot show this one.
    """

    group: str
    name: str
    data: bytes
    shown: bytes | None = None

    @property
    def title(self) -> str:
        """The name that a test reports."""
        return f"{self.group}: {self.name}"


def light(x: int, y: int) -> tuple[float, float, float]:
    """The scene: hues from left to right, from dark to bright to pale; greys at the right."""
    across, down = x / (SIZE[0] - 1), y / (SIZE[1] - 1)
    if across > 0.85:
        return (down, down, down)
    saturation = min(1.0, 2 * (1 - down))
    return colorsys.hsv_to_rgb(across / 0.85, saturation, min(1.0, 0.15 + 1.5 * down))


def samples(x: int, y: int, bits: int = 8) -> tuple[int, ...]:
    """The scene's red, green and blue, of so many bits."""
    largest = (1 << bits) - 1
    return tuple(round(each * largest) for each in light(x, y))


def grey(x: int, y: int, bits: int = 8) -> int:
    """The scene's brightness: a slope from corner to corner."""
    return round((x + y) / (SIZE[0] + SIZE[1] - 2) * ((1 << bits) - 1))


def alpha(x: int, bits: int = 8) -> int:
    """A slope of transparency, clear at the left."""
    return round(min(1, 2 * x / (SIZE[0] - 1)) * ((1 << bits) - 1))


def scene(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """The scene as a picture."""
    drawn = Image.new("RGB", SIZE)
    drawn.putdata([samples(x, y) for y in range(SIZE[1]) for x in range(SIZE[0])])
    if mode == "L":
        drawn = Image.new("L", SIZE)
        drawn.putdata([grey(x, y) for y in range(SIZE[1]) for x in range(SIZE[0])])
    elif mode in ("RGBA", "LA"):
        cover = Image.new("L", SIZE)
        cover.putdata([alpha(x) for _ in range(SIZE[1]) for x in range(SIZE[0])])
        drawn = scene("L") if mode == "LA" else drawn
        drawn.putalpha(cover)
    elif mode != "RGB":
        drawn = drawn.convert(mode)
    return drawn if size == SIZE else drawn.resize(size)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
