"""The typefaces of drawn words: from packages, so that they are the same on every machine."""

from functools import cache
from importlib.resources import as_file, files

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

BUILT_IN = "Aileron"
"""What the drawing library carries itself."""
PACKAGED = {
    "Caladea Bold": ("font_caladea", "Caladea-Bold.ttf"),
    "Lato Bold": ("font_lato", "Lato-Bold.ttf"),
    "Manrope Bold": ("font_manrope", "Manrope-Bold.ttf"),
    "Red Hat Display Bold": ("font_rhd", "RedHatDisplay-Bold.ttf"),
}
"""By name, the package and its file."""
TYPEFACES = (BUILT_IN, *PACKAGED)
"""One with serifs, four without."""


class TypefaceError(Exception):
    """The package that carries a typeface is not installed."""


@cache
def typeface(name: str, size: int) -> Font:
    """A typeface at a size.

    Args:
        name: one of `TYPEFACES`.
        size: pixels per em.

    Raises:
        TypefaceError: its package is missing.
    """
    if name == BUILT_IN:
        return ImageFont.load_default(size)
    package, file = PACKAGED[name]
    try:
        with as_file(files(package) / "files" / file) as path:
            return ImageFont.truetype(path, size)
    except ModuleNotFoundError as error:
        message = f"{name} is in the package {package}: pip install 'bottega[scenes]'"
        raise TypefaceError(message) from error
