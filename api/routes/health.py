"""Health checks for load balancers, and metrics for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.auth.tenant import optional_key
from api.core.errors import ProblemError
from api.core.metrics import ServiceCollector, exposition
from api.schemas.jobs import Health
from api.services import Services, ServicesDep
from db.tenants import api_keys

router = APIRouter(tags=["operations"])


@router.get("/livez")
async def livez() -> Health:
    """Liveness of this process; it depends on no other server."""
    return Health(status="ok")


@router.get(
    "/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not ready"}}
)
@router.get("/healthz", include_in_schema=False)
async def readyz(services: ServicesDep) -> Response:
    """Readiness: the database must respond. Redis is reported, but jobs are accepted without it."""
    checks = await services.server_checks.read()
    ready = checks["database"] == "ok"
    health = Health(status="ok" if ready else "unavailable", checks=dict(checks))
    return JSONResponse(health.model_dump(), 200 if ready else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text format",
            "content": {"text/plain": {"example": 'bottega_queue_depth{variant="…"} 0.0'}},
        }
    },
    openapi_extra={"security": [{}, {"Bearer": []}, {"x-key": []}]},
)
def metrics(services: ServicesDep, key: Annotated[str | None, Depends(optional_key)]) -> Response:
    """Metrics for Prometheus, for whoever sends an operator's or a viewer's key."""
    if not _is_operator(services, key):
        raise ProblemError(403, "forbidden", "metrics need an operator's or a viewer's key")
    services.forwarded_counts.collect()
    collector = ServiceCollector(
        services.gauges.read(services.database),
        [variant.id for variant in services.catalogue.variants()],
        services.queue_notifier.answers(),
        services.settings.vendor_daily_limit_micros,
    )
    return Response(exposition(collector), media_type=CONTENT_TYPE_LATEST)


def _is_operator(services: Services, key: str | None) -> bool:
    if key is None:
        return False
    with services.database.transaction(durable=False) as session:
        return api_keys.identify(session, key).is_operator
