"""The FastAPI application."""

import base64
import gc
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from api.compat import mounting
from api.compat.samples.clients import ClientSamples
from api.core import errors
from api.core.artifact_urls import ArtifactUrls
from api.core.client_address import Networks
from api.core.json_meter import JsonLimits, data_uri_chars
from api.core.query_names import KnownNames
from api.core.request_log import RequestLog
from api.core.settings import ApiSettings
from api.core.surfaces import respond_in_shape
from api.core.urls import is_public_https
from api.middleware.allowed_hosts import AllowedHosts
from api.middleware.authentication import Authentication
from api.middleware.blank_parameters import BlankParameters
from api.middleware.body_limit import BodyLimit
from api.middleware.conditional_requests import ConditionalRequests
from api.middleware.cross_origin import CrossOrigin
from api.middleware.forwarded_headers import ForwardedHeaders
from api.middleware.head_requests import HeadRequests
from api.middleware.options_requests import OptionsRequests
from api.middleware.range_requests import RangeRequests
from api.middleware.rate_limit import RateLimit
from api.middleware.request_spans import RequestSpans
from api.middleware.security_headers import HTTPS_ONLY, NO_CONTENT_POLICY, SecurityHeaders
from api.middleware.surface_routing import SurfaceRouting
from api.middleware.trailing_slash import TrailingSlash
from api.openapi import DescribedApp
from api.resources.body_budget import BodyBudget
from api.resources.cached_reading import CachedReading
from api.resources.credentials import CredentialChecks
from api.resources.event_hub import EventHub
from api.resources.forwarded_counts import ForwardedCounts
from api.resources.key_cache import KeyCache
from api.resources.key_lookups import KeyLookups
from api.resources.key_uses import KeyUses
from api.resources.local_limit import LocalLimit
from api.resources.model_views import model_views
from api.resources.rate_limiter import RateLimiter
from api.resources.remote_files import remote_loras, remote_pictures
from api.resources.server_checks import server_checks
from api.resources.waiter_limits import WaiterLimits
from api.routes import account, artifacts, files, health, job_events, jobs, models, webhooks
from api.routes.admin import ROUTERS as ADMIN_ROUTERS
from api.services import Services
from api.web.dashboard import app as dashboard
from api.web.playground import app as playground
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs.queries import finished_job_ids
from db.storage.settings import StorageSettings, open_store
from db.values.decode_budget import DecodeBudget, DecodeLimits
from workers import catalog
from workers.catalog import Catalogue
from workers.messaging.coalescing import CoalescingNotifier
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.outbound import Outbound, OutboundSettings
from workers.settings import WorkerSettings
from workers.telemetry import tracing

_DESCRIPTION = (
    "Florence-2 looks at pictures, FLUX paints them. Submit a job, then poll it, follow its "
    "events, or wait for it."
)
_ROUTERS: Sequence[APIRouter] = (
    jobs.router,
    job_events.router,
    artifacts.router,
    files.router,
    models.router,
    account.router,
    webhooks.router,
    health.router,
    *ADMIN_ROUTERS,
)
_ASSETS = "/docs/assets"

GUARDED = ("account", "admin", "files", "jobs", "usage", "webhooks")
"""The first segments below `/v1/` of the calls that need a key."""

_CLOSED = (dashboard.PATH, playground.PATH, "/docs", "/metrics", "/v1/admin")
"""Paths that are open to no other origin, with all below them."""

_SIGN_IN_BYTES = 16_384
_FORM_BYTES = 1_000_000
_MULTIPART_BYTES = 65_536
"""The bytes that a form adds to the file in it."""


def create_app(catalogue: Catalogue | None = None) -> FastAPI:
    """The application, configured by the environment.

    Args:
        catalogue: the models, those that are installed by default; the settings may offer only
            some of them.

    Raises:
        workers.catalog.CatalogueFileError: the operator's catalogue file cannot be used.
        pydantic.ValidationError: a setting is missing or invalid.
    """
    settings = ApiSettings()
    app = _Application(
        title="Bottega",
        version=version("bottega"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[KnownNames],
        lifespan=_lifespan(settings, _offered(catalogue or catalog.installed(), settings)),
    )
    mounting.mount(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.include_router(artifacts.direct_router)
    # A path that the mounts do not match may still be one of a compatible API.
    errors.install(app, lambda problem, request: respond_in_shape(problem, request.scope))
    _add_docs(app)
    dashboard.install(app)
    playground.install(app)
    app.add_middleware(ConditionalRequests)
    app.add_middleware(RangeRequests)
    app.add_middleware(BlankParameters)
    _limit_bodies(app, settings)
    app.add_middleware(RateLimit)
    app.add_middleware(Authentication, guarded=GUARDED)
    app.add_middleware(RequestSpans)
    app.add_middleware(OptionsRequests)
    app.add_middleware(AllowedHosts, settings=settings)
    app.https_only = is_public_https(settings)
    app.trusted_proxies = settings.trusted_proxies
    app.cors_origins = settings.cors_origins
    return app


def _limit_bodies(app: FastAPI, settings: ApiSettings) -> None:
    most = settings.max_body_bytes
    picture = settings.max_picture_bytes
    smaller = {
        "/v1/jobs": most,
        "/v1/files": min(most, picture + _MULTIPART_BYTES),
        "/fal/storage/": min(most, picture + _MULTIPART_BYTES),
        "/openai/v1/files": min(most, picture + _MULTIPART_BYTES),
        "/replicate/v1/files": min(most, picture + _MULTIPART_BYTES),
        "/v1/": min(most, settings.max_json_bytes),
        "/dashboard/sign-in": _SIGN_IN_BYTES,
        "/playground/sign-in": _SIGN_IN_BYTES,
        "/dashboard": _FORM_BYTES,
    }
    held = settings.max_held_body_bytes
    app.add_middleware(
        BodyLimit,
        max_bytes=most,
        smaller=smaller,
        json_limits=JsonLimits(settings.max_json_bytes, data_uri_chars(picture)),
        budget=BodyBudget(held, max(held // 2, most)),
    )


class _Application(DescribedApp):
    """The application, with its log and the security headers around all other middleware.

    So the answer to an error that nothing handles has the headers, and the id of its request.
    So have the headers by which a page of another origin may read it. Around them, the request is
    brought into the form in which all others read it: its client, method and path.
    """

    https_only = False
    trusted_proxies: Networks = ()
    cors_origins: Sequence[str] = ()

    def build_middleware_stack(self) -> ASGIApp:
        """The whole application as one ASGI function."""
        more = HTTPS_ONLY if self.https_only else {}
        logged = RequestLog(super().build_middleware_stack())
        secured = SecurityHeaders(logged, NO_CONTENT_POLICY, more)
        shared = CrossOrigin(secured, self.cors_origins, _CLOSED)
        routed = SurfaceRouting(shared, [each.surface for each in mounting.SURFACES])
        spelled = TrailingSlash(routed, [f"{site.PATH}/" for site in (dashboard, playground)])
        return ForwardedHeaders(HeadRequests(spelled), trusted=self.trusted_proxies)


def _offered(catalogue: Catalogue, settings: ApiSettings) -> Catalogue:
    offered = catalogue.offered()
    return offered.restricted_to(settings.variants) if settings.variants else offered


def _lifespan(settings: ApiSettings, catalogue: Catalogue) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tracing.start("bottega-api")
        services = _connect(settings, catalogue)
        app.state.services = services
        app.state.client_samples = ClientSamples(services.catalogue)
        await services.hub.start()
        services.key_uses.start()
        gc.freeze()  # long-lived: a collection over all of them would delay every request
        try:
            yield
        finally:
            await _disconnect(services)
            tracing.stop()

    return lifespan


async def _disconnect(services: Services) -> None:
    await services.hub.stop()
    await services.key_uses.stop()
    await services.rate_limiter.close()
    services.publisher.close()
    services.notifier.close()
    services.queue_notifier.close()
    services.forwarded_counts.close()
    services.database.close()


def _connect(settings: ApiSettings, catalogue: Catalogue) -> Services:
    database = Database(DatabaseSettings())
    key_cache = KeyCache(database)
    queue_settings = WorkerSettings()
    queue_notifier = QueueNotifier(queue_settings)
    storage = StorageSettings()
    outbound = OutboundSettings()
    key_uses = KeyUses(database)
    credential_checks = CredentialChecks(database, key_uses)

    def finished(job_ids: Sequence[str]) -> Sequence[str]:
        with database.transaction(durable=False) as session:
            return finished_job_ids(session, job_ids)

    return Services(
        settings=settings,
        catalogue=catalogue,
        database=database,
        key_cache=key_cache,
        key_lookups=KeyLookups(key_cache, key_uses, settings.wrong_keys_per_minute),
        key_uses=key_uses,
        model_views=CachedReading(model_views(database, catalogue)),
        server_checks=CachedReading(server_checks(database, queue_notifier)),
        anonymous_limit=LocalLimit(settings.anonymous_calls_per_minute),
        rate_limiter=RateLimiter(database, queue_settings),
        store=open_store(storage),
        queue_notifier=queue_notifier,
        forwarded_counts=ForwardedCounts(queue_settings),
        notifier=CoalescingNotifier(queue_notifier),
        publisher=Publisher(queue_settings),
        hub=EventHub(queue_settings, finished, credential_checks.invalid),
        waiter_limits=WaiterLimits(
            streams=settings.max_streams_per_key, long_polls=settings.max_long_polls_per_key
        ),
        credential_checks=credential_checks,
        artifact_urls=ArtifactUrls(
            settings.url_secret.get_secret_value(), valid_seconds=settings.artifact_url_seconds
        ),
        outbound=outbound,
        decode_budget=DecodeBudget(DecodeLimits(settings.max_decoding_pixels)),
        remote_pictures=remote_pictures(Outbound(outbound)),
        remote_loras=remote_loras(Outbound(outbound)),
        presigns=storage.presign,
    )


def _add_docs(app: FastAPI) -> None:
    """Add Swagger UI from the files of an installed package: the page loads from no other host."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Bottega: the API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    text = bytes(page.body)
    headers = {"Content-Security-Policy": _docs_policy(text)}

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(text, headers=headers)

    folder = Path(fastapi_offline.__file__).parent / "static"
    app.mount(_ASSETS, StaticFiles(directory=folder), name="docs-assets")


def _docs_policy(page: bytes) -> str:
    """The content security policy of Swagger UI: its own files, and the page's one script."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src 'self' {allowed}; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
