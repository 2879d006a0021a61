"""What `bottega doctor` looks at: each check a function that says what it saw or what is wrong."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from types import ModuleType

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from db.core.invariants import violations
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs.queries import artifact_keys
from db.jobs.waiting import ready_workers
from db.storage.object_store import ObjectNotFoundError, ObjectStore, StoreError
from db.storage.settings import StorageSettings, open_store
from db.tables import Tier
from workers import catalog
from workers.adapters.weights import WeightsError, locate
from workers.messaging.queue import QueueNotifier
from workers.moderation.filter_file import FilterFileError
from workers.moderation.settings import ModerationSettings, rules_of
from workers.settings import WorkerSettings, weights_overrides

MOST_SKEW_SECONDS = 2.0
_EXAMPLES = 5
_PAGE = 500


class FindingError(Exception):
    """A check found something wrong; the message says what, and what to do where that is known."""


_EXPLAINED = (
    FindingError,
    FilterFileError,
    StoreError,
    WeightsError,
    catalog.UnknownVariantError,
)


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome: what was seen, or what is wrong."""

    check: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Environment:
    """What is examined."""

    database: Database
    store: ObjectStore
    queue_notifier: QueueNotifier


def examine(chosen_variants: Sequence[str]) -> Iterator[CheckResult]:
    """Run every check, the later ones too when an earlier one fails.

    Args:
        chosen_variants: whose weights to look for; those that live workers serve when empty.
    """
    database = Database(DatabaseSettings(pool_size=2))
    patient = Environment(database, open_store(StorageSettings()), QueueNotifier(WorkerSettings()))
    checks: dict[str, Callable[[Environment], str]] = {
        "database": _database,
        "clock": _clock,
        "redis": _redis,
        "store": _store,
        "invariants": _invariants,
        "artifacts": _artifacts,
        "workers": _workers,
        "device": _device,
        "weights": lambda patient: _weights(patient, chosen_variants),
        "content filters": lambda patient: _content_filters(patient, chosen_variants),
    }
    for name, check in checks.items():
        yield _run(name, check, patient)
    patient.queue_notifier.close()
    database.close()


def _run(name: str, check: Callable[[Environment], str], patient: Environment) -> CheckResult:
    try:
        return CheckResult(name, ok=True, detail=check(patient))
    except _EXPLAINED as error:
        return CheckResult(name, ok=False, detail=str(error))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        return CheckResult(name, ok=False, detail=f"the database does not answer: {reason}")


def _database(patient: Environment) -> str:
    with patient.database.transaction(durable=False) as session:
        version = session.scalar(select(func.version())) or ""
    return " ".join(version.split()[:2])


def _clock(patient: Environment) -> str:
    """Leases go by the database's clock alone; a skewed one still makes timings read wrong."""
    with patient.database.transaction(durable=False) as session:
        theirs = session.scalar(select(func.clock_timestamp())) or datetime.now(UTC)
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    if skew > MOST_SKEW_SECONDS:
        raise FindingError(f"this machine and the database are {skew:.1f} s apart: set up NTP")
    return f"{skew:.3f} s from the database's"


def _redis(patient: Environment) -> str:
    if not patient.queue_notifier.answers():
        raise FindingError("Redis does not answer: jobs are taken, but start only when it is back")
    return "answers"


def _store(patient: Environment) -> str:
    """A round trip of an object of our own."""
    key, data = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(1024)
    began = time.monotonic()
    patient.store.put(key, data, "application/octet-stream")
    try:
        if patient.store.get(key).data != data:
            raise FindingError("the store answers other bytes than it was given")
    finally:
        patient.store.delete(key)
    return f"put, got and deleted 1 kB in {time.monotonic() - began:.3f} s"


def _invariants(patient: Environment) -> str:
    with patient.database.transaction(durable=False) as session:
        broken = violations(session, examples=_EXAMPLES)
    if broken:
        raise FindingError("; ".join(f"not so: {b.rule} ({', '.join(b.examples)})" for b in broken))
    return "every invariant holds"


def _artifacts(patient: Environment) -> str:
    """Every artifact row that has not expired has its object."""
    count, missing = 0, []
    for key in _artifact_keys(patient.database):
        count += 1
        try:
            patient.store.head(key)
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


def _workers(patient: Environment) -> str:
    with patient.database.transaction(durable=False) as session:
        ready = ready_workers(session)
    if not ready:
        raise FindingError("no live worker: start one with `bottega worker` or `bottega fleet`")
    return ", ".join(f"{count} for {variant}" for variant, count in sorted(ready.items()))


def _device(_patient: Environment) -> str:
    """A sum on every device of this machine."""
    if find_spec("torch") is None:
        return "torch is not installed: this machine runs no models"
    import torch  # noqa: PLC0415 - seconds to load, and not everyone who examines has it

    if not torch.cuda.is_available():
        return f"cpu, {torch.get_num_threads()} threads, torch {torch.__version__}"
    return "; ".join(_try_out(torch, n) for n in range(torch.cuda.device_count()))


def _try_out(torch: ModuleType, number: int) -> str:
    try:
        with torch.device("cuda", number):
            sound = int(torch.ones(1024).sum()) == 1024  # noqa: PLR2004 - a kilo of ones
    except RuntimeError as error:
        raise FindingError(f"cuda:{number} does not compute: {error}") from error
    if not sound:
        raise FindingError(f"cuda:{number} computes wrongly")
    free, total = torch.cuda.mem_get_info(number)
    name = torch.cuda.get_device_name(number)
    return f"cuda:{number} {name}, {free >> 30} of {total >> 30} GiB free"


def _weights(patient: Environment, chosen: Sequence[str]) -> str:
    rows = [row for row in _rows(patient, chosen) if row.weights is not None]
    for row in rows:
        locate(row, weights_overrides())
    names = ", ".join(row.id for row in rows)
    return f"found for {names or 'no variant: none that has any is served'}"


def _content_filters(patient: Environment, chosen: Sequence[str]) -> str:
    """Every served model whose licence asks for a filter has one, in every tier."""
    rules = rules_of(ModerationSettings())
    with patient.database.transaction(durable=False) as session:
        tiers = session.scalars(select(Tier.name).order_by(Tier.name)).all()
    asking = [row.id for row in _rows(patient, chosen) if row.licence.content_filter_required]
    bare = [f"{name} ({tier})" for name in asking for tier in tiers if not rules.chosen(name, tier)]
    if bare:
        raise FindingError(
            f"the licence asks for a content filter, and {', '.join(bare)} has none: name one in "
            "the file that BOTTEGA_CONTENT_FILTERS points to"
        )
    return f"one for {', '.join(asking)}" if asking else "no licence of what is served asks for one"


def _rows(patient: Environment, chosen: Sequence[str]) -> list[catalog.Variant]:
    """The variants that were chosen, else those that live workers serve."""
    with patient.database.transaction(durable=False) as session:
        served = sorted(ready_workers(session))
    return [catalog.find(name) for name in list(chosen) or served]
