"""The message of an attempt: the service's own form, or that of the API that the job came by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from db.webhooks.types import DeliveryClaim, ForeignFacts
from workers.outbound.ed25519 import WebhookKey
from workers.outbound.foreign_signatures import foreign_headers
from workers.outbound.signature import headers_of

NO_URL_SECRET = "no_url_secret"  # noqa: S105 - the code of an error
"""The error of an attempt in a foreign form by a courier without the URL secret."""


class MessageError(Exception):
    """A message that cannot be made; its text is a stable code for the log of the delivery."""


@dataclass(frozen=True)
class Message:
    """The body and the headers of one POST."""

    body: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class ForeignForms(Protocol):
    """The forms of compatible APIs, which the floor above renders.

    They come from the URL secret, which also signs the URLs of pictures in a body.
    """

    @property
    def key(self) -> WebhookKey:
        """The key that signs where a form demands the service's own."""

    def render(self, claim: DeliveryClaim, facts: ForeignFacts) -> str:
        """The body of a delivery in the form of the API that its job came by."""


def message_of(claim: DeliveryClaim, secrets: Sequence[str], forms: ForeignForms | None) -> Message:
    """The message of an attempt.

    Args:
        claim: the attempt.
        secrets: the tenant's signing secrets, the current one first.
        forms: the foreign forms; None for a courier without the URL secret.

    Raises:
        MessageError: it has a foreign form that this courier cannot render.
    """
    facts = claim.foreign
    if facts is None:
        return Message(claim.body, headers_of(claim, secrets))
    if forms is None:
        raise MessageError(NO_URL_SECRET)
    body = forms.render(claim, facts)
    return Message(body, foreign_headers(claim, facts.surface, body, secrets, forms.key))
