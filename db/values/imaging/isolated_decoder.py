"""The program that decodes one AVIF or HEIC, started by `isolation`.

It reads the file from its input and writes mode and size to its output, and the pixels if asked.
"""

import io
import json
import resource
import sys
from importlib import import_module
from typing import Any

_REFUSED, _TOO_LARGE = 3, 4
_MODES = ("L", "RGB", "RGBA")


def main() -> int:
    """Decode under limits of memory and time, given as arguments in bytes and seconds."""
    kind, wanted, memory, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for each in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(each, (0, 0))
    try:
        picture = _decode(kind, sys.stdin.buffer.read())
    except MemoryError:
        return _TOO_LARGE
    except Exception as error:  # noqa: BLE001 - whatever a decoder finds wrong is the file's fault
        sys.stdout.write(_reason(error))
        return _REFUSED
    header = json.dumps([picture.mode, *picture.size])
    sys.stdout.buffer.write(header.encode() + b"\n")
    if wanted == "pixels":
        sys.stdout.buffer.write(picture.tobytes())
    return 0


def _reason(error: Exception) -> str:
    # Pillow's message names an address in memory.
    is_unknown = type(error).__name__ == "UnidentifiedImageError"
    return "its decoder does not know it" if is_unknown else str(error) or type(error).__name__


def _decode(kind: str, data: bytes) -> Any:
    # Imported under the limits.
    image: Any = import_module("PIL.Image")
    transposing: Any = import_module("PIL.ImageOps")
    image.MAX_IMAGE_PIXELS = None
    if kind == "HEIF":
        import_module("pi_heif").register_heif_opener(
            thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
        )
    else:
        plugin: Any = import_module("PIL.AvifImagePlugin")
        plugin.DEFAULT_MAX_THREADS = 1
    picture = image.open(io.BytesIO(data), formats=[kind])
    picture.load()
    transposing.exif_transpose(picture, in_place=True)
    return picture if picture.mode in _MODES else picture.convert("RGBA")


if __name__ == "__main__":
    sys.exit(main())
