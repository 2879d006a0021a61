"""The corpus of pictures, and where ours may differ from what Chromium shows."""

from collections.abc import Callable, Iterator, Mapping

from tests.support.picture_corpus import damage_cases, photo_cases, png_cases
from tests.support.picture_corpus.case import Case

MAX_DIFFERENCE = 2
"""The largest mean difference from the browser, in levels of 255."""

PARTS: Mapping[str, Callable[[], Iterator[Case]]] = {
    "kinds of PNG": png_cases.kinds,
    "spaces of PNG": png_cases.spaces,
    "profiles of PNG": png_cases.profiles,
    "JPEG": photo_cases.jpegs,
    "WebP": photo_cases.webps,
    "AVIF": photo_cases.avifs,
    "HEIC": photo_cases.heics,
    "GIF": photo_cases.gifs,
    "BMP": photo_cases.bmps,
    "orientations": photo_cases.orientations,
    "frames": photo_cases.frames,
    "damaged PNG": damage_cases.pngs,
    "damaged JPEG": damage_cases.jpegs,
    "damaged others": damage_cases.others,
}

_HDR = "light beyond white is mapped by channel, and by Chromium by pixel"
_NARROW = "Chromium takes the transparency of an AVIF for one of narrow range"
_TURNED = "Chromium turns no WebP; the format has EXIF's orientation, and other browsers use it"

EXCEPTIONS: Mapping[str, str] = {
    "PNG code points: matrix not 0": "Chromium shows nothing; ours has no code points",
    "PNG profiles: RGB, of Lab": "a profile for other samples counts as none",
    **{f"PNG HDR: {first}, {name}": _HDR for first in (1, 9, 12) for name in ("PQ", "HLG")},
    "AVIF HDR: points 9, 16": _HDR,
    "AVIF HDR: points 9, 18": _HDR,
    **{f"AVIF: RGBA{name}": _NARROW for name in ("", ", Display P3", ", Adobe RGB", ", table")},
    **{f"orientation: WEBP {number}": _TURNED for number in range(2, 9)},
    "frames: AVIF": "Chromium takes the samples of an animation for those of narrow range",
    "frames: PNG with a picture apart from its animation": (
        "viewers of stills show the picture, and Chromium the animation's first frame"
    ),
}
"""Pictures by their titles, each with the reason."""
