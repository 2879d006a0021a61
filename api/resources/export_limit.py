"""The exports that a process sends at one time: each of them reads much."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.core.domain_errors import TooManyExportsError

_MOST = 2


class ExportLimit:
    """Counts the exports that are being sent: one a tenant, and a few in all."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._tenants: set[str] = set()

    @contextmanager
    def exporting(self, tenant_id: str) -> Iterator[None]:
        """Count an export while it is sent.

        Raises:
            TooManyExportsError: the tenant has one already, or the process too many.
        """
        if tenant_id in self._tenants or len(self._tenants) >= self._most:
            raise TooManyExportsError
        self._tenants.add(tenant_id)
        try:
            yield
        finally:
            self._tenants.discard(tenant_id)
