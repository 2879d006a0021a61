"""Messages on Redis that no process of the service sends."""

import json

MALFORMED_JSON = (
    b"",
    b"not json",
    b"\xff\xfe\x00",
    b"null",
    b"7",
    b"NaN",
    b'{"a": 1}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'"' + b"x" * 2_000_000 + b'"',
    b"[[1, 2, 3, 4]]",
)
"""Text that is no JSON, or JSON of a wrong shape, wrong types, huge, or nested deeply."""


def event_message(*entries: tuple[str, str, str, str]) -> bytes:
    """A message on the channel of events: each entry an id, a job, a type and data as JSON."""
    return json.dumps(entries).encode()


MALFORMED_MESSAGES = (
    *MALFORMED_JSON,
    b"[[]]",
    b'[["1-0", "job_1", "done"]]',
    b'[["1-0", "job_1", "done", {"state": "succeeded"}]]',
    b'[["1-0", null, "done", "{}"]]',
    b'[["1-0", "job_1", "done", "not json"]]',
    b'[["1-0", "job_1", ["done"], "{}"]]',
    b'{"1-0": ["job_1"]}',
)
"""Messages that hold no event."""
