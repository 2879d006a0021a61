"""The key of a request, in every spelling that HTTP allows."""

import pytest
from starlette.datastructures import Headers

from api.core.request_key import ConflictingKeysError, find_key


def key_of(*headers: tuple[bytes, bytes]) -> str | None:
    return find_key(Headers(raw=list(headers)))


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer bt_k",
        b"Bearer  bt_k",
        b"Bearer\tbt_k",
        b"Bearer \t bt_k \t",
        b"bearer bt_k",
        b"BEARER bt_k",
        b"  Bearer bt_k",
    ],
)
def test_white_space_and_case_do_not_matter(value: bytes) -> None:
    assert key_of((b"authorization", value)) == "bt_k"


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer ", b"Basic bt_k", b"bt_k", b"Bearerbt"])
def test_another_scheme_names_no_key_and_leaves_the_other_header(value: bytes) -> None:
    assert key_of((b"authorization", value)) is None
    assert key_of((b"authorization", value), (b"x-key", b" bt_k\t")) == "bt_k"


def test_one_key_may_be_named_twice_and_two_keys_may_not() -> None:
    bearer, same, other = (
        (b"authorization", b"Bearer bt_k"),
        (b"x-key", b"bt_k"),
        (b"x-key", b"bt_l"),
    )
    assert key_of(bearer, bearer, same, (b"x-key", b"")) == "bt_k"
    for headers in ((bearer, other), (same, other), (bearer, (b"authorization", b"Bearer bt_l"))):
        with pytest.raises(ConflictingKeysError):
            key_of(*headers)
