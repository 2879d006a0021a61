"""Messages about the action that led to a page.

The URL contains a message's name and never its text, so that nobody can send a link that makes
our page say something else.
"""

from typing import Annotated

from fastapi import Depends, Query

MESSAGES = {
    "canceled": "The job is canceled; its tenant is charged nothing.",
    "too_late": "The job had ended before it could be canceled.",
    "retried": "The job is queued again.",
    "not_retried": "The job cannot be retried: it did not fail, or its tenant cannot pay for it.",
    "resent": "The webhook is being sent again.",
    "paused": "The queue is paused.",
    "flowing": "The queue is resumed.",
    "drained": "The worker finishes its running jobs and takes no new ones.",
    "undrained": "The worker takes jobs again.",
    "created": "The tenant is created.",
    "suspended": "The tenant is suspended.",
    "unsuspended": "The tenant is resumed.",
    "deleted": "The tenant is deleted: nothing of its contents is left.",
    "being_deleted": "The tenant is deleted; the rest of its contents is being removed.",
    "revoked": "The key is revoked.",
    "credited": "The balance is changed.",
    "credited_before": "Nothing was changed: this reference was used before.",
}


async def _flash_message(
    name: Annotated[str, Query(alias="said", max_length=40)] = "",
) -> str | None:
    return MESSAGES.get(name)


FlashMessageDep = Annotated[str | None, Depends(_flash_message)]
"""The message that the URL names; None without one."""


def with_message(path: str, name: str) -> str:
    """The URL of a page with a message."""
    return f"{path}?said={name}"
