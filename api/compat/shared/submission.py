"""Submission through a compatible API: the native use case, in the words of the foreign request."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from api.auth.tenant import Caller
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.compat.shared.translation import Place, Translation
from api.core.domain_errors import InvalidField, InvalidSubmissionError
from api.core.protocol.slips import noted_slips
from api.core.request_log import arrived_at
from api.jobs.adjustments import IGNORED
from api.jobs.fingerprint import canonical_json, fingerprint, present
from api.jobs.submit import submit
from api.schemas.jobs import Submission
from api.services import Services
from db.core.plain_words import message_of
from db.jobs.types import Origin
from db.values.surfaces import SurfaceName
from db.webhooks.types import ProgressEvent, Webhook, WebhookEvent
from workers.catalog.florence2.text import COMMA_SEPARATED, advice_for_text

IGNORED_HEADER = "Bottega-Ignored"
"""The header that names the fields of a request that had no effect."""

_REPLAYED = "Idempotency-Replayed"
_NOT_IN_HEADERS = re.compile(r"[^A-Za-z0-9_.\[\]-]")
_MAX_HEADER = 1_000
_HEADER_VALUE = re.compile(r"(?! )[ -~]{0,500}(?<! )")
"""Spaces at its ends would be lost on the way."""


@dataclass(frozen=True)
class ForeignWebhook:
    """A webhook whose payload and signature have the surface's own form.

    Attributes:
        url: the receiver; refused as an input error of the field that `ForeignRequest.names` gives
            `("webhook", "url")`.
        events: the events that are sent.
        secret: a secret that the request gave for the signature; empty if none.
    """

    url: str
    events: tuple[WebhookEvent | ProgressEvent, ...] = tuple(WebhookEvent)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class ForeignRequest:
    """A request to a compatible API, translated.

    Attributes:
        surface: the API.
        translation: the variant, its native input, and what is ignored.
        echo: what the API needs to show the job again, as JSON without pictures, see
            `api.compat.shared.echo.shortened`.
        is_synchronous: true when the request stays open until the job's end.
        settings: further native fields of a submission: `priority`, `expires_in_seconds`,
            `metadata`, and `webhook` for one in the service's own form.
        names: the foreign names of these fields, for errors, by their native place such as
            `("webhook", "url")`.
        webhook: the webhook in the surface's own form.
        is_first: true when the client says that it has not sent the request before: it rejoins no
            job, and a retry of it does.
        is_retry: true when the client says that it has sent the request before.
    """

    surface: SurfaceName
    translation: Translation
    echo: dict[str, Any]
    is_synchronous: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[Place, str] = field(default_factory=dict)
    webhook: ForeignWebhook | None = None
    is_first: bool = False
    is_retry: bool = False

    @property
    def submission(self) -> dict[str, Any]:
        """The fields of the native submission."""
        asked = {"webhook": {"url": self.webhook.url}} if self.webhook else {}
        model, input_ = self.translation.variant.id, self.translation.input
        return {"model": model, "input": input_, **self.settings, **asked}

    def webhook_from(self, base: str) -> Webhook | None:
        """The webhook as it is kept with the job, with the URL by which the service was asked.

        Raises:
            InvalidSubmissionError: its secret cannot stand in a header.
        """
        asked = self.webhook
        if asked is None:
            return None
        if not _HEADER_VALUE.fullmatch(asked.secret):
            message = "must be printable ASCII without spaces at its ends, 500 at most"
            raise InvalidSubmissionError.of_field(("webhook", "secret"), message, "invalid_secret")
        return Webhook(asked.url, asked.events, base, self.surface, asked.secret)


@dataclass(frozen=True)
class ForeignResult:
    """The submitted job; `replayed` when an earlier request made it."""

    job: ForeignJob
    replayed: bool

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell what was ignored, and that the job was there before."""
        return ({_REPLAYED: "true"} if self.replayed else {}) | ignored_header(self.job)


def ignored_header(job: ForeignJob) -> dict[str, str]:
    """The header that names the ignored fields of a job's request; empty if all were honoured."""
    ignored = [each.parameter for each in job.view.warnings if each.code == IGNORED]
    return {IGNORED_HEADER: header_value(ignored)} if ignored else {}


def header_value(names: Sequence[str]) -> str:
    """The names of ignored fields as a header can have them."""
    return ", ".join(_NOT_IN_HEADERS.sub("_", name) for name in names)[:_MAX_HEADER]


def submit_foreign(
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    request: ForeignRequest,
    *,
    idempotency_key: str | None = None,
) -> ForeignResult:
    """Submit a translated request; the retry of one whose job is not over rejoins that job.

    Raises:
        InvalidSubmissionError: the input does not fit the model; its fields have foreign names.
        Exception: as `api.jobs.submit.submit`.
    """
    request.translation.tell(noted_slips())
    try:
        submission = Submission(**request.submission)
        origin = Origin(
            surface=request.surface,
            request=request.echo,
            warnings=tuple(request.translation.warnings),
            digest=_digest(caller, submission, request),
            is_synchronous=request.is_synchronous,
            webhook=request.webhook_from(jobs.base),
            rejoins=not request.is_first,
            names=request.translation.names,
            arrived_at=None if request.is_retry else arrived_at(),
        )
        result = submit(
            services,
            caller,
            submission,
            jobs.render,
            idempotency_key=idempotency_key,
            origin=origin,
        )
    except ValidationError as error:
        raise _in_foreign_words(_fields_of(error), request) from None
    except InvalidSubmissionError as error:
        raise _in_foreign_words(error.fields, request) from error
    return ForeignResult(result.view, result.replayed)


def _digest(caller: Caller, submission: Submission, request: ForeignRequest) -> bytes:
    """The hash of the API key, the surface and the whole request, as its client sent it."""
    webhook = request.webhook and [[*request.webhook.events], request.webhook.secret]
    echo = present(request.echo)
    facts = canonical_json([caller.key_id, request.surface, echo, webhook])
    sent = {
        name: value
        for name, value in submission.input.items()
        if name not in request.translation.drawn
    }
    as_sent = submission.model_copy(update={"input": sent})
    return hashlib.sha256(facts.encode() + fingerprint(as_sent)).digest()


def _fields_of(error: ValidationError) -> Sequence[InvalidField]:
    return [
        InvalidField(tuple(item["loc"]), message_of(item), item["type"]) for item in error.errors()
    ]


def _in_foreign_words(
    fields: Sequence[InvalidField], request: ForeignRequest
) -> InvalidSubmissionError:
    renamed = [
        InvalidField((_foreign_name(each.loc, request),), _message(each, request), each.type)
        for each in fields
    ]
    return InvalidSubmissionError.of_fields([*dict.fromkeys(renamed)])


def _message(field: InvalidField, request: ForeignRequest) -> str:
    translation = request.translation
    if field.loc[:1] != ("input",):
        return field.message
    text = translation.input.get("text")
    if field.type == COMMA_SEPARATED and isinstance(text, str):
        # The native advice is a list.
        return advice_for_text(text)
    if field.type == "too_long":
        return field.message
    return translation.message(field.loc[1:], field.message)


def _foreign_name(loc: Place, request: ForeignRequest) -> str:
    if loc[:1] == ("input",):
        return request.translation.foreign_name(loc[1:]) if len(loc) > 1 else "prompt"
    for length in range(len(loc), 0, -1):
        if (name := request.names.get(loc[:length])) is not None:
            return name
    return ".".join(map(str, loc))
