"""The doctor's checks of content filters, and of weights when no model needs any."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from db import worker_registry as workers
from db.core.session import Database
from db.storage.local import LocalStore
from db.worker_registry import WorkerReport
from deploy.cli.doctor import Environment, FindingError, _content_filters, _weights, _workers
from workers.messaging.queue import QueueNotifier
from workers.settings import WorkerSettings

FILTERS = """
[filters.words]
kind = "words"
file = "words.txt"

[[rules]]
variants = ["{variants}"]
tiers = ["{tiers}"]
filters = ["words"]
"""


@pytest.fixture
def environment(
    database: Database, store: LocalStore, worker_settings: WorkerSettings
) -> Environment:
    return Environment(database, store, QueueNotifier(worker_settings))


def filtering(
    monkeypatch: pytest.MonkeyPatch, folder: Path, variants: str, tiers: str = "*"
) -> None:
    """Make the environment name a file with a filter for these."""
    (folder / "words.txt").write_text("gore\n")
    (folder / "filters.toml").write_text(FILTERS.format(variants=variants, tiers=tiers))
    monkeypatch.setenv("BOTTEGA_CONTENT_FILTERS", str(folder / "filters.toml"))


def test_a_licence_that_asks_for_a_filter_is_missed_without_one(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BOTTEGA_CONTENT_FILTERS", raising=False)
    with pytest.raises(FindingError, match=r"flux\.1-dev \(enterprise\), flux\.1-dev \(free\)"):
        _content_filters(environment, ["flux.1-dev", "flux.1-schnell"])
    filtering(monkeypatch, tmp_path, "flux.2-*")
    with pytest.raises(FindingError, match="BOTTEGA_CONTENT_FILTERS"):
        _content_filters(environment, ["flux.1-dev"])


def test_a_tier_that_is_left_out_is_named(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    filtering(monkeypatch, tmp_path, "flux.*", tiers="[!e]*")
    with pytest.raises(FindingError) as caught:
        _content_filters(environment, ["flux.1-dev"])
    assert "flux.1-dev (enterprise) has none" in str(caught.value)
    assert "free" not in str(caught.value)


def test_a_filter_for_every_tier_satisfies_it(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    filtering(monkeypatch, tmp_path, "flux.*")
    said = _content_filters(environment, ["flux.1-dev", "flux.2-klein-9b", "flux.2-pro"])
    assert said == "one for flux.1-dev, flux.2-klein-9b"


def test_of_what_is_served_nothing_may_ask_for_one(environment: Environment) -> None:
    report = WorkerReport("wrk_1", "host", 1, "cpu", ["flux.2-pro", "flux.1-demo"], "ready")
    with environment.database.transaction() as session:
        workers.report(session, report)
    assert _content_filters(environment, []) == "no served model's licence requires one"
    assert _weights(environment, []) == "complete for flux.1-demo"


def test_a_worker_s_problem_is_repeated(environment: Environment, database: Database) -> None:
    report = WorkerReport("wrk_1", "host", 1, "cuda:0", ["flux.1-demo"], "ready")
    with database.transaction() as session:
        workers.report(session, report)
    assert _workers(environment) == "1 for flux.1-demo"
    with database.transaction() as session:
        workers.report(session, replace(report, problem="flux.1-dev does not fit"))
    with pytest.raises(FindingError, match=r"wrk_1 on host \(cuda:0\): flux\.1-dev does not fit"):
        _workers(environment)


def test_a_failed_worker_that_is_gone_is_told_only_where_it_is_missed(
    environment: Environment, database: Database
) -> None:
    report = WorkerReport("wrk_1", "host", 1, "cpu", ["flux.1-demo"], "ready")
    gone = replace(report, id="wrk_2", variants=["flux.1-dev"], state="failed", problem="broken")
    with database.transaction() as session:
        workers.report(session, report)
        workers.report(session, gone)
        away = text("UPDATE workers SET heartbeat_at = now() - interval '80 s' WHERE id = 'wrk_2'")
        session.execute(away)
    with pytest.raises(FindingError, match=r"wrk_2 on host \(cpu\), gone for 80 s: broken"):
        _workers(environment)
    with database.transaction() as session:
        workers.report(session, replace(report, variants=["flux.1-demo", "flux.1-dev"]))
    assert _workers(environment) == "1 for flux.1-demo, 1 for flux.1-dev"
