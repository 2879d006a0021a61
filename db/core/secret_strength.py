"""A check of secrets that operators choose: what can be guessed, or stands in an example."""

import re

REMEDY = "`openssl rand -hex 24` makes a good one"
"""The end of every sentence about a weak secret."""

_LEAST_GUESSES = 10**20
"""Fewer than 16 random bytes need, in hexadecimal or base 64."""

_MOST_CHARACTERS = 72
"""As many as are rated, since the time grows with the square: longer is not weaker."""

_PLACEHOLDERS = frozenset({"PASSWORD", "SECRET", "AT-LEAST-SIXTEEN-CHARACTERS", "changeme"})


class WeakSecretError(ValueError):
    """The secret can be guessed; the message says which setting, and how to make a good one."""

    def __init__(self, setting: str, fault: str) -> None:
        super().__init__(f"{setting} {fault}: {REMEDY}")


def require_filled_in(setting: str, secret: str) -> None:
    """Refuse the text that an example has in place of a secret.

    Raises:
        WeakSecretError: it is such a text, or ends in an ellipsis.
    """
    if secret in _PLACEHOLDERS or secret.endswith("…"):
        raise WeakSecretError(setting, "is still the text of an example")


def require_strong(setting: str, secret: str) -> None:
    """Refuse a secret that is missing, an example's, or made of words, repetitions or sequences.

    Raises:
        WeakSecretError: it is one of these.
    """
    require_filled_in(setting, secret)
    if not secret:
        raise WeakSecretError(setting, "is empty")
    if _is_words(secret) or _guesses(secret) < _LEAST_GUESSES:
        raise WeakSecretError(setting, "is too short or too easy to guess")


def _is_words(secret: str) -> bool:
    # Phrases are rated too high, and random text of this length has a digit or both cases.
    letters = re.sub(r"[\W_]", "", secret)
    return letters.isalpha() and (letters.islower() or letters.isupper())


def _guesses(secret: str) -> int:
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its word lists take 12 MB in every process

    return int(zxcvbn(secret[:_MOST_CHARACTERS])["guesses"])
