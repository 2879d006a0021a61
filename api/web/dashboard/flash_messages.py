"""What a page says of the action that led to it.

The address names the sentence and never holds it: whoever sends somebody a link says nothing
in our name.
"""

from typing import Annotated

from fastapi import Depends, Query

SENTENCES = {
    "canceled": "The job is canceled; its tenant is charged nothing.",
    "too_late": "The job was over before it could be canceled.",
    "retried": "The job is queued again.",
    "not_retried": "The job cannot be retried: it did not fail, or its tenant cannot pay for it.",
    "resent": "The webhook is sent again now.",
    "paused": "The queue is paused.",
    "flowing": "The queue is resumed.",
    "drained": "The worker finishes what it has in hand and takes nothing new.",
    "undrained": "The worker takes work again.",
    "created": "The tenant is created.",
    "suspended": "The tenant is suspended.",
    "unsuspended": "The tenant is resumed.",
    "revoked": "The key is revoked.",
    "credited": "The balance is changed.",
    "credited_before": "Nothing was changed: this reference was used before.",
}


async def _said(said: Annotated[str, Query(max_length=40)] = "") -> str | None:
    return SENTENCES.get(said)


SaidDep = Annotated[str | None, Depends(_said)]
"""The sentence, if the address names one."""
