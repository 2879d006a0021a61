"""The look at a key before pictures are stored, which some surfaces do before they submit."""

from api.auth.tenant import Caller
from api.services import Services


def require_usable_key(services: Services, caller: Caller) -> None:
    """Check a caller who was identified from the cache, so that nothing is stored for another.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the key has been revoked.
        db.tenants.tenants.TenantSuspendedError: the tenant has been suspended.
    """
    with services.database.autocommit() as session:
        services.key_cache.check(session, caller.key_id)
