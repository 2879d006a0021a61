"""The API key that a request names: one reading for authentication, limits and logs.

Two readings that differ would let a key be valid for one and absent for the other.
"""

from starlette.datastructures import Headers

_SCHEMES = ("bearer", "key", "token")
"""Clients of other services send theirs by any of these."""

_KEY_HEADERS = ("x-key", "x-api-key")


class ConflictingKeysError(Exception):
    """The request names several keys that differ."""

    def __init__(self) -> None:
        super().__init__("the request names several API keys; send one, in one header")


def find_key(headers: Headers) -> str | None:
    """The key of a request; None when it names none.

    It is read from `Authorization: Bearer <key>` (or `Key`, or `Token`), `x-key` and `x-api-key`.
    The scheme is read in any case, and any white space around the key is dropped. Headers that
    are repeated, or that name the same key twice, count once.

    Raises:
        ConflictingKeysError: the headers name several keys.
    """
    authorized = map(_credentials, headers.getlist("authorization"))
    plain = (value.strip() for name in _KEY_HEADERS for value in headers.getlist(name))
    keys = {key for key in (*authorized, *plain) if key}
    if len(keys) > 1:
        raise ConflictingKeysError
    return keys.pop() if keys else None


def _credentials(authorization: str) -> str:
    words = authorization.split(None, 1)
    is_key = len(words) > 1 and words[0].lower() in _SCHEMES
    return words[1].strip() if is_key else ""
