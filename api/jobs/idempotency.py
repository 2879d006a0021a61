"""The `Idempotency-Key` header: who sends the same again gets the first job again."""

import hashlib
import json
from typing import Annotated

from fastapi import Header

from api.core.errors import invalid
from api.schemas.jobs import Submission

REPLAYED = "Idempotency-Replayed"
"""The header of an answer that made no job."""

REPLAYED_HEADER = {
    REPLAYED: {
        "description": "`true` when an earlier submission under the key made the job",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
"""The same, as OpenAPI describes it."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description=(
            "Yours to choose, such as a UUID. The same submission under the same key, within 24 "
            "hours, is answered with the first job and `Idempotency-Replayed: true`; another "
            "submission under it is refused with 422, `idempotency_key_reused`. Only an accepted "
            "submission uses a key up, and a quote none"
        ),
        examples=["6f1c9a52-3c0e-4d8e-9a76-0e6d2f1b8c44"],
    ),
]
"""1 to 255 visible ASCII characters."""


def fingerprint(submission: Submission) -> bytes:
    """The SHA-256 of a submission in canonical form; `input` counts as it was sent.

    Canonical JSON has its names sorted and no spaces. What is left at its default counts as
    not sent, so a default that is added later leaves the fingerprints of before as they were.

    Raises:
        api.core.errors.ProblemError: the input is nested deeper than anything that is a model's.
    """
    canonical = submission.model_dump(exclude={"input"}, exclude_defaults=True)
    canonical["input"] = submission.input
    try:
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise invalid(["body", "input"], "is nested too deeply") from None
    return hashlib.sha256(text.encode()).digest()
