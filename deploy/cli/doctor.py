"""The checks of `bottega doctor`: each returns an observation, or raises the fault."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from redis.connection import parse_url
from redis.exceptions import RedisError
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from api.server import open_files
from db import worker_registry
from db.core.invariants import violations
from db.core.privileges import APP_ROLE, OWNER_ROLE, excess_powers
from db.core.secret_strength import WeakSecretError, require_strong
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs.queries import artifact_keys
from db.jobs.waiting import WORKER_STALE_SECONDS, ready_workers
from db.operators import keys as operator_keys
from db.storage.object_store import ObjectNotFoundError, ObjectStore, StoreError
from db.storage.settings import StorageSettings, open_store
from db.tables import Tier
from db.tenants import api_keys
from db.webhooks.queries import count_pending_with
from deploy.cli.models import fits
from deploy.cli.models.device_check import check_devices
from deploy.cli.models.weights_check import check_weights
from workers import catalog
from workers.adapters.pinning import DeviceError
from workers.adapters.weights import WeightsError
from workers.courier.messages import NO_URL_SECRET
from workers.messaging.queue import QueueNotifier
from workers.messaging.redis_privileges import excess_powers as excess_redis_powers
from workers.moderation.filter_file import FilterFileError
from workers.moderation.settings import ModerationSettings, rules_of
from workers.settings import WorkerSettings

MAX_SKEW_SECONDS = 2.0
_DATABASE = "DATABASE_URL"
_SERVERS = ("REDIS_URL", "BOTTEGA_STORE_DIR", "S3_BUCKET")
_EXAMPLES = 5
_PAGE = 500


class FindingError(Exception):
    """A check that failed. The message is the fault, with its remedy where one is known."""


class NotCheckedError(Exception):
    """A check for which something is missing that need not be there; the message says what."""


_EXPLAINED = (
    FindingError,
    DeviceError,
    FilterFileError,
    StoreError,
    WeakSecretError,
    WeightsError,
    catalog.CatalogueFileError,
    catalog.UnknownVariantError,
)


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: its name.
        ok: True or False; None when it was not made.
        detail: the observation, the fault, or why it was not made.
    """

    check: str
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Environment:
    """The servers of the deployment that is checked."""

    database: Database
    store: ObjectStore
    queue_notifier: QueueNotifier


def check(variants: Sequence[str]) -> Iterator[CheckResult]:
    """Check the deployment that the environment names; without one, this machine alone.

    Args:
        variants: the models whose memory and weights to check.
    """
    return check_deployment(variants) if os.environ.get(_DATABASE) else check_machine(variants)


def check_machine(variants: Sequence[str]) -> Iterator[CheckResult]:
    """Run the checks that need no server: they come first on a new machine.

    Args:
        variants: the models whose memory and weights to check.
    """
    checks: dict[str, Callable[[], str]] = {
        "deployment": _no_deployment,
        "open files": lambda: _open_files(None),
        "catalogue": lambda: _catalogue_name(catalog.installed()),
        "device": lambda: _device(None),
        "memory": lambda: _memory_of(_named(variants)),
        "weights": lambda: check_weights(_named(variants)),
    }
    for name, check_one in checks.items():
        yield _run(name, check_one)


def _no_deployment() -> str:
    present = [name for name in _SERVERS if os.environ.get(name)]
    if present:
        raise FindingError(
            f"{', '.join(present)} is set, and {_DATABASE} is not: set it too, or neither"
        )
    raise NotCheckedError(
        "no database, Redis or store is configured here: `bottega --stack .bottega doctor` checks "
        f"a local stack once it was started; {_DATABASE}, REDIS_URL and BOTTEGA_STORE_DIR or "
        "S3_BUCKET name those of a deployment"
    )


def _named(variants: Sequence[str]) -> list[catalog.Variant]:
    if not variants:
        raise NotCheckedError("name models with --variant, such as --variant flux.2-klein-4b")
    return [catalog.find(name) for name in variants]


def check_deployment(variants: Sequence[str]) -> Iterator[CheckResult]:
    """Run every check; a check that fails does not stop the later ones.

    Args:
        variants: the models whose weights to check; when empty, those that live workers serve.
    """
    database = Database(DatabaseSettings(pool_size=2))
    environment = Environment(
        database, open_store(StorageSettings()), QueueNotifier(WorkerSettings())
    )
    checks: dict[str, Callable[[Environment], str]] = {
        "secrets": lambda _environment: _secrets(),
        "database": _database,
        "database role": _database_role,
        "clock": _clock,
        "redis": _redis,
        "redis user": lambda _environment: _redis_user(WorkerSettings()),
        "store": _store,
        "invariants": _invariants,
        "webhooks": _webhooks,
        "keys": _keys,
        "artifacts": _artifacts,
        "open files": _open_files,
        "workers": _workers,
        "catalogue": _catalogue,
        "device": _device,
        "memory": lambda environment: _memory(environment, variants),
        "weights": lambda environment: _weights(environment, variants),
        "content filters": lambda environment: _content_filters(environment, variants),
    }
    for name, check_one in checks.items():
        yield _run(name, partial(check_one, environment))
    environment.queue_notifier.close()
    database.close()


def _run(name: str, check_one: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, ok=True, detail=check_one())
    except NotCheckedError as error:
        return CheckResult(name, ok=None, detail=str(error))
    except _EXPLAINED as error:
        return CheckResult(name, ok=False, detail=str(error))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        return CheckResult(name, ok=False, detail=f"the database does not answer: {reason}")


def _secrets() -> str:
    """Every secret that an operator chose withstands guessing."""
    found = {name: text for name, text in _chosen_secrets() if text}
    for name, text in found.items():
        require_strong(name, text)
    return f"hard to guess: {', '.join(found) or 'none is set'}"


def _chosen_secrets() -> Iterator[tuple[str, str]]:
    yield "BOTTEGA_URL_SECRET", os.environ.get("BOTTEGA_URL_SECRET", "")
    database_url = make_url(DatabaseSettings().url.get_secret_value())
    yield "the password in DATABASE_URL", str(database_url.password or "")
    redis_url = parse_url(WorkerSettings().redis_url.get_secret_value())  # type: ignore[no-untyped-call]
    yield "the password in REDIS_URL", str(redis_url.get("password") or "")
    storage_secret = StorageSettings().secret_access_key
    yield "S3_SECRET_ACCESS_KEY", storage_secret.get_secret_value() if storage_secret else ""


def _database(environment: Environment) -> str:
    with environment.database.transaction(durable=False) as session:
        version = session.scalar(select(func.version())) or ""
    return " ".join(version.split()[:2])


def _database_role(environment: Environment) -> str:
    """The service's role can change neither the schema nor the ledgers."""
    with environment.database.transaction(durable=False) as session:
        role = session.scalar(select(func.current_user()))
        powers = excess_powers(session.connection())
    if powers:
        raise FindingError(
            f"{role} {' and '.join(powers)}: create the roles of deploy/postgres/roles.sql, run "
            f"`bottega migrate` as {OWNER_ROLE}, and the service as {APP_ROLE}"
        )
    return f"{role} changes neither the schema nor the ledgers"


def _clock(environment: Environment) -> str:
    """Leases use the database's clock alone, but a skewed local clock makes timings wrong."""
    with environment.database.transaction(durable=False) as session:
        database_time = session.scalar(select(func.clock_timestamp())) or datetime.now(UTC)
    skew = abs((datetime.now(UTC) - database_time).total_seconds())
    if skew > MAX_SKEW_SECONDS:
        raise FindingError(f"this machine and the database are {skew:.1f} s apart: set up NTP")
    return f"{skew:.3f} s from the database's"


def _redis(environment: Environment) -> str:
    if not environment.queue_notifier.answers():
        raise FindingError("Redis does not answer: jobs are taken, but start only when it is back")
    return "answers"


def _redis_user(settings: WorkerSettings) -> str:
    """The service's user of Redis administers nothing, and nobody signs in without a password."""
    try:
        powers = excess_redis_powers(settings)
    except RedisError as error:
        raise FindingError(f"not known: Redis does not answer ({type(error).__name__})") from error
    if powers:
        raise FindingError(
            f"{'; '.join(powers)}: create the users of deploy/redis/users.acl with "
            "deploy/redis/users.sh, and name bottega_api or bottega_worker in REDIS_URL"
        )
    return "the user administers nothing, and a password is needed"


def _store(environment: Environment) -> str:
    """A round trip of an object of random bytes."""
    key, data = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(1024)
    began = time.monotonic()
    environment.store.put(key, data, "application/octet-stream")
    try:
        if environment.store.get(key).data != data:
            raise FindingError("the store returned other bytes than were written")
    finally:
        environment.store.delete(key)
    return f"wrote, read and deleted 1 kB in {time.monotonic() - began:.3f} s"


def _invariants(environment: Environment) -> str:
    with environment.database.transaction(durable=False) as session:
        broken = violations(session, examples=_EXAMPLES)
    if broken:
        raise FindingError(
            "; ".join(f"broken rule: {b.rule} ({', '.join(b.examples)})" for b in broken)
        )
    return "every invariant holds"


def _webhooks(environment: Environment) -> str:
    """No delivery waits for a courier that has the URL secret."""
    with environment.database.transaction(durable=False) as session:
        waiting = count_pending_with(session, NO_URL_SECRET)
    if waiting:
        raise FindingError(
            f"{waiting} webhooks in the form of compatible APIs cannot be sent: the courier has no "
            "BOTTEGA_URL_SECRET; give it the API's, and restart it"
        )
    return "the courier can send all that wait"


def _keys(environment: Environment) -> str:
    """An operator's key that may change things is valid for longer than a week."""
    with environment.database.transaction(durable=False) as session:
        last = operator_keys.last_expiry(session)
        expiring = api_keys.count_expiring(session)
        now = session.scalars(select(func.now())).one()
    if last is not None and last < now + api_keys.EXPIRES_SOON:
        raise FindingError(
            f"the last key that may change things expires at {last.astimezone(UTC):%Y-%m-%d %H:%M} "
            "UTC: make another one, bottega operators create NAME"
        )
    if not any(expiring.values()):
        return "none expires within a week"
    named = " and ".join(f"{number} of {owner}s" for owner, number in expiring.items() if number)
    return f"{named} expire within a week: bottega keys list"


def _artifacts(environment: Environment) -> str:
    """Every artifact row that has not expired has its object."""
    count, missing = 0, []
    for key in _artifact_keys(environment.database):
        count += 1
        try:
            environment.store.head(key)
        except ObjectNotFoundError:
            missing.append(key)
    if missing:
        shown = ", ".join(missing[:_EXAMPLES])
        raise FindingError(f"{len(missing)} of {count} artifacts have no object: {shown}")
    return f"{count} artifacts have their objects"


def _artifact_keys(database: Database) -> Iterator[str]:
    after = ""
    while True:
        with database.transaction(durable=False) as session:
            keys = artifact_keys(session, after=after, limit=_PAGE)
        yield from keys
        if len(keys) < _PAGE:
            return
        after = keys[-1]


def _open_files(_environment: Environment | None) -> str:
    """Every connection of a client is an open file of an API process."""
    limit = open_files.hard_limit()
    if limit < open_files.ENOUGH:
        raise FindingError(
            f"a process may open {limit} files here: set LimitNOFILE=65536 in the service's unit "
            "(ulimits in compose, the container runtime's default in Kubernetes)"
        )
    return f"a process may open {limit}"


def _workers(environment: Environment) -> str:
    with environment.database.transaction(durable=False) as session:
        ready = ready_workers(session)
        now = session.execute(select(func.now())).scalar_one()
        problems = [
            f"{row.id} on {row.host} ({row.device}){_last_seen(seconds)}: {row.problem}"
            for row in worker_registry.list_workers(session)
            if row.problem
            # One that is gone for good, and that nobody misses, is no problem any more.
            and (
                (seconds := (now - row.heartbeat_at).total_seconds()) < WORKER_STALE_SECONDS
                or any(name not in ready for name in row.variants)
            )
        ]
    if problems:
        raise FindingError("; ".join(problems))
    if not ready:
        raise FindingError("no live worker: start one with `bottega worker` or `bottega fleet`")
    return ", ".join(f"{count} for {variant}" for variant, count in sorted(ready.items()))


def _last_seen(seconds: float) -> str:
    """The age of a worker's last report, where it is gone."""
    return "" if seconds < WORKER_STALE_SECONDS else f", gone for {seconds:.0f} s"


def _catalogue(environment: Environment) -> str:
    """Every live worker reads the same catalogue file as this machine, or none like it."""
    own = catalog.installed()
    with environment.database.transaction(durable=False) as session:
        live = worker_registry.live_workers(session, within_seconds=WORKER_STALE_SECONDS)
        others = [
            f"{row.id} on {row.host} ({row.catalogue_digest or 'none'})"
            for row in live
            if row.catalogue_digest != own.digest
        ]
    name = _catalogue_name(own)
    if others:
        raise FindingError(
            f"this machine reads {name}, and others read another: {', '.join(others)}; give every "
            "machine the same BOTTEGA_CATALOG, and restart what read the old one"
        )
    return f"{name}, like every live worker"


def _catalogue_name(own: catalog.Catalogue) -> str:
    return f"{own.file.path} ({own.digest})" if own.file else "no catalogue file"


def _device(_environment: Environment | None) -> str:
    """A small computation on every device of this machine."""
    return check_devices()


def _memory(environment: Environment, variants: Sequence[str]) -> str:
    """Every model fits a device: by the plans of live workers, or for those that are named."""
    if not variants:
        with environment.database.transaction(durable=False) as session:
            rows = worker_registry.list_workers(session)
            served = [text for row in rows for text in fits.as_served(row.id, row.plans)]
        return "; ".join(served) or "no live worker has a model on a device"
    return _memory_of([catalog.find(name) for name in variants])


def _memory_of(rows: Sequence[catalog.Variant]) -> str:
    """The way in which a new worker of this machine would serve models."""
    found = list(fits.on_devices([row for row in rows if row.weights is not None]))
    missing = [fit.text for fit in found if not fit.ok]
    if missing:
        raise FindingError("; ".join(missing))
    return "; ".join(fit.text for fit in found) or "no named model needs a device"


def _weights(environment: Environment, variants: Sequence[str]) -> str:
    return check_weights(_rows(environment, variants))


def _content_filters(environment: Environment, variants: Sequence[str]) -> str:
    """Every served model whose licence requires a content filter has one, in every tier."""
    rules = rules_of(ModerationSettings())
    with environment.database.transaction(durable=False) as session:
        tiers = session.scalars(select(Tier.name).order_by(Tier.name)).all()
    required = [
        row.id for row in _rows(environment, variants) if row.licence.content_filter_required
    ]
    missing = [
        f"{name} ({tier})"
        for name in required
        for tier in tiers
        if not rules.filters_for(name, tier)
    ]
    if missing:
        raise FindingError(
            f"the licence requires a content filter, and {', '.join(missing)} has none: add one to "
            "the file that BOTTEGA_CONTENT_FILTERS names"
        )
    return (
        f"one for {', '.join(required)}" if required else "no served model's licence requires one"
    )


def _rows(environment: Environment, variants: Sequence[str]) -> list[catalog.Variant]:
    """The variants of the command line, or else those that live workers serve."""
    with environment.database.transaction(durable=False) as session:
        served = sorted(ready_workers(session))
    return [catalog.find(name) for name in list(variants) or served]
