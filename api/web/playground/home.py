"""The page itself: a form, the job that is watched, and the gallery."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.models import first_choice, groups, looker
from api.web.playground.form.page import FRESH, form_values
from api.web.playground.form.prefill import picture_of, settings_of
from api.web.playground.gallery import gallery_values
from api.web.playground.jobs import values_of
from api.web.playground.pages import page
from api.web.playground.session import COOKIE, CurrentTenant
from api.web.playground.sign_in import enter
from api.web.shared.guard import is_secure
from db.tenants import tenants

router = APIRouter()


@router.get("/")
def show(
    request: Request,
    services: ServicesDep,
    model: ShortText = "",
    former: Annotated[ShortText, Query(alias="from")] = "",
    look: ShortText = "",
    n: Annotated[int, Query(ge=0, le=9999)] = 0,
) -> Response:
    """The playground.

    `?from=job_…` fills the form with a former job's settings and shows that job, `?look=job_…`
    asks about a picture that it painted, `?model=…` begins with a model.
    """
    current, token = enter(request, services)
    watched = former or look
    shown = {
        **_filled(services, current, model=model, former=former, look=look, n=n),
        **_standing(services, current),
        **gallery_values(services, current),
        **(values_of(services, current, watched) if watched else {}),
    }
    answer = page(request, "home.html", watched=bool(watched), **shown)
    if token is not None:
        COOKIE.set_on(answer, token, secure=is_secure(request, services))
    return answer


def _filled(
    services: Services, current: CurrentTenant, *, model: str, former: str, look: str, n: int
) -> dict[str, Any]:
    with services.database.transaction(durable=False) as session:
        offered = groups(session, services.catalogue)
    if look and (eyes := looker(offered)) is not None:
        return form_values(services, current, eyes, FRESH | picture_of(services, current, look, n))
    if former:
        variant, given = settings_of(services, current, former)
        if services.catalogue.offers(variant):
            # Whoever watches wants to see, however the job was sent.
            return form_values(services, current, variant, given | {"previews": True})
    return form_values(services, current, model or first_choice(offered), FRESH)


def _standing(services: Services, current: CurrentTenant) -> dict[str, Any]:
    """Who pays, and what they have left."""
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, current.tenant_id)
    if account is None:  # a key's tenant is never removed before the key
        raise RuntimeError("a session of no tenant")
    own = services.settings.playground_key.get_secret_value()
    return {
        "account": account,
        "is_local": current.key_id.removeprefix("key_") in own.split("_"),
    }
