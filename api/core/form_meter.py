"""A limit on URL-encoded forms while they arrive.

The parser limits fields, and walks through separators that have no field between them one by one:
megabytes of them would keep the process from all else for seconds.
"""

from api.core.errors import ProblemError

MAX_EMPTY_FIELDS = 10_000
"""The most pairs of separators side by side; pictures that are sent under this media type by
mistake, as some clients do, have a few by chance."""

_SEPARATOR = b"&"


def says_form(content_type: str) -> bool:
    """True for the media type of URL-encoded forms."""
    return content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


class FormMeter:
    """Measures one body, chunk by chunk."""

    def __init__(self) -> None:
        self._empty = 0
        self._last = b""

    def feed(self, chunk: bytes) -> None:
        """Measure the next bytes.

        Raises:
            ProblemError: the limit is exceeded; the rest of the body need not be received.
        """
        self._empty += chunk.count(_SEPARATOR * 2)
        self._empty += self._last == chunk[:1] == _SEPARATOR
        self._last = chunk[-1:] or self._last
        if self._empty > MAX_EMPTY_FIELDS:
            detail = f"the form has more than {MAX_EMPTY_FIELDS} fields without a name"
            raise ProblemError(413, "body_too_large", detail)
