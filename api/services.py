"""What a request may use, made once per process."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.core.artifact_urls import ArtifactUrls
from api.core.metrics import SharedFigures
from api.core.settings import ApiSettings
from api.resources.event_hub import EventHub
from api.resources.key_cache import KeyCache
from api.resources.rate_limiter import RateLimits
from api.resources.remote_files import PictureUrls
from db.core.session import Database
from db.reports.revenue import RunningRevenue
from db.storage.object_store import ObjectStore
from workers.catalog import Catalogue
from workers.messaging.coalescing import CoalescingNotifier
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.outbound import OutboundSettings


@dataclass(frozen=True)
class Services:
    """The process's connections and settings, and the models that it offers."""

    settings: ApiSettings
    catalogue: Catalogue
    database: Database
    key_cache: KeyCache
    rate_limits: RateLimits
    store: ObjectStore
    queue_notifier: QueueNotifier
    notifier: CoalescingNotifier
    publisher: Publisher
    hub: EventHub
    artifact_urls: ArtifactUrls
    outbound: OutboundSettings
    picture_urls: PictureUrls
    lora_urls: PictureUrls
    presigns: bool = False
    figures: SharedFigures = field(default_factory=SharedFigures)
    revenue: RunningRevenue = field(default_factory=RunningRevenue)

    def presign(self, key: str, seconds: int) -> str | None:
        """The store's own URL of an object, where the operator lets the store serve results."""
        return self.store.presign(key, seconds) if self.presigns else None


# A coroutine, as is each dependency that only looks: others are run in a thread, which costs more.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
