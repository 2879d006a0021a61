"""Bodies are counted while they stream: before decompression and after it."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.outbound import BrokenAnswerError, TooLargeError
from workers.outbound.bodies import read_start, read_whole

GZIP = {"content-encoding": "gzip"}
PLAIN: dict[str, str] = {}


def in_pieces(data: bytes, size: int = 7) -> Iterator[bytes]:
    """The body in the chunks that a network delivers."""
    return (data[n : n + size] for n in range(0, len(data), size))


def endless(piece: bytes, taken: list[int]) -> Iterator[bytes]:
    """The same chunk without end; counts its reads."""
    while True:
        taken.append(len(piece))
        yield piece


@given(
    st.binary(max_size=300), st.sampled_from(["", "identity", "gzip", "x-gzip", "GZIP", "deflate"])
)
def test_a_body_within_the_limit_comes_whole(data: bytes, encoding: str) -> None:
    sent = data
    if "gzip" in encoding.lower():
        sent = gzip.compress(data)
    elif encoding == "deflate":
        sent = zlib.compress(data)

    assert read_whole(in_pieces(sent), {"content-encoding": encoding}, 300) == data


def test_the_limit_itself_is_allowed_and_one_byte_more_is_not() -> None:
    for headers, encode in ((PLAIN, bytes), (GZIP, gzip.compress)):
        assert read_whole([encode(b"x" * 100)], headers, 100) == b"x" * 100
        with pytest.raises(TooLargeError, match="100 bytes"):
            read_whole([encode(b"x" * 101)], headers, 100)


def test_an_endless_body_is_left_as_soon_as_it_exceeds_the_limit() -> None:
    taken: list[int] = []

    with pytest.raises(TooLargeError):
        read_whole(endless(b"x" * 1000, taken), PLAIN, 10_000)

    assert sum(taken) == 11_000


def test_a_body_that_says_it_is_too_large_is_not_read_at_all() -> None:
    taken: list[int] = []

    with pytest.raises(TooLargeError):
        read_whole(endless(b"x", taken), {"content-length": "10001"}, 10_000)

    assert taken == []


def test_a_gzip_bomb_is_left_before_it_has_taken_memory() -> None:
    bomb = gzip.compress(bytes(200_000_000))
    assert len(bomb) < 200_000

    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            read_whole([bomb], GZIP, 300_000)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 3_000_000


def test_compressed_bytes_that_inflate_to_nothing_are_counted_too() -> None:
    compressor = zlib.compressobj(wbits=31)
    start = compressor.compress(b"x") + compressor.flush(zlib.Z_SYNC_FLUSH)
    nothing = b"\x00\x00\x00\xff\xff" * 1000
    taken: list[int] = []

    with pytest.raises(TooLargeError):
        read_whole(iter([start, *_take(endless(nothing, taken), 100)]), GZIP, 10_000)

    assert sum(taken) == 500_000


def _take(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    return (next(pieces) for _ in range(count))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"plain text",
        gzip.compress(b"x" * 100)[:-9],
        gzip.compress(b"x" * 100)[:10] + b"\xff" * 30,
        gzip.compress(b"x") + b"more",
        gzip.compress(b"x") + gzip.compress(b"y"),
    ],
    ids=["nothing", "plain", "cut off", "broken", "more after it", "another after it"],
)
def test_what_is_not_compressed_as_it_says_is_refused(sent: bytes) -> None:
    with pytest.raises(BrokenAnswerError, match="not compressed"):
        read_whole(in_pieces(sent), GZIP, 1000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, br"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(BrokenAnswerError, match="not asked for"):
        read_whole([b"x"], {"content-encoding": encoding}, 1000)


def test_of_an_answer_to_a_post_only_the_start_is_taken() -> None:
    taken: list[int] = []

    assert read_start(endless(b"abc", taken), 10) == b"abcabcabca"
    assert len(taken) == 4


def test_an_answer_to_a_post_that_breaks_off_is_kept_as_far_as_it_came() -> None:
    def breaking() -> Iterator[bytes]:
        yield b"taken"
        raise BrokenAnswerError

    assert read_start(breaking(), 10) == b"taken"
