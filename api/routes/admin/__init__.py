"""Calls for operators, under `/v1/admin`."""

from collections.abc import Sequence

from fastapi import APIRouter

from api.routes.admin import audit, bulk, jobs, keys, operators, overview, queues, tenants, tiers
from api.routes.admin import workers as worker_routes

ROUTERS: Sequence[APIRouter] = (
    overview.router,
    jobs.router,
    bulk.router,
    queues.router,
    worker_routes.router,
    tenants.router,
    keys.router,
    tiers.router,
    operators.router,
    audit.router,
)
"""The routers of all these calls."""
