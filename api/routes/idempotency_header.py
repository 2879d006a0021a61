"""The `Idempotency-Key` request header, and the response header of a replay."""

from typing import Annotated

from fastapi import Header

REPLAYED = "Idempotency-Replayed"
"""The header of a response that made no job."""

REPLAYED_HEADER = {
    REPLAYED: {
        "description": "`true` when an earlier submission under the key made the job",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
"""The same header for the OpenAPI document."""

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
            "submission uses a key up, and a quote uses none"
        ),
        examples=["6f1c9a52-3c0e-4d8e-9a76-0e6d2f1b8c44"],
    ),
]
"""1 to 255 visible ASCII characters."""
