"""Changes of tiers: the names of models are checked against those that the service knows."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from db.core.session import Database
from db.operators import tiers as operator_tiers
from db.operators.audit import Actor
from db.tables import Tier
from workers.catalog import Catalogue, DisabledVariantError


class TierServices(Protocol):
    """The services of these use cases; `api.services.Services` has them."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def catalogue(self) -> Catalogue:
        """The models that a tier may name."""


def change_tier(services: TierServices, actor: Actor, name: str, limits: Mapping[str, Any]) -> Tier:
    """Set limits of a tier, for jobs that are submitted from now on.

    Args:
        services: the connections.
        actor: the operator.
        name: the name of the tier.
        limits: new values by their names in `db.operators.tiers.LIMITS`; the other limits stay.

    Raises:
        db.tenants.tenants.UnknownTierError: no tier has the name.
        workers.catalog.UnknownVariantError: there is no such model.
    """
    lists = {limit: limits[limit] for limit in ("models", "allowance_models") if limits.get(limit)}
    ids = {limit: _ids(services.catalogue, models) for limit, models in lists.items()}
    with services.database.transaction() as session:
        tier = operator_tiers.change(session, actor, name, {**limits, **ids})
        session.flush()
        session.expunge(tier)
        return tier


def _ids(catalogue: Catalogue, models: Iterable[str]) -> tuple[str, ...]:
    """The ids of models by id or alias: a tier's lists are compared with jobs, which have ids."""
    return tuple(dict.fromkeys(_id(catalogue, model) for model in models))


def _id(catalogue: Catalogue, model: str) -> str:
    try:
        return catalogue.find(model).id
    except DisabledVariantError as error:
        return error.id
