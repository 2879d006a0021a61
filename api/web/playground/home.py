"""The playground's page: a form, the watched job, and the gallery."""

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.models import analysis_model, default_model, groups
from api.web.playground.form.page import INITIAL_VALUES, form_values
from api.web.playground.form.prefill import analysis_input, former_settings
from api.web.playground.gallery import gallery_values
from api.web.playground.jobs import job_values
from api.web.playground.pages import page
from api.web.playground.session import CurrentTenant, CurrentTenantDep
from api.web.shared.security import site_url
from db.tenants import tenants

router = APIRouter()


class HomeQuery(BaseModel):
    """The query of the page: a model, or a job to start from."""

    model_config = ConfigDict(protected_namespaces=())

    model: ShortText = ""
    former: ShortText = Field("", alias="from")
    look: ShortText = ""
    n: int = Field(0, ge=0, le=9999)


@router.get("/")
async def show(
    query: Annotated[HomeQuery, Query()],
    request: Request,
    services: ServicesDep,
    tenant: CurrentTenantDep,
) -> Response:
    """The playground.

    `?from=job_…` fills the form with a former job's settings and shows that job. `?look=job_…`
    prepares the analysis of a picture that it painted. `?model=…` selects a model.
    """
    render = partial(_render, query, request, services, tenant)
    return await to_thread.run_sync(render, limiter=services.page_threads)


def _render(
    query: HomeQuery, request: Request, services: Services, tenant: CurrentTenant
) -> Response:
    watched = query.former or query.look
    values = {
        **_form(services, tenant, query, site_url(request, services)),
        **_account(services, tenant),
        **gallery_values(services, tenant),
        **(job_values(services, tenant, watched) if watched else {}),
    }
    return page(request, "home.html", watched=bool(watched), **values)


def _form(services: Services, tenant: CurrentTenant, query: HomeQuery, site: str) -> dict[str, Any]:
    with services.database.transaction(durable=False) as session:
        offered = groups(session, services.catalogue)
    if query.look and (analyser := analysis_model(offered)) is not None:
        picture = analysis_input(services, tenant, query.look, query.n, site=site)
        return form_values(services, tenant, analyser, INITIAL_VALUES | picture)
    if query.former:
        variant, settings = former_settings(services, tenant, query.former)
        if services.catalogue.has(variant):
            # A user of the page wants previews, also where the former job had none.
            return form_values(services, tenant, variant, settings | {"previews": True})
    model = query.model or default_model(offered)
    return form_values(services, tenant, model, INITIAL_VALUES)


def _account(services: Services, tenant: CurrentTenant) -> dict[str, Any]:
    """The tenant's account: allowances and balance."""
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, tenant.id)
    if account is None:  # a tenant is never deleted before its keys
        raise RuntimeError("a session without a tenant")
    return {"account": account}
