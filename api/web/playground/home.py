"""The playground's page: a form, the watched job, and the gallery."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.models import analysis_model, default_model, groups
from api.web.playground.form.page import INITIAL_VALUES, form_values
from api.web.playground.form.prefill import analysis_input, former_settings
from api.web.playground.gallery import gallery_values
from api.web.playground.jobs import job_values
from api.web.playground.pages import page
from api.web.playground.session import CurrentTenant, CurrentTenantDep
from db.tenants import tenants

router = APIRouter()


@router.get("/")
def show(
    request: Request,
    services: ServicesDep,
    tenant: CurrentTenantDep,
    model: ShortText = "",
    former: Annotated[ShortText, Query(alias="from")] = "",
    look: ShortText = "",
    n: Annotated[int, Query(ge=0, le=9999)] = 0,
) -> Response:
    """The playground.

    `?from=job_…` fills the form with a former job's settings and shows that job. `?look=job_…`
    prepares the analysis of a picture that it painted. `?model=…` selects a model.
    """
    watched = former or look
    values = {
        **_form(services, tenant, model=model, former=former, look=look, n=n),
        **_account(services, tenant),
        **gallery_values(services, tenant),
        **(job_values(services, tenant, watched) if watched else {}),
    }
    return page(request, "home.html", watched=bool(watched), **values)


def _form(
    services: Services, tenant: CurrentTenant, *, model: str, former: str, look: str, n: int
) -> dict[str, Any]:
    with services.database.transaction(durable=False) as session:
        offered = groups(session, services.catalogue)
    if look and (analyser := analysis_model(offered)) is not None:
        picture = analysis_input(services, tenant, look, n)
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
    return {"account": account}
