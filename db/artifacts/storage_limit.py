"""The limit of the bytes that a tenant stores, set by its tier.

`tenants.stored_bytes` counts the inputs and results in the store. Triggers keep it, in the
transaction that changes a row; they lock the tenant's row, so each check sees every other change.
Only new inputs and new jobs are refused: the result of a job that ran is always stored.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import Tenant, Tier


class StorageFullError(Exception):
    """The tenant stores as many bytes as its tier allows.

    Attributes:
        stored_bytes: what it stores.
        max_stored_bytes: the limit of its tier.
    """

    def __init__(self, stored_bytes: int, max_stored_bytes: int, *, new_bytes: int = 0) -> None:
        needs = f", and this needs {new_bytes:,} more" if new_bytes else ""
        super().__init__(
            f"your account stores {stored_bytes:,} of the {max_stored_bytes:,} bytes that its "
            f"tier allows{needs}: delete files or the contents of jobs, wait until old ones "
            "expire, or ask the operator for a higher limit"
        )
        self.stored_bytes = stored_bytes
        self.max_stored_bytes = max_stored_bytes


def check_after_insert(session: Session, tenant_id: str, new_bytes: int) -> None:
    """Refuse a row that was inserted in this transaction, if it exceeds the limit.

    The insert has locked the tenant's row, so two transactions cannot pass the same limit.

    Raises:
        StorageFullError: the limit is exceeded; the transaction must be rolled back.
    """
    limit = select(Tenant.stored_bytes, Tier.max_stored_bytes).join(Tier, Tier.name == Tenant.tier)
    row = session.execute(limit.where(Tenant.id == tenant_id)).one_or_none()
    if row is None or row.max_stored_bytes is None:
        return
    if row.stored_bytes > row.max_stored_bytes:
        raise StorageFullError(
            row.stored_bytes - new_bytes, row.max_stored_bytes, new_bytes=new_bytes
        )
