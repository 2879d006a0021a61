"""Calls for tiers: limits, share and allowances of classes of tenants."""

from fastapi import APIRouter

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import invalid, not_found
from api.core.json_body import JsonRoute
from api.operators.tiers import change_tier
from api.schemas.admin import TierChange, TierList, TierView
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.operators import tiers as operator_tiers
from db.tenants.tenants import UnknownTierError
from workers.catalog import UnknownVariantError

router = APIRouter(prefix=f"{PREFIX}/tiers", tags=["admin"], route_class=JsonRoute)


@router.get("")
def list_tiers(services: ServicesDep, _operator: OperatorDep) -> TierList:
    """All tiers, the smallest share first."""
    with services.database.transaction(durable=False) as session:
        rows = operator_tiers.list_tiers(session)
        return TierList(tiers=[TierView.model_validate(row) for row in rows])


@router.patch("/{name}")
def set_tier(
    name: ShortText, sent: TierChange, services: ServicesDep, actor: WriterDep
) -> TierView:
    """Set limits of a tier, for jobs that are submitted from now on."""
    try:
        limits = sent.model_dump(exclude_unset=True)
        return TierView.model_validate(change_tier(services, actor, name, limits))
    except UnknownVariantError as error:
        raise invalid(["body", "models"], str(error), "unknown_model") from None
    except UnknownTierError:
        raise not_found("tier") from None
