"""Start-time fair queueing: the order in which the queued jobs of all tenants are claimed.

Every job gets a start tag in its queue's virtual time when it is submitted, and claims go in
order of start tags:

    share  = cost_seconds / (tier weight x priority factor)
    start  = max(virtual time of the queue, finish of the tenant's last job there)
    finish = start + share

(Goyal, Vin and Cheng, "Start-time Fair Queueing", 1996.) The virtual time is the start tag of
the job last claimed as the head of a batch. Batch mates do not advance it: they run ahead of
their turn, and counting them would put newcomers behind jobs that were not yet due.

Example: A (weight 1) queues three jobs of cost 2, then B (weight 4) queues two of cost 2. A's
start tags are 0, 2, 4 and B's are 0, 0.5, so the claims go A, B, B, A, A.
"""

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from db.tables import FairTag
from db.values.job_state import PRIORITY_FACTOR, Priority

_ASSIGN = text("""
INSERT INTO fair_tags (variant, tenant_id, finish)
VALUES (:variant, :tenant_id, :share
    + coalesce((SELECT virtual_time FROM queues WHERE variant = CAST(:variant AS varchar)), 0))
ON CONFLICT (variant, tenant_id) DO UPDATE
    SET finish = greatest(fair_tags.finish + :share, excluded.finish)
RETURNING finish
""")


def share_of(cost_seconds: float, weight: float, priority: Priority) -> float:
    """A job's length in virtual time: device-seconds per unit of weight."""
    return cost_seconds / (weight * PRIORITY_FACTOR[priority])


def assign(session: Session, *, variant: str, tenant_id: str, share: float) -> float:
    """Advance the tenant's tag by one job and return that job's start."""
    values = {"variant": variant, "tenant_id": tenant_id, "share": share}
    return float(session.execute(_ASSIGN, values).scalar_one()) - share


def give_back(session: Session, *, variant: str, tenant_id: str, share: float) -> None:
    """Subtract the share of a job that never ran from its tenant's tag: later jobs come sooner."""
    session.execute(
        update(FairTag)
        .where(FairTag.variant == variant, FairTag.tenant_id == tenant_id)
        .values(finish=FairTag.finish - share)
    )
