"""Quotes: the price of a submission, and the allowance or balance that would cover it."""

from api.auth.tenant import Caller
from api.core.domain_errors import NotFoundError
from api.jobs.adjustments import in_words_of
from api.jobs.prepare import PreparedSubmission, prepare
from api.schemas.jobs import Price, Quote, RequestWarningView, Submission
from api.services import Services
from db.jobs.types import ModelNotInTierError
from db.jobs.waiting import queue_outlook
from db.tenants import tenants, tiers


def quote_submission(services: Services, caller: Caller, submission: Submission) -> Quote:
    """The price of a submission now, and what would cover it; nothing is submitted.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the caller's key has been revoked.
        db.tenants.tenants.TenantSuspendedError: the caller's account has been suspended.
        db.tenants.tiers.KeepTooLongError: the caller's jobs are kept for less than is asked for.
        api.core.domain_errors.DomainError: as `prepare`.
    """
    with services.database.autocommit() as session:
        services.key_cache.check(session, caller.key_id)
    prepared = prepare(services, caller.tenant_id, submission, stores=False)
    variant = prepared.variant
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, caller.tenant_id)
        outlook = queue_outlook(session, [variant.id])[variant.id]
    if account is None:
        raise NotFoundError("tenant")
    if not tiers.includes(account.tier, variant.id):
        raise ModelNotInTierError(variant.id, account.tier.name, account.tier.models or ())
    longest = services.settings.result_keep_seconds
    tiers.check_keep(account.tier, submission.keep_seconds, longest=longest)
    return Quote(
        model=variant.id,
        price=Price(amount_micros=prepared.price_micros, covered_by=_covered_by(account, prepared)),
        units=prepared.units,
        unit_kind=variant.unit_kind,
        device_seconds=prepared.cost_seconds,
        expected_wait_seconds=outlook.expected_wait_seconds,
        paused=outlook.paused,
        cold_start=outlook.cold_start,
        cold_start_seconds=outlook.cold_start_seconds,
        unserved_reason=outlook.unserved_reason,
        warnings=[
            RequestWarningView(**warning.as_json())
            for warning in in_words_of({}, prepared.warnings)
        ],
    )


def _covered_by(account: tenants.Account, prepared: PreparedSubmission) -> str | None:
    variant = prepared.variant
    covers = tiers.allowance_covers(account.tier, variant.id, is_hosted=variant.is_hosted)
    if covers and account.allowances[variant.unit_kind].left >= prepared.units:
        return "allowance"
    free = account.tenant.balance_micros - account.tenant.balance_held_micros
    return "balance" if free >= prepared.price_micros else None
