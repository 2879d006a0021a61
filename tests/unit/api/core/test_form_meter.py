"""The limit on URL-encoded forms while they arrive, in any division into chunks."""

import random

import pytest

from api.core.errors import ProblemError
from api.core.form_meter import MAX_EMPTY_FIELDS, FormMeter, says_form


def refused_at(body: bytes, size: int) -> int | None:
    """The bytes after which a body is refused; None when it is accepted."""
    meter = FormMeter()
    for at in range(0, len(body), size):
        try:
            meter.feed(body[at : at + size])
        except ProblemError:
            return at + size
    return None


@pytest.mark.parametrize("size", [1, 2, 7, 60_000])
def test_separators_without_a_field_are_limited_however_the_body_is_cut(size: int) -> None:
    refused = refused_at(b"a=1" + b"&" * 100_000, size)
    assert refused is not None
    assert refused <= max(size, 2 * MAX_EMPTY_FIELDS + 10)
    assert refused_at(b"a=1&" * 100_000, size) is None, "the parser counts these"


def test_a_picture_under_this_media_type_is_accepted() -> None:
    picture = random.Random(1).randbytes(20_000_000)  # noqa: S311 - no secret
    assert refused_at(picture, 65_536) is None


def test_the_media_type() -> None:
    assert says_form("Application/X-WWW-Form-URLencoded; charset=utf-8")
    assert not says_form("application/json")
    assert not says_form("")
