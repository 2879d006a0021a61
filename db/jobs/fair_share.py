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

from collections.abc import Sequence

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from db.tables import FairTag, Queue
from db.values.fair_share import is_finite
from db.values.job_state import PRIORITY_FACTOR, Priority

_ASSIGN = text("""
INSERT INTO fair_tags (variant, tenant_id, finish)
VALUES (:variant, :tenant_id, :share
    + coalesce((SELECT virtual_time FROM queues WHERE variant = CAST(:variant AS varchar)), 0))
ON CONFLICT (variant, tenant_id) DO UPDATE
    SET finish = greatest(fair_tags.finish + :share, excluded.finish)
RETURNING finish
""")

_BROKEN_QUEUES = text(f"""
SELECT variant FROM queues WHERE NOT ({is_finite("virtual_time")})
UNION
SELECT variant FROM fair_tags WHERE NOT ({is_finite("finish")})
UNION
SELECT variant FROM jobs WHERE state = 'queued'
    AND NOT ({is_finite("fair_start")} AND {is_finite("fair_share")})
""")  # noqa: S608 - our own conditions

# shares: the share of every waiting job, computed again from the present weight of its tier.
# placed: its start, in a queue whose virtual time begins at 0: after the tenant's earlier jobs.
_RESTART_JOBS = text("""
WITH shares AS (
    SELECT jobs.id, jobs.tenant_id, jobs.cost_seconds / (tiers.weight * factors.factor) AS share
    FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id JOIN tiers ON tiers.name = tenants.tier
    JOIN unnest(CAST(:priorities AS varchar[]), CAST(:factors AS float[]))
        AS factors (priority, factor) ON factors.priority = jobs.priority
    WHERE jobs.variant = :variant AND jobs.state = 'queued'
    ORDER BY jobs.id
    FOR UPDATE OF jobs
), placed AS (
    SELECT id, share, sum(share) OVER (PARTITION BY tenant_id ORDER BY id) - share AS start
    FROM shares
)
UPDATE jobs SET fair_share = placed.share, fair_start = placed.start
FROM placed WHERE jobs.id = placed.id
""")

_RESTART_TAGS = text("""
UPDATE fair_tags SET finish = coalesce((
    SELECT max(fair_start + fair_share) FROM jobs
    WHERE jobs.variant = fair_tags.variant AND jobs.tenant_id = fair_tags.tenant_id
      AND jobs.state = 'queued'), 0)
WHERE variant = :variant
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


def restart_broken_queues(session: Session) -> Sequence[str]:
    """Begin the virtual time of a queue again at 0 where a number of it is not finite.

    The database refuses such numbers now, but an older one may hold them, and one poisons all
    later tags of its queue. The waiting jobs get the starts that they would have got, had they
    been submitted in the same order to an idle queue.

    Returns:
        The variants of the queues, in order.
    """
    variants = sorted(session.scalars(_BROKEN_QUEUES))
    for variant in variants:
        _restart(session, variant)
    return variants


def _restart(session: Session, variant: str) -> None:
    """The jobs, the tags, the queue: in the order in which locks are taken."""
    weights = {"priorities": list(PRIORITY_FACTOR), "factors": list(PRIORITY_FACTOR.values())}
    session.execute(_RESTART_JOBS, {"variant": variant, **weights})
    session.execute(_RESTART_TAGS, {"variant": variant})
    session.execute(update(Queue).where(Queue.variant == variant).values(virtual_time=0.0))
