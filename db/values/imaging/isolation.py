"""Decoding of AVIF and HEIC in a process of its own, with limits of memory and time.

These formats say their size in several places, which need not agree, and their decoders believe
the stream. A limit that the kernel keeps needs no second reader of each codec's headers.
"""

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from db.values.imaging.header import DamagedPictureError, PictureError, PictureHeader

_PROGRAM = Path(__file__).with_name("isolated_decoder.py")
_MEMORY_BYTES = 100_000_000
"""The address space of Python and the decoders, before any pixel."""
_BYTES_PER_PIXEL = 24
_CPU_SECONDS = "30"
_SECONDS = 90
_REFUSED = 3
_MAX_REASON = 200


def decode(data: bytes, header: PictureHeader) -> Image.Image:
    """Decode an AVIF or HEIC, upright.

    Raises:
        PictureError: it does not decode, or takes more than its size explains.
    """
    output = _run(data, header, "pixels")
    line, _, _ = output.partition(b"\n")
    mode, size = _read(line, header)
    return Image.frombytes(mode, size, memoryview(output)[len(line) + 1 :])


def size(data: bytes, header: PictureHeader) -> tuple[int, int]:
    """Decode an AVIF or HEIC as `decode` does, for its upright size alone."""
    _mode, measured = _read(_run(data, header, "size"), header)
    return measured


def _run(data: bytes, header: PictureHeader, wanted: str) -> bytes:
    memory = str(_MEMORY_BYTES + _BYTES_PER_PIXEL * header.pixels)
    command = [sys.executable, "-I", str(_PROGRAM), header.format, wanted, memory, _CPU_SECONDS]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program; the file comes by its input
            command, input=data, capture_output=True, timeout=_SECONDS, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        raise PictureError("the picture takes too long to decode") from None
    if ended.returncode == _REFUSED:
        raise DamagedPictureError(ended.stdout.decode(errors="replace")[:_MAX_REASON])
    if ended.returncode:
        raise PictureError("the picture takes more time or memory to decode than its size explains")
    return ended.stdout


def _read(line: bytes, header: PictureHeader) -> tuple[str, tuple[int, int]]:
    mode, width, height = json.loads(line)
    if width * height > header.pixels:
        raise DamagedPictureError("it is larger than its header says")
    return mode, (width, height)
