"""The deployment files agree with the code: ports, variables, variants, stop times."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.core.settings import ApiSettings
from api.server.open_files import ENOUGH
from api.server.settings import ServerSettings
from db.core.settings import DatabaseSettings, MigrationSettings
from db.storage.settings import StorageSettings
from db.values.pricing import PerUnit
from deploy.docker.check import EXPECTATIONS, PREFIX, read_build_stage
from deploy.local.fleet import fleet_stop_seconds, programs, read_fleet
from deploy.local.stop_times import grace_seconds, stop_seconds
from tests.acceptance.stack import ROOT
from tests.support.commands import subcommands
from workers import catalog
from workers.catalog import Catalogue
from workers.catalog.operator_file import read_catalogue
from workers.catalog.operator_file.reading import catalogue_of
from workers.catalog.serving_settings import ServingSettings
from workers.catalog.settings import CatalogueSettings
from workers.outbound import OutboundSettings
from workers.settings import WorkerSettings

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
POOLS = sorted(path.parent for path in KUBERNETES.glob("pools/*/kustomization.yaml"))
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
FLEETS = sorted(DEPLOY.glob("fleet/*.toml"))
_SETTINGS = (
    ApiSettings,
    ServerSettings,
    DatabaseSettings,
    MigrationSettings,
    StorageSettings,
    WorkerSettings,
    OutboundSettings,
    CatalogueSettings,
    ServingSettings,
)
_FOREIGN = {"HF_HOME", "HF_TOKEN", "VIEWER_KEY", "BOTTEGA_RELAY_URL", "BOTTEGA_RELAY_KEY"}

Json = Any


def known_variables() -> set[str]:
    """Every variable that a process of ours reads."""
    names = set(_FOREIGN)
    for settings in _SETTINGS:
        prefix = settings.model_config["env_prefix"]
        for name, field in settings.model_fields.items():
            names.add(str(field.validation_alias or f"{prefix}{name}".upper()))
    return names


def documents(path: Path) -> list[Json]:
    """A YAML file's documents."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def compose() -> Json:
    """The compose file, its anchors resolved."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def our_services() -> dict[str, Json]:
    """The services that run our images."""
    return {n: s for n, s in compose()["services"].items() if s["image"].startswith("bottega-")}


def seconds(text: str) -> float:
    """A compose duration in seconds."""
    assert text.endswith("s")
    return float(text[:-1])


def variants_in(arguments: list[str]) -> list[str]:
    """The variants that a command line names."""
    return re.findall(r"--variant[= ]([\w.-]+)", " ".join(arguments))


def pool_patch(pool: Path, path: str) -> Json:
    """The value that a pool sets at a path of the Deployment or the ScaledObject."""
    file = yaml.safe_load((pool / "kustomization.yaml").read_text())
    operations = [op for patch in file["patches"] for op in yaml.safe_load(patch["patch"])]
    [value] = [op["value"] for op in operations if op["path"] == path]
    return value


def pool_arguments(pool: Path) -> list[str]:
    """A pool's command line."""
    arguments: list[str] = pool_patch(pool, "/spec/template/spec/containers/0/args")
    return arguments


def test_each_variable_that_is_set_is_one_that_is_read() -> None:
    known = known_variables()
    named = {name for service in our_services().values() for name in service["environment"]}
    [settings] = documents(KUBERNETES / "base" / "settings.yaml")
    named |= set(settings["data"])
    for path in (KUBERNETES / "base" / "courier.yaml", KUBERNETES / "worker" / "deployment.yaml"):
        container = documents(path)[0]["spec"]["template"]["spec"]["containers"][0]
        named |= {row["name"] for row in container["env"]}
    for path in (DEPLOY / "systemd").glob("*.env.example"):
        named |= set(re.findall(r"^(\w+)=", path.read_text(), re.MULTILINE))
    for path in (DEPLOY / "docker").glob("*.Dockerfile"):
        named |= set(re.findall(r"\b((?:BOTTEGA|S3|HF)_\w+)=", path.read_text()))
    assert named - known == set()
    assert {"DATABASE_URL", "REDIS_URL", "BOTTEGA_URL_SECRET"} <= named


def test_each_variant_that_is_offered_has_workers_and_the_other_way_round() -> None:
    [settings] = documents(KUBERNETES / "base" / "settings.yaml")
    offered = json.loads(settings["data"]["BOTTEGA_VARIANTS"])
    served = [name for pool in POOLS for name in variants_in(pool_arguments(pool))]
    assert sorted(served) == sorted(offered)
    services = our_services()
    offered = json.loads(services["api"]["environment"]["BOTTEGA_VARIANTS"])
    served = [name for service in services.values() for name in variants_in(service_words(service))]
    assert sorted(served) == sorted(offered)
    assert [catalog.find(name) for name in served]


def service_words(service: Json) -> list[str]:
    """A service's command as one line's words, options joined to their values."""
    return list(map(str, service.get("command") or []))


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_a_pool_has_time_for_its_longest_job(pool: Path) -> None:
    variants = variants_in(pool_arguments(pool))
    grace = pool_patch(pool, "/spec/template/spec/containers/0/env/-")
    assert grace["name"] == "BOTTEGA_GRACE_SECONDS"
    assert float(grace["value"]) >= grace_seconds(variants)
    patience = pool_patch(pool, "/spec/template/spec/terminationGracePeriodSeconds")
    assert patience >= stop_seconds(variants)


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_a_pool_scales_on_the_jobs_of_its_own_variants(pool: Path) -> None:
    variants = variants_in(pool_arguments(pool))
    [trigger] = pool_patch(pool, "/spec/triggers")
    query = trigger["metadata"]["query"]
    for pattern in re.findall(r'variant=~"([^"]+)"', query):
        taken = [row.id for row in catalog.variants() if re.fullmatch(pattern, row.id)]
        assert sorted(taken) == sorted(variants)
    shown = (ROOT / "api" / "core" / "metrics.py").read_text()
    names = set(re.findall(r"bottega_\w+", query))
    assert names == {"bottega_queue_depth", "bottega_jobs_running"}
    assert all(f'"{name}"' in shown for name in names)
    assert pool_patch(pool, "/spec/scaleTargetRef/name") == f"bottega-worker-{pool.name}"


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_a_pool_has_a_device_where_its_models_have_weights(pool: Path) -> None:
    arguments = pool_arguments(pool)
    hosted = {catalog.find(name).weights is None for name in variants_in(arguments)}
    assert hosted == {"--device=cpu" in arguments}
    text = (pool / "kustomization.yaml").read_text()
    assert ("limits/nvidia.com~1gpu" in text) == ("--device=cpu" in arguments)


@pytest.mark.parametrize("name", ["flux", "florence"])
def test_a_composed_worker_has_time_for_its_longest_job(name: str) -> None:
    service = our_services()[name]
    variants = variants_in(service_words(service))
    assert float(service["environment"]["BOTTEGA_GRACE_SECONDS"]) >= grace_seconds(variants)
    assert seconds(service["stop_grace_period"]) >= stop_seconds(variants)
    [device] = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_composed_workers_have_a_gpu_each() -> None:
    ours = our_services().values()
    reserved = [service["deploy"]["resources"] for service in ours if "deploy" in service]
    devices = [row["reservations"]["devices"][0]["device_ids"] for row in reserved]
    assert len(devices) == 2
    assert devices[0] != devices[1]


def test_no_image_of_ours_may_write_or_rise() -> None:
    for service in our_services().values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    for name in EXPECTATIONS:
        text = (DEPLOY / "docker" / f"{name}.Dockerfile").read_text()
        last = text.split("\nFROM ")[-1]
        assert re.search(r"^USER (\d+):\d+$", last, re.MULTILINE)
        assert "HEALTHCHECK" in last


@pytest.mark.parametrize("path", FLEETS, ids=lambda path: path.stem)
def test_a_fleet_file_can_be_used_and_its_workers_have_time(path: Path) -> None:
    fleet = read_fleet(path)
    for program, worker in zip(programs(fleet), fleet.workers, strict=True):
        assert float(program.settings["BOTTEGA_GRACE_SECONDS"]) == grace_seconds(worker.variants)
    ports = [worker.metrics_port for worker in fleet.workers]
    assert len(set(ports)) == len(ports)
    [unit] = [path for path in UNITS if path.stem == "bottega-fleet"]
    stops = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
    assert stops is not None
    assert float(stops[1]) > fleet_stop_seconds(fleet)


def test_a_fleet_of_any_models_ends_before_its_unit_is_killed() -> None:
    unit = (DEPLOY / "systemd" / "bottega-fleet.service").read_text()
    limit = float(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0])
    assert limit > stop_seconds(row.id for row in catalog.variants())
    assert "KillMode=mixed" in unit


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_a_command_that_there_is(path: Path) -> None:
    from deploy.cli.main import main  # noqa: PLC0415 - only this test needs the commands

    words = re.findall(r"^ExecStart=\S+/bottega (\w+)", path.read_text(), re.MULTILINE)
    assert len(words) == 1
    assert words[0] in subcommands(main)
    assert "EnvironmentFile=/etc/bottega/env\n" in path.read_text()
    assert "\nUMask=0077\n" in path.read_text()


def containers() -> Iterator[tuple[str, Json]]:
    """Every container of the base and of a pool."""
    for path in [*(KUBERNETES / "base").glob("*.yaml"), *(KUBERNETES / "worker").glob("*.yaml")]:
        for document in documents(path):
            if document["kind"] == "Deployment":
                yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def test_ports_and_probes_agree() -> None:
    pods = dict(containers())
    api = pods["bottega-api"]["containers"][0]
    port = api["ports"][0]["containerPort"]
    assert api["args"] == ["api", "--host", "0.0.0.0", "--port", str(port)]
    assert api["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
    routes = (ROOT / "api" / "routes" / "health.py").read_text()
    assert all(f'"{path}"' in routes for path in ("/livez", "/readyz", "/metrics"))
    worker = pods["bottega-worker"]["containers"][0]
    given = {row["name"]: row["value"] for row in worker["env"]}
    assert given["BOTTEGA_METRICS_PORT"] == str(worker["ports"][0]["containerPort"])
    for name in ("bottega-worker", "bottega-courier"):
        container = pods[name]["containers"][0]
        given = {row["name"]: row["value"] for row in container["env"]}
        assert given["BOTTEGA_ALIVE_FILE"] in container["livenessProbe"]["exec"]["command"][-1]


def test_every_pod_runs_without_root_and_without_a_token() -> None:
    for _, pod in containers():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize("name", sorted(EXPECTATIONS))
def test_an_image_is_built_of_what_is_packaged(name: str) -> None:
    stage = read_build_stage(DEPLOY / "docker" / f"{name}.Dockerfile")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = [source for source, _ in stage.copies]
    assert set(packaged) < set(copied)
    assert all((ROOT / source).exists() for source in copied)
    assert stage.image.partition("@")[0] == "python:3.11-slim"
    installs = [run for run in stage.runs if "pip install" in run]
    [project_install] = [run for run in installs if "'.[" in run]
    assert project_install.startswith(f"{PREFIX}-build/bin/uv pip install --python {PREFIX}/bin/")
    locked = "--constraint requirements.lock --build-constraint requirements.lock"
    assert locked in " ".join(project_install.split())
    torch = [
        word
        for row in project["project"]["optional-dependencies"]["worker"]
        for word in [row]
        if word.startswith("torch==")
    ]
    assert any(torch[0] in run for run in installs) == (name == "worker")


def test_an_api_process_may_open_enough_files_everywhere() -> None:
    unit = (DEPLOY / "systemd" / "bottega-api@.service").read_text()
    assert "LimitNOFILE=65536" in unit
    limits = our_services()["api"]["ulimits"]["nofile"]
    assert limits == {"soft": 65536, "hard": 65536}
    assert ENOUGH <= 65536


def test_every_process_reads_the_same_catalogue_file() -> None:
    file = "/etc/bottega/models.toml"
    for name in ("api", "courier", "flux", "florence"):
        service = our_services()[name]
        assert service["environment"]["BOTTEGA_CATALOG"] == file
        assert f"${{MODELS_FILE:-/dev/null}}:{file}:ro" in service["volumes"]
    [settings] = documents(KUBERNETES / "base" / "settings.yaml")
    assert settings["data"]["BOTTEGA_CATALOG"] == file
    for path in ("base/api", "base/courier", "worker/deployment"):
        spec = documents(KUBERNETES / f"{path}.yaml")[0]["spec"]["template"]["spec"]
        assert {"name": "catalogue", "configMap": {"name": "bottega-models"}} in spec["volumes"]
        mounts = {row["name"]: row["mountPath"] for row in spec["containers"][0]["volumeMounts"]}
        assert mounts["catalogue"] == "/etc/bottega"
    [models] = documents(KUBERNETES / "base" / "models.yaml")
    assert read_catalogue_text(models["data"]["models.toml"]).variants() == catalog.variants()


def test_the_example_of_a_catalogue_file_can_be_used() -> None:
    known = read_catalogue_text((DEPLOY / "models.example.toml").read_text())
    assert known.find("klein").id == "flux.2-klein-4b"
    assert known.find("flux.1-studio").base == "flux.1-dev"
    assert known.find("florence-2-shelves").price == PerUnit(2_000)
    assert not known.offered().has("flux.1-dev")


def test_an_empty_device_in_place_of_a_file_changes_nothing() -> None:
    assert read_catalogue(Path("/dev/null")).variants() == catalog.STANDARD.variants()


def read_catalogue_text(text: str) -> Catalogue:
    """The catalogue of a file's text."""
    return catalogue_of(Path("/etc/bottega/models.toml"), text)
