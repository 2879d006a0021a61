"""A search for traces of somebody's data: byte by byte, wherever the service keeps anything."""

import base64
import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from PIL import Image
from redis import Redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.support.pictures import encoded

SLICE = 32
"""The bytes of a picture that are looked for, from its middle."""

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


def noise(seed: int, side: int = 64) -> bytes:
    """A PNG that no compression makes like another one."""
    pixels = random.Random(seed).randbytes(3 * side * side)  # noqa: S311 - no secret
    return encoded(Image.frombytes("RGB", (side, side), pixels))


def needles_of(*, words: Iterable[str], pictures: Iterable[bytes]) -> dict[str, bytes]:
    """The forms in which texts and pictures would be found, by a name for the message.

    A picture is found by bytes of its middle, plain, in base64 at each of its three offsets, and in
    hexadecimal as PostgreSQL shows bytes; and by its SHA-256.
    """
    found = {f"word {word!r}": word.encode() for word in words}
    for number, picture in enumerate(pictures):
        middle = picture[len(picture) // 2 :][:SLICE]
        assert len(middle) == SLICE
        found[f"picture {number}"] = middle
        found[f"hash of picture {number}"] = hashlib.sha256(picture).hexdigest().encode()
        found[f"picture {number} in hexadecimal"] = middle.hex().encode()
        for offset in range(3):
            # Without the characters at both ends, which depend on the bytes beside them.
            inner = base64.b64encode(b"\0" * offset + middle)[4:-4]
            found[f"picture {number} in base64, offset {offset}"] = inner
    return found


def in_database(session: Session, needles: Mapping[str, bytes]) -> list[str]:
    """The tables, and the needles, where a row of any column has one."""
    return [
        f"{name} in table {table}"
        for table in session.scalars(text(_TABLES)).all()
        # Our own tables' names: no value from outside enters the text.
        for row in session.scalars(text(f'SELECT CAST(t AS text) FROM "{table}" t')).all()  # noqa: S608
        for name in _found(row.encode(), needles)
    ]


def in_folder(folder: Path, needles: Mapping[str, bytes]) -> list[str]:
    """The files, and the needles, where a path or the content of a file has one."""
    return [
        f"{name} in file {path.relative_to(folder)}"
        for path in folder.rglob("*")
        for content in (str(path.relative_to(folder)).encode(), _content(path))
        for name in _found(content, needles)
    ]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() and not path.is_symlink() else b""


def in_redis(redis: Redis, needles: Mapping[str, bytes]) -> list[str]:
    """The keys, and the needles, where a key or its value has one."""
    return [
        f"{name} in Redis' {key!r}"
        for key in redis.scan_iter(count=1000)
        for part in _parts(redis, key)
        for name in _found(part, needles)
    ]


def _parts(redis: Redis, key: bytes) -> Iterator[bytes]:
    """A key, and its value: every type of value has a serialized form."""
    yield key
    kind = redis.type(key)
    read = {
        b"string": lambda: [redis.get(key)],
        b"list": lambda: redis.lrange(key, 0, -1),
        b"set": lambda: redis.smembers(key),
        b"zset": lambda: redis.zrange(key, 0, -1),
        b"hash": lambda: [part for pair in redis.hgetall(key).items() for part in pair],
        b"stream": lambda: [
            part for _, fields in redis.xrange(key) for pair in fields.items() for part in pair
        ],
        b"none": list,
    }
    yield from (part for part in read[kind]() if part is not None)


def _found(content: bytes, needles: Mapping[str, bytes]) -> list[str]:
    return [name for name, needle in needles.items() if needle in content]
