"""The typefaces of drawn words; they come from packages, so every machine has the same."""

from functools import cache
from importlib.resources import as_file, files

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

BUILT_IN = "Aileron"
"""The typeface that Pillow itself contains."""
PACKAGED = {
    "Caladea Bold": ("font_caladea", "Caladea-Bold.ttf"),
    "Lato Bold": ("font_lato", "Lato-Bold.ttf"),
    "Manrope Bold": ("font_manrope", "Manrope-Bold.ttf"),
    "Red Hat Display Bold": ("font_rhd", "RedHatDisplay-Bold.ttf"),
}
"""The package and the file of each typeface, by name."""
TYPEFACES = (BUILT_IN, *PACKAGED)
"""All typefaces: one with serifs, four without."""


class TypefaceError(Exception):
    """The package of a typeface is not installed."""


@cache
def typeface(name: str, size: int) -> Font:
    """A typeface at a size.

    Args:
        name: one of `TYPEFACES`.
        size: pixels per em.

    Raises:
        TypefaceError: its package is not installed.
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
