"""The headers of safetensors and GGUF files, compared with the files' lengths.

A copy that was broken off, or a page that was saved in a file's place, is found here by reading
some kilobytes, before a library meets it with an error of its own.
"""

import json
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

MOST_HEADER_BYTES = 100_000_000
"""Longest header of a safetensors file that its own library reads."""

_LENGTH = struct.Struct("<Q")
_GGUF_START = struct.Struct("<4sIQQ")
_GGUF_MAGIC = b"GGUF"
_GGUF_VERSIONS = {2, 3}
_GGUF_ALIGNMENT = 32
_ALIGNMENT_KEY = b"general.alignment"
_MOST_ENTRIES = 1_000_000
_MOST_DIMENSIONS = 8
_STRING, _ARRAY = 8, 9
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a GGUF file's values by the number of their type."""

_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    30: (1, 2),  # F32, F16, BF16
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),  # Q4_0 … Q8_0
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),  # Q2_K … 6_K
}
"""Numbers in a block and its bytes, by the number of a GGUF type; others are not measured."""


class BrokenFileError(ValueError):
    """A file of weights is cut short, or something else; the message names it."""


def check_file(path: Path) -> None:
    """Compare the header of a file with its length; files of other formats are left alone.

    Raises:
        BrokenFileError: they do not agree.
        OSError: the file cannot be read.
    """
    if path.suffix == ".safetensors":
        read_header(path)
    elif path.suffix == ".gguf":
        _check_gguf(path)


def read_header(path: Path) -> dict[str, Mapping[str, Any]]:
    """The entry (`dtype`, `shape`, `data_offsets`) of each tensor of a safetensors file.

    Raises:
        BrokenFileError: the file is cut short, or has no such header.
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH.size)
        if len(start) < _LENGTH.size:
            raise _other_file(path, start, size)
        (length,) = _LENGTH.unpack(start)
        if length > MOST_HEADER_BYTES or length == 0:
            raise _other_file(path, start, size)
        text = file.read(length)
    if len(text) < length:
        raise _cut_short(path, size, _LENGTH.size + length)
    try:
        entries = dict(_entries(text))
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _other_file(path, text, size) from error
    if size < _LENGTH.size + length + end:
        raise _cut_short(path, size, _LENGTH.size + length + end)
    return entries


def _entries(text: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in json.loads(text).items():
        if name == "__metadata__":
            continue
        numbers = [*entry["shape"], *entry["data_offsets"]]
        if any(type(number) is not int or number < 0 for number in numbers):
            raise ValueError(f"{name} has an impossible shape")
        if len(entry["data_offsets"]) != 2 or not isinstance(entry["dtype"], str):  # noqa: PLR2004
            raise ValueError(f"{name} has no type or place")
        yield name, entry


def _check_gguf(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_GGUF_START.size)
        if len(start) < _GGUF_START.size:
            raise _other_file(path, start, size)
        magic, version, tensors, values = _GGUF_START.unpack(start)
        if magic != _GGUF_MAGIC or version not in _GGUF_VERSIONS:
            raise _other_file(path, start, size)
        if max(tensors, values) > _MOST_ENTRIES:
            raise _other_file(path, start, size)
        try:
            end = _GgufReader(file).end(tensors, values)
        except EOFError as error:
            raise BrokenFileError(f"{path} is cut short in its header") from error
        except (KeyError, ValueError) as error:
            raise _other_file(path, start, size) from error
    if size < end:
        raise _cut_short(path, size, end)


class _GgufReader:
    """The part of a GGUF file behind its first numbers."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._alignment = _GGUF_ALIGNMENT

    def end(self, tensors: int, values: int) -> int:
        """The position at which the data of the last tensor ends."""
        for _ in range(values):
            key = self._string()
            self._value(self._number("<I"), is_alignment=key == _ALIGNMENT_KEY)
        ends = [self._tensor_end() for _ in range(tensors)]
        if not ends:
            return self._file.tell()
        data = -(-self._file.tell() // self._alignment) * self._alignment
        return data + max(ends)

    def _tensor_end(self) -> int:
        """The end of a tensor's data, from where the data begin."""
        self._string()
        dimensions = self._number("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError("a tensor of too many dimensions")
        count = 1
        for _ in range(dimensions):
            count *= self._number("<Q")
        block, size = _BLOCKS.get(self._number("<I"), (1, 0))
        return self._number("<Q") + count // block * size

    def _value(self, kind: int, *, is_alignment: bool = False) -> None:
        if kind == _STRING:
            self._string()
        elif kind == _ARRAY:
            self._array(self._number("<I"), self._number("<Q"))
        elif is_alignment:
            self._alignment = self._number("<I") or _GGUF_ALIGNMENT
        else:
            self._bytes(_VALUE_BYTES[kind])

    def _array(self, kind: int, count: int) -> None:
        if kind in _VALUE_BYTES:
            self._file.seek(_VALUE_BYTES[kind] * min(count, 2**40), 1)
            return
        if kind != _STRING:
            raise ValueError("lists in lists are used by no format")
        for _ in range(count):
            self._string()

    def _string(self) -> bytes:
        return self._bytes(self._number("<Q"))

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._bytes(struct.calcsize(form)))
        return int(number)

    def _bytes(self, count: int) -> bytes:
        if count > MOST_HEADER_BYTES:
            raise ValueError("a text of no length")
        found = self._file.read(count)
        if len(found) < count:
            raise EOFError
        return found


def read_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file.

    Raises:
        BrokenFileError: it has none.
        OSError: the file cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(f"{path} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise BrokenFileError(f"{path} is no object of JSON")
    return content


def check_checkpoint(folder: Path, without: Collection[str] = ()) -> None:
    """Check the files of a pipeline or a model, as `save_pretrained` writes it.

    Args:
        folder: its folder.
        without: components of a pipeline that come from elsewhere.

    Raises:
        BrokenFileError: a component or a file is missing, cut short or something else.
        OSError: one cannot be read.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        check_component(folder)
        return
    for name, entry in read_object(index).items():
        if isinstance(entry, list) and len(entry) > 1 and entry[1] and name not in without:
            _check_named(folder, name)


def _check_named(folder: Path, name: str) -> None:
    """Check a component that a pipeline's index names."""
    component = folder / name
    if not component.is_dir():
        raise BrokenFileError(f"{folder} lacks the folder {name}, a component of its pipeline")
    check_component(component)
    if (component / "config.json").is_file() and not any(component.glob("*.safetensors")):
        raise BrokenFileError(f"{component} has no .safetensors file: its weights are missing")


def check_component(folder: Path) -> None:
    """Check the files of weights in a folder, and that a list of parts names files that are there.

    Raises:
        BrokenFileError: one is missing, cut short or something else.
        OSError: one cannot be read.
    """
    for path in sorted(folder.glob("*.safetensors.index.json")):
        whole = folder / path.name.removesuffix(".index.json")
        # transformers reads the whole file where there is one, diffusers the parts.
        if not whole.is_file() or whole.name.startswith("diffusion_"):
            _check_parts(path)
    for path in sorted(folder.glob("*.safetensors")):
        check_file(path)


def _check_parts(index: Path) -> None:
    parts = read_object(index).get("weight_map")
    names: Sequence[Any] = list(parts.values()) if isinstance(parts, dict) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise BrokenFileError(f"{index} has no weight_map, which names the files of weights")
    for name in sorted(set(names)):
        if Path(name).name != name:
            raise BrokenFileError(f"{index} names {name[:80]!r}, a file outside its folder")
        if not (index.parent / name).is_file():
            raise BrokenFileError(f"{index.parent} lacks {name}, which {index.name} names")


def _cut_short(path: Path, size: int, whole: int) -> BrokenFileError:
    return BrokenFileError(f"{path} is cut short: it has {size} of {whole} bytes")


def _other_file(path: Path, start: bytes, size: int) -> BrokenFileError:
    """The error of a file that is none of its suffix, by what it begins with."""
    kind = "safetensors" if path.suffix == ".safetensors" else "GGUF"
    if size == 0:
        return BrokenFileError(f"{path} is empty")
    if not any(start):
        return BrokenFileError(f"{path} begins with zeros: its content is lost")
    if start.lstrip()[:1] == b"<":
        return BrokenFileError(f"{path} is a web page, not a {kind} file")
    if start.startswith(b"version "):
        return BrokenFileError(f"{path} is git-lfs's pointer to a file, not the file itself")
    return BrokenFileError(f"{path} is no {kind} file: it begins with no header of one")
