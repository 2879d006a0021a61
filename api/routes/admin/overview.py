"""Overview of the whole service."""

from collections import Counter
from datetime import timedelta

from fastapi import APIRouter
from sqlalchemy.orm import Session

from api.auth.operator import PREFIX, OperatorDep
from api.routes.admin.queue_views import queue_views
from api.routes.admin.queues import Window
from api.routes.admin.workers import worker_views
from api.schemas.admin import FailureView, OverviewView, TodayView
from api.services import Services, ServicesDep
from db.billing.vendor import spend_today
from db.reports.window import failures_by_code

router = APIRouter(prefix=PREFIX, tags=["admin"])


@router.get("/overview")
def get_overview(
    services: ServicesDep, _operator: OperatorDep, window_seconds: Window = 3600
) -> OverviewView:
    """Queues, workers by state, failures by reason in the window, and today's revenue."""
    window = timedelta(seconds=window_seconds)
    with services.database.autocommit() as session:
        live = [view for view in worker_views(session) if view.live]
        return OverviewView(
            window_seconds=window_seconds,
            workers_by_state=Counter("drained" if each.drained_at else each.state for each in live),
            queues=queue_views(session, [row.id for row in services.catalogue.variants()], window),
            failures=[
                FailureView(code=code, jobs=jobs)
                for code, jobs in failures_by_code(session, window)
            ],
            today=_today(services, session),
        )


def _today(services: Services, session: Session) -> TodayView:
    spend = spend_today(session)
    return TodayView.model_validate(services.revenue.read(session)).model_copy(
        update={
            "vendor_held_micros": spend.held_micros,
            "vendor_spent_micros": spend.spent_micros,
            "vendor_limit_micros": services.settings.vendor_daily_limit_micros or None,
        }
    )
