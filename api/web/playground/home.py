"""The playground's page: a form, the watched job, and the gallery."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.models import analysis_model, default_model, groups
from api.web.playground.form.page import INITIAL_VALUES, form_values
from api.web.playground.form.prefill import analysis_input, former_settings
from api.web.playground.gallery import gallery_values
from api.web.playground.jobs import job_values
from api.web.playground.pages import page
from api.web.playground.session import COOKIE, CurrentTenant, count_request
from api.web.playground.sign_in import require_session
from api.web.shared.security import is_secure, site_url
from db.tenants import tenants

router = APIRouter()


async def _session(request: Request, services: ServicesDep) -> tuple[CurrentTenant, str | None]:
    tenant, token = await run_in_threadpool(require_session, request, services)
    await count_request(services, tenant)
    return tenant, token


SessionDep = Annotated[tuple[CurrentTenant, str | None], Depends(_session)]
"""The signed-in tenant, and the token of a session that was opened by this request."""


@router.get("/")
def show(
    request: Request,
    services: ServicesDep,
    session: SessionDep,
    model: ShortText = "",
    former: Annotated[ShortText, Query(alias="from")] = "",
    look: ShortText = "",
    n: Annotated[int, Query(ge=0, le=9999)] = 0,
) -> Response:
    """The playground.

    `?from=job_…` fills the form with a former job's settings and shows that job. `?look=job_…`
    prepares the analysis of a picture that it painted. `?model=…` selects a model.
    """
    tenant, token = session
    watched = former or look
    values = {
        **_form(
            services,
            tenant,
            model=model,
            former=former,
            look=look,
            n=n,
            site=site_url(request, services),
        ),
        **_account(services, tenant),
        **gallery_values(services, tenant),
        **(job_values(services, tenant, watched) if watched else {}),
    }
    response = page(request, "home.html", watched=bool(watched), **values)
    if token is not None:
        COOKIE.set_on(response, token, secure=is_secure(request, services))
    return response


def _form(
    services: Services,
    tenant: CurrentTenant,
    *,
    model: str,
    former: str,
    look: str,
    n: int,
    site: str,
) -> dict[str, Any]:
    with services.database.transaction(durable=False) as session:
        offered = groups(session, services.catalogue)
    if look and (analyser := analysis_model(offered)) is not None:
        picture = analysis_input(services, tenant, look, n, site=site)
        return form_values(services, tenant, analyser, INITIAL_VALUES | picture)
    if former:
        variant, settings = former_settings(services, tenant, former)
        if services.catalogue.has(variant):
            # A user of the page wants previews, also where the former job had none.
            return form_values(services, tenant, variant, settings | {"previews": True})
    return form_values(services, tenant, model or default_model(offered), INITIAL_VALUES)


def _account(services: Services, tenant: CurrentTenant) -> dict[str, Any]:
    """The tenant's account: allowances and balance."""
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, tenant.id)
    if account is None:  # a tenant is never deleted before its keys
        raise RuntimeError("a session without a tenant")
    own = services.settings.playground_key.get_secret_value()
    return {
        "account": account,
        "is_local": tenant.key_id.removeprefix("key_") in own.split("_"),
    }
