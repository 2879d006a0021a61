"""From a submission to a queued job: validate, resolve pictures, quote, insert, ring."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from api.auth.tenant import Caller
from api.core.errors import invalid, not_found, validation_problem
from api.core.metrics import submitted
from api.core.request_log import note, request_id
from api.jobs.idempotency import fingerprint
from api.jobs.input_loras import stored_lora
from api.jobs.input_pictures import InputPicture, PictureResolver
from api.jobs.webhook_urls import check as check_webhook_url
from api.resources.lora_files import LoraError
from api.schemas.jobs import Price, Quote, Submission
from api.schemas.webhooks import WebhookRequest
from api.services import Services
from db.jobs import idempotency, traces
from db.jobs.idempotency import KeyedSubmission
from db.jobs.submit import submit_job, submit_job_at_once
from db.jobs.types import Accepted, NewJob
from db.jobs.waiting import queue_outlook
from db.tenants import api_keys, tenants
from db.values.job_state import JobState
from db.values.pictures import PictureError
from db.webhooks.types import Webhook
from workers import catalog
from workers.catalog import PictureSize, Variant
from workers.catalog.flux.loras import Lora
from workers.messaging.queue import Ticket
from workers.outbound import OutboundError
from workers.telemetry import tracing

_INPUT = ("body", "input")
_SEED_BITS = 32

Sizes = Mapping[str, Sequence[PictureSize]]
"""The pictures' sizes by the parameter that named them."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Commission:
    """A submission that was found good: parameters, self-contained input and quote."""

    variant: Variant
    parameters: BaseModel
    input: dict[str, Any]
    units: int
    price_micros: int
    webhook: Webhook | None


@dataclass(frozen=True)
class Submitted:
    """What a submission is answered with; `replayed` when it made no job, but one before it did."""

    answer: Any
    replayed: bool


def prepare(services: Services, tenant_id: str, submission: Submission) -> Commission:
    """Validate a submission against its model and store the pictures that it names.

    Raises:
        api.core.errors.ProblemError: the input does not fit the model, or the webhook's URL is
            refused.
        workers.catalog.UnknownVariantError: there is no such model.
    """
    variant = services.catalogue.find(submission.model)
    webhook = _webhook(services, submission.webhook) if submission.webhook else None
    parameters = _parse(variant, submission.input)
    stored, sizes = _store_pictures(PictureResolver(services, tenant_id), parameters)
    # With the keys in place of what they were given by: jobs from one picture can share a batch.
    parameters = _settled(variant, parameters, sizes).model_copy(update=stored)
    parameters = _with_stored_loras(services, tenant_id, parameters)
    measure = variant.measure(parameters, _pixels(sizes))
    return Commission(
        variant=variant,
        parameters=parameters,
        input={**parameters.model_dump(mode="json"), **_drawn_seed(parameters)},
        units=measure.units,
        price_micros=variant.price.amount_micros(measure),
        webhook=webhook,
    )


def _webhook(services: Services, asked: WebhookRequest) -> Webhook:
    try:
        check_webhook_url(asked.url, services.outbound)
    except OutboundError as error:
        raise invalid(["body", "webhook", "url"], str(error), "invalid_url") from None
    events = tuple(dict.fromkeys(asked.events))
    return Webhook(asked.url, events, base_url=services.settings.public_url)


def _parse(variant: Variant, given: dict[str, Any]) -> BaseModel:
    try:
        return variant.parameters.model_validate(given)
    except ValidationError as error:
        raise validation_problem(_INPUT, _items(error)) from None


def _items(error: ValidationError) -> Sequence[Any]:
    try:
        return error.errors()
    except UnicodeEncodeError:  # pydantic cannot write a message that quotes such text
        raise invalid(_INPUT, "holds half of a surrogate pair, which is no text") from None


def _drawn_seed(parameters: BaseModel) -> dict[str, int]:
    """A seed for whoever gave none: drawn here, so that every attempt paints the same picture."""
    if getattr(parameters, "seed", 0) is not None:
        return {}
    return {"seed": secrets.randbits(_SEED_BITS)}


def _with_stored_loras(services: Services, tenant_id: str, parameters: BaseModel) -> BaseModel:
    asked: Sequence[Lora] = getattr(parameters, "loras", ())
    if not asked:
        return parameters
    stored = []
    for n, lora in enumerate(asked):
        try:
            stored.append(stored_lora(services, tenant_id, lora))
        except LoraError as error:
            raise invalid([*_INPUT, "loras", n], str(error), "invalid_lora") from error
    return parameters.model_copy(update={"loras": tuple(stored)})


def _settled(variant: Variant, parameters: BaseModel, sizes: Sizes) -> BaseModel:
    try:
        return variant.settle(parameters, sizes)
    except ValidationError as error:
        raise validation_problem(_INPUT, _items(error)) from None


def _pixels(sizes: Sizes) -> tuple[int, ...]:
    """Of each picture that is read: a mask says where, and nothing is painted from it."""
    read = [own for name, own in sizes.items() if name != "mask"]
    return tuple(width * height for own in read for width, height in own)


def _store_pictures(
    resolver: PictureResolver, parameters: BaseModel
) -> tuple[dict[str, str | tuple[str, ...]], Sizes]:
    stored: dict[str, str | tuple[str, ...]] = {}
    sizes: dict[str, list[PictureSize]] = {}
    for name in catalog.picture_fields(type(parameters)):
        named = getattr(parameters, name)
        if not named:
            continue
        several = isinstance(named, (list, tuple))
        found = [
            _resolve(resolver, text, [name, n] if several else [name])
            for n, text in enumerate(named if several else [named])
        ]
        stored[name] = tuple(picture.key for picture in found) if several else found[0].key
        sizes[name] = [picture.size for picture in found]
    return stored, sizes


def _resolve(resolver: PictureResolver, named: str, loc: list[str | int]) -> InputPicture:
    try:
        return resolver.resolve(named)
    except PictureError as error:
        raise invalid([*_INPUT, *loc], str(error), "invalid_image") from error


def quote(services: Services, caller: Caller, submission: Submission) -> Quote:
    """What a submission would cost now, and what would cover it.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the caller's key has been revoked.
        api.core.errors.ProblemError: as `prepare`.
    """
    tenant_id = caller.tenant_id
    with services.database.transaction(durable=False) as session:
        api_keys.check(session, caller.key_id)
    commission = prepare(services, tenant_id, submission)
    variant = commission.variant
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, tenant_id)
        outlook = queue_outlook(session, [variant.id])[variant.id]
    if account is None:
        raise not_found("tenant")
    return Quote(
        model=variant.id,
        price=Price(
            amount_micros=commission.price_micros, covered_by=_covered_by(account, commission)
        ),
        units=commission.units,
        unit_kind=variant.unit_kind,
        device_seconds=variant.cost_seconds(commission.parameters),
        expected_wait_seconds=outlook.expected_wait_seconds,
        paused=outlook.paused,
    )


def _covered_by(account: tenants.Account, commission: Commission) -> str | None:
    if account.allowances[commission.variant.unit_kind].left >= commission.units:
        return "allowance"
    free = account.tenant.balance_micros - account.tenant.balance_held_micros
    return "balance" if free >= commission.price_micros else None


def submit(
    services: Services,
    caller: Caller,
    submission: Submission,
    render: Callable[..., Any],
    *,
    idempotency_key: str | None = None,
) -> Submitted:
    """Insert the job in one transaction, then ring. The ticket may fail: the row is safe.

    What the allowance covers takes one statement, which is the transaction.

    Under a key that has made a job, that job is the answer, and nothing else is done.

    Args:
        services: the process's connections.
        caller: who pays, and the key that says so.
        submission: what was sent.
        render: makes the answer from a session and jobs.
        idempotency_key: what it was sent under.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the caller's key has been revoked.
        db.jobs.idempotency.KeyReusedError: something else was sent under the key.
    """
    keyed = None
    if idempotency_key is not None:
        keyed = KeyedSubmission(caller.tenant_id, idempotency_key, fingerprint(submission))
        # Before anything is fetched or stored; one that is under way now is met further down.
        with services.database.transaction(durable=False) as session:
            api_keys.check(session, caller.key_id)
            if first := idempotency.find(session, keyed):
                return Submitted(render(session, [first])[0], replayed=True)
    new = _new_job(caller, submission, prepare(services, caller.tenant_id, submission))
    traceparent = tracing.current()
    if not (keyed or new.webhook or traceparent):
        with services.database.single_statements(durable=True) as session:
            if accepted := submit_job_at_once(session, new):
                answer = render(session, [accepted.job])[0]
                _announce(services, accepted)
                return Submitted(answer, replayed=False)
    with services.database.transaction() as session:
        if keyed and (first := idempotency.claim(session, keyed, new.id)):
            return Submitted(render(session, [first])[0], replayed=True)
        accepted = submit_job(session, new)
        if traceparent:
            traces.keep(session, accepted.job.id, traceparent)
        answer = render(session, [accepted.job])[0]
    _announce(services, accepted)
    return Submitted(answer, replayed=False)


def _announce(services: Services, accepted: Accepted) -> None:
    """After the commit: a ticket sent before it could be answered before the row is there."""
    job = accepted.job
    services.publisher.state(job.id, JobState.QUEUED, attempt=0)
    services.notifier.notify(
        Ticket(
            job_id=job.id,
            variant=job.variant,
            tier=accepted.tier,
            tenant=job.tenant_id,
            priority=job.priority,
            quota_left=accepted.quota_left,
        )
    )
    submitted(job.variant)
    note(job_id=job.id)
    _log.info("job_submitted", job_id=job.id, variant=job.variant, tenant=job.tenant_id)


def _new_job(caller: Caller, submission: Submission, commission: Commission) -> NewJob:
    variant, parameters = commission.variant, commission.parameters
    return NewJob(
        tenant_id=caller.tenant_id,
        api_key_id=caller.key_id,
        variant=variant.id,
        input=commission.input,
        priority=submission.priority,
        batch_key=variant.batch_key(parameters),
        batch_limit=variant.batch_limit(parameters),
        cost_seconds=variant.cost_seconds(parameters),
        deadline_seconds=variant.deadline_seconds,
        unit_kind=variant.unit_kind,
        units=commission.units,
        price_micros=commission.price_micros,
        expires_in_seconds=submission.expires_in_seconds,
        metadata=dict(submission.metadata),
        webhook=commission.webhook,
        request_id=request_id(),
    )
