"""Fingerprints of submissions: the same submission under a key gets the first job again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from api.core.domain_errors import InvalidSubmissionError
from api.schemas.jobs import Submission
from db.values.blank import is_absent


def fingerprint(submission: Submission) -> bytes:
    """The SHA-256 of a submission in canonical form; `input` counts as it was sent.

    A field at its default counts as not sent, so a default that is added later does not change
    existing fingerprints.

    Raises:
        InvalidSubmissionError: the input is nested deeper than that of any model.
    """
    try:
        text = canonical_json({**_settings(submission), "input": present(submission.input)})
    except RecursionError:
        raise InvalidSubmissionError.of_field(["input"], "is nested too deeply") from None
    return hashlib.sha256(text.encode()).digest()


def former_fingerprint(submission: Submission) -> bytes:
    """The fingerprint that earlier versions made: their keys live for a day.

    It tells 0 from 0.0, and null from an absent field.
    """
    facts = {**_settings(submission), "input": submission.input}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _settings(submission: Submission) -> dict[str, Any]:
    return submission.model_dump(exclude={"input"}, exclude_defaults=True)


def present(value: Any) -> Any:
    """JSON without the fields of its objects that are null or blank."""
    if isinstance(value, Mapping):
        return {name: present(each) for name, each in value.items() if not is_absent(each)}
    return [present(each) for each in value] if isinstance(value, list | tuple) else value


def canonical_json(value: Any) -> str:
    """JSON with sorted names and no spaces, in which equal numbers have one spelling.

    Equal is as in RFC 8785: `0`, `-0`, `0.0` and `0e5` are one number.
    """
    return json.dumps(_with_equal_numbers(value), sort_keys=True, separators=(",", ":"))


def _with_equal_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _with_equal_numbers(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_equal_numbers(each) for each in value]
    return value
