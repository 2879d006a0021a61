"""The API key that a request names: one reading for authentication, limits and logs.

Two readings that differ would let a key be valid for one and absent for the other.
"""

from starlette.datastructures import Headers

_BEARER = "bearer"


class ConflictingKeysError(Exception):
    """The request names several keys that differ."""

    def __init__(self) -> None:
        super().__init__("the request names several API keys; send one, in one header")


def find_key(headers: Headers) -> str | None:
    """The key of `Authorization: Bearer <key>` or `x-key: <key>`; None when there is neither.

    The scheme is read in any case, and any white space around the key is dropped. Headers that
    are repeated, or that name the same key twice, count once.

    Raises:
        ConflictingKeysError: the headers name several keys.
    """
    bearers = map(_bearer, headers.getlist("authorization"))
    keys = {key for key in (*bearers, *map(str.strip, headers.getlist("x-key"))) if key}
    if len(keys) > 1:
        raise ConflictingKeysError
    return keys.pop() if keys else None


def _bearer(authorization: str) -> str:
    words = authorization.split(None, 1)
    is_bearer = len(words) > 1 and words[0].lower() == _BEARER
    return words[1].strip() if is_bearer else ""
