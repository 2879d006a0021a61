"""Fingerprints of submissions: the same submission under a key gets the first job again."""

import hashlib
import json

from api.core.domain_errors import InvalidSubmissionError
from api.schemas.jobs import Submission


def fingerprint(submission: Submission) -> bytes:
    """The SHA-256 of a submission in canonical form; `input` counts as it was sent.

    Canonical JSON has sorted names and no spaces. A field at its default counts as not sent, so a
    default that is added later does not change existing fingerprints.

    Raises:
        InvalidSubmissionError: the input is nested deeper than that of any model.
    """
    canonical = submission.model_dump(exclude={"input"}, exclude_defaults=True)
    canonical["input"] = submission.input
    try:
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise InvalidSubmissionError.of_field(["input"], "is nested too deeply") from None
    return hashlib.sha256(text.encode()).digest()
