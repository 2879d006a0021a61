"""Decoded samples as one upright layer in sRGB: RGB, or RGBA where some of it is transparent."""

from functools import reduce

from PIL import Image, ImageChops
from PIL.Image import Transpose

from db.values.imaging.colour import to_srgb
from db.values.imaging.source import PictureSource

_OPAQUE = 255
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_DEEP = "I;16"
_HIGH_BITS = 8


def layer_of(picture: Image.Image, source: PictureSource) -> Image.Image:
    """A loaded picture as a layer: upright, in sRGB, of the mode RGB or RGBA, without its info."""
    coloured = _coloured(_samples(picture, source), source)
    turn = _TURNS.get(source.orientation)
    layer = coloured if turn is None else coloured.transpose(turn)
    # Profiles and transparent levels of the file are not those of these pixels.
    layer.info = {}
    return layer


def flattened(layer: Image.Image, background: str) -> Image.Image:
    """A layer as RGB on a background."""
    if layer.mode == "RGB":
        return layer
    # The colours of transparent pixels are arbitrary: the program that saved them left them there.
    flat = Image.new("RGB", layer.size, background)
    flat.paste(layer, mask=layer)
    return flat


def _samples(picture: Image.Image, source: PictureSource) -> Image.Image:
    """The picture's samples as L, LA, RGB, RGBA or CMYK, of eight bits."""
    if picture.mode.startswith(_DEEP):
        return _high_halves(picture, source)
    if source.clear is not None and picture.mode in ("1", "L", "RGB"):
        return _with_clear(picture, source)
    if picture.has_transparency_data:
        return picture if picture.mode in ("LA", "RGBA") else picture.convert("RGBA")
    if picture.mode in ("L", "RGB", "CMYK"):
        # The same pixels without the file and its decoder, which hold several more copies.
        return picture._new(picture.im)  # noqa: SLF001 - every public way copies the pixels
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _high_halves(picture: Image.Image, source: PictureSource) -> Image.Image:
    """The upper eight bits of a grey picture's sixteen; transparent where all sixteen say so."""
    pairs = Image.frombytes("LA", picture.size, picture.tobytes())
    low, high = pairs.split()
    if source.clear is None:
        return high
    (clear,) = source.clear
    alpha = _unlike((low, high), (clear & _OPAQUE, clear >> _HIGH_BITS))
    return Image.merge("LA", (high, alpha))


def _with_clear(picture: Image.Image, source: PictureSource) -> Image.Image:
    """A picture with the one colour of its file that is transparent.

    Of an RGB picture of sixteen bits the decoder keeps the upper eight, so these are compared.
    """
    grey_or_rgb = picture.convert("L") if picture.mode == "1" else picture
    clear = tuple(_eight_bits(each, source.sample_bits) for each in source.clear or ())
    alpha = _unlike(grey_or_rgb.split(), clear)
    grey_or_rgb.putalpha(alpha)
    return grey_or_rgb


def _eight_bits(sample: int, bits: int) -> int:
    return sample >> (bits - 8) if bits > _HIGH_BITS else sample * _OPAQUE // ((1 << bits) - 1)


def _unlike(bands: tuple[Image.Image, ...], values: tuple[int, ...]) -> Image.Image:
    """A mask that is black where every band has its value, and white elsewhere."""
    masks = []
    for band, value in zip(bands, values, strict=True):
        table = [_OPAQUE] * (_OPAQUE + 1)
        table[value] = 0
        masks.append(band.point(table))
    return reduce(ImageChops.lighter, masks)


def _coloured(samples: Image.Image, source: PictureSource) -> Image.Image:
    if samples.mode == "LA":
        grey, alpha = samples.split()
        layer = _rgb(to_srgb(grey, source.spaces))
        layer.putalpha(alpha)
        return layer
    coloured = to_srgb(samples, source.spaces)
    return coloured if coloured.mode == "RGBA" else _rgb(coloured)


def _rgb(picture: Image.Image) -> Image.Image:
    return picture if picture.mode == "RGB" else picture.convert("RGB")
