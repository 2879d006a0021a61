"""The objects that requests share, created once per process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, Request

from api.core.artifact_urls import ArtifactUrls
from api.core.metrics import GaugeCache
from api.core.settings import ApiSettings
from api.resources.cached_reading import CachedReading
from api.resources.credentials import CredentialChecks
from api.resources.event_hub import EventHub
from api.resources.export_limit import ExportLimit
from api.resources.forwarded_counts import ForwardedCounts
from api.resources.key_cache import KeyCache
from api.resources.key_lookups import KeyLookups
from api.resources.key_uses import KeyUses
from api.resources.local_limit import LocalLimit
from api.resources.rate_limiter import RateLimiter
from api.resources.remote_files import RemoteFiles
from api.resources.shared_results import SharedResults
from api.resources.waiter_limits import WaiterLimits
from db.core.session import Database
from db.reports.revenue import RunningRevenue
from db.storage.object_store import ObjectStore
from db.values.decode_budget import DecodeBudget
from workers.catalog import Catalogue
from workers.messaging.coalescing import CoalescingNotifier
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.outbound import OutboundSettings

_PAGE_THREADS = 4
_JOB_END_SECONDS = 1.0
"""Also the longest time for which a waiter may be sent contents that were removed meanwhile."""


@dataclass(frozen=True)
class Services:
    """The process's connections and settings, and the models that it offers.

    Attributes:
        job_ends: jobs that have just ended, as their waiters get them (`api.jobs.rendered_job`).
        presigns: True when the operator lets the object store serve results itself.
        page_threads: threads that render pages. Rendering computes for tens of milliseconds: done
            in all of the process's threads at once, it would delay every other call.
    """

    settings: ApiSettings
    catalogue: Catalogue
    database: Database
    key_cache: KeyCache
    key_lookups: KeyLookups
    key_uses: KeyUses
    anonymous_limit: LocalLimit
    model_views: CachedReading[Mapping[str, bytes]]
    server_checks: CachedReading[Mapping[str, str]]
    rate_limiter: RateLimiter
    store: ObjectStore
    queue_notifier: QueueNotifier
    forwarded_counts: ForwardedCounts
    notifier: CoalescingNotifier
    publisher: Publisher
    hub: EventHub
    waiter_limits: WaiterLimits
    credential_checks: CredentialChecks
    artifact_urls: ArtifactUrls
    outbound: OutboundSettings
    decode_budget: DecodeBudget
    remote_pictures: RemoteFiles
    remote_loras: RemoteFiles
    presigns: bool = False
    exports: ExportLimit = field(default_factory=ExportLimit)
    job_ends: SharedResults[Any] = field(
        default_factory=lambda: SharedResults(keep_seconds=_JOB_END_SECONDS)
    )
    gauges: GaugeCache = field(default_factory=GaugeCache)
    revenue: RunningRevenue = field(default_factory=RunningRevenue)
    page_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_PAGE_THREADS))

    def presign(self, key: str, seconds: int) -> str | None:
        """The object store's own URL of an object; None unless the store serves results."""
        return self.store.presign(key, seconds) if self.presigns else None


# A coroutine, like each dependency that does no I/O: FastAPI runs others in a thread, at a cost.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
