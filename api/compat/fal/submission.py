"""A request to one of fal's applications: its headers and body as a translated submission."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Query

from api.auth.tenant import Caller
from api.compat.fal.florence2_input import translate_florence2
from api.compat.fal.flux_input import translate_flux
from api.compat.fal.names import find_app
from api.compat.shared.fields import present
from api.compat.shared.measured_pictures import MeasuredPicture, store_and_measure
from api.compat.shared.submission import ForeignRequest, ForeignWebhook
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from api.routes.idempotency_header import IdempotencyKey
from api.services import Services
from db.core.json_parser import parse_json
from db.tenants import tenants, tiers
from db.values.blank import is_absent
from db.values.job_state import Priority
from db.values.surfaces import SurfaceName

_LONGEST_TIMEOUT = 7 * 86_400.0
"""Jobs wait no longer than that anyway."""

_PRIORITIES = {"normal": Priority.NORMAL, "low": Priority.LOW}
_TIMEOUT = "X-Fal-Request-Timeout"
_PRIORITY = "X-Fal-Queue-Priority"
_LIFECYCLE = "X-Fal-Object-Lifecycle-Preference"
_EXPIRATION = "expiration_duration_seconds"
_WEBHOOK = "fal_webhook"


@dataclass(frozen=True)
class FalHeaders:
    """The settings of a submission beside its body.

    Attributes:
        timeout: seconds until the job must have started, as text.
        priority: "normal" or "low".
        lifecycle: JSON with the time for which results are to be kept.
        webhook: the receiver of the result.
        idempotency_key: the client's name for the submission.
    """

    timeout: str | None
    priority: str | None
    lifecycle: str | None
    webhook: str | None
    idempotency_key: str | None


def _headers(
    timeout: Annotated[
        str | None, Header(alias=_TIMEOUT, description="Seconds until it must have started")
    ] = None,
    priority: Annotated[
        str | None, Header(alias=_PRIORITY, description="`normal` or `low`")
    ] = None,
    lifecycle: Annotated[
        str | None,
        Header(alias=_LIFECYCLE, description='`{"expiration_duration_seconds": 3600}`'),
    ] = None,
    fal_webhook: Annotated[
        str | None, Query(alias=_WEBHOOK, description="The receiver of the result")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> FalHeaders:
    timeout, priority, lifecycle, fal_webhook = (
        None if is_absent(each) else each for each in (timeout, priority, lifecycle, fal_webhook)
    )
    return FalHeaders(timeout, priority, lifecycle, fal_webhook, idempotency_key)


FalHeadersDep = Annotated[FalHeaders, Depends(_headers)]


def translate(
    services: Services,
    caller: Caller,
    name: str,
    body: Mapping[str, Any],
    headers: FalHeaders,
    *,
    is_synchronous: bool = False,
    with_previews: bool = False,
) -> ForeignRequest:
    """The request as the service's own submission.

    Args:
        services: the process's services.
        caller: the tenant and key.
        name: the application and its path.
        body: the fields of the request; null and blank ones are absent.
        headers: what it says beside them.
        is_synchronous: true when the request stays open until the job's end.
        with_previews: true to have pictures that are being painted in the job's events.

    Raises:
        api.core.domain_errors.ModelNotOfferedError: there is no such application here.
        api.core.domain_errors.InvalidSubmissionError: a field or a header is wrong.
    """
    app = find_app(services.catalogue, name)
    fields = present(body)
    if app.is_florence2:

        def measure(picture: str) -> MeasuredPicture:
            return store_and_measure(services, caller, picture, "image_url")

        translation = translate_florence2(app, fields, measure)
    else:
        translation = translate_flux(app, fields)
    if with_previews and translation.takes("previews"):
        translation.input["previews"] = True
    settings: dict[str, Any] = {}
    if headers.timeout is not None:
        settings["expires_in_seconds"] = _seconds(headers.timeout)
    if headers.priority in _PRIORITIES:
        settings["priority"] = _PRIORITIES[headers.priority]
    elif headers.priority is not None:
        translation.ignore(_PRIORITY, "it is normal or low")
    if headers.lifecycle is not None:
        settings["keep_seconds"] = _keep_seconds(services, caller, headers.lifecycle, translation)
    return ForeignRequest(
        SurfaceName.FAL,
        translation,
        echo={"app": app.name, "sync_mode": fields.get("sync_mode") is True},
        is_synchronous=is_synchronous,
        settings=settings,
        names={
            ("webhook", "url"): _WEBHOOK,
            ("expires_in_seconds",): _TIMEOUT,
            ("priority",): _PRIORITY,
        },
        webhook=ForeignWebhook(headers.webhook) if headers.webhook else None,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidSubmissionError.of_field((_TIMEOUT,), "should be a number of seconds")
    return min(seconds, _LONGEST_TIMEOUT)


def _keep_seconds(
    services: Services, caller: Caller, lifecycle: str, translation: Translation
) -> int | None:
    """The time for which the job is kept: the nearest one that the tier allows."""
    asked = _expiration(lifecycle)
    if asked is None:
        translation.ignore(_LIFECYCLE, 'it is JSON as {"expiration_duration_seconds": 3600}')
        return None
    with services.database.autocommit() as session:
        tier = tenants.tier_row(session, caller.tenant_id)
    longest = int(tiers.longest_keep(tier, services.settings.result_keep_seconds))
    kept = max(tiers.MIN_KEEP_SECONDS, min(asked, longest))
    if kept != asked:
        translation.adjust(_LIFECYCLE, f"the request is kept for {kept} seconds after its end")
    return kept


def _expiration(lifecycle: str) -> int | None:
    """The seconds that the header's JSON names; None if it names none."""
    try:
        preference = parse_json(lifecycle)
    except ValueError:
        return None
    seconds = preference.get(_EXPIRATION) if isinstance(preference, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return math.ceil(seconds) if seconds >= 0 else None
