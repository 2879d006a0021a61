"""Response bodies, counted while they stream."""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import BinaryIO

import httpcore2

from workers.outbound.errors import BrokenAnswerError, OutboundError, TooLargeError

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# More than gzip adds to bytes that it cannot compress.
_ENCODING_OVERHEAD_BYTES = 65_536


def read_whole(chunks: Iterable[bytes], headers: Mapping[str, str], max_bytes: int) -> bytes:
    """Read a whole body and decompress it.

    Args:
        chunks: the received chunks.
        headers: the response's headers; names in lower case.
        max_bytes: most bytes, before and after decompression.

    Raises:
        TooLargeError: its declared, received or decompressed size is larger.
        BrokenAnswerError: its encoding was not requested, or is invalid.
    """
    match headers.get("content-encoding", "identity").strip().lower():
        case "" | "identity":
            if _declared(headers) > max_bytes:
                raise TooLargeError(max_bytes)
            return b"".join(_capped(chunks, max_bytes))
        case "gzip" | "x-gzip" | "deflate":
            return _inflated(_capped(chunks, max_bytes + _ENCODING_OVERHEAD_BYTES), max_bytes)
    raise BrokenAnswerError("the answer is encoded in a way that was not asked for")


def write_whole(
    chunks: Iterable[bytes], headers: Mapping[str, str], max_bytes: int, file: BinaryIO
) -> str:
    """Write a whole body to a file as it arrives.

    Args:
        chunks: the received chunks.
        headers: the response's headers; names in lower case.
        max_bytes: most bytes.
        file: where to write them.

    Returns:
        The SHA-256 of the body, in hexadecimal.

    Raises:
        TooLargeError: its declared or received size is larger.
        BrokenAnswerError: it is compressed, which was not requested.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise BrokenAnswerError("the answer is encoded in a way that was not asked for")
    if _declared(headers) > max_bytes:
        raise TooLargeError(max_bytes)
    digest = hashlib.sha256()
    for chunk in _capped(chunks, max_bytes):
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()


def read_start(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    """Read the first bytes of a body, as sent, up to an error; the rest is never read."""
    start = bytearray()
    with suppress(OutboundError, httpcore2.RemoteProtocolError):
        for chunk in chunks:
            start += chunk
            if len(start) >= max_bytes:
                break
    return bytes(start[:max_bytes])


def _declared(headers: Mapping[str, str]) -> int:
    """The declared size of a body. Only a hint: the received bytes are counted as well."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _capped(chunks: Iterable[bytes], max_bytes: int) -> Iterable[bytes]:
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > max_bytes:
            raise TooLargeError(max_bytes)
        yield chunk


def _inflated(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
    body = bytearray()
    try:
        for chunk in chunks:
            # One byte above the limit detects an excess without inflating more of it.
            body += decompressor.decompress(chunk, max_bytes - len(body) + 1)
            if len(body) > max_bytes:
                raise TooLargeError(max_bytes)
    except zlib.error:
        raise BrokenAnswerError("the answer is not compressed as it says") from None
    if not decompressor.eof or decompressor.unused_data:
        raise BrokenAnswerError("the answer is not compressed as it says")
    return bytes(body)
