"""Each component has the secrets that it needs and no others, however the service is deployed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.guides import steps_of
from tests.unit.deploy.manifests.test_agreement import (
    DEPLOY,
    KUBERNETES,
    POOLS,
    UNITS,
    containers,
    documents,
    our_services,
    pool_patch,
)

SERVERS = {"DATABASE_URL", "REDIS_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}
UPSTREAM = {"BOTTEGA_RELAY_URL", "BOTTEGA_RELAY_KEY"}
OWNER = {"BOTTEGA_MIGRATION_DATABASE_URL"}
ALLOWED = {
    "migrate": OWNER,
    "api": SERVERS | {"BOTTEGA_URL_SECRET"},
    "courier": SERVERS | {"BOTTEGA_URL_SECRET"},
    "worker": SERVERS | {"HF_TOKEN"},
    "hosted": UPSTREAM,
    "prometheus": {"VIEWER_KEY"},
}
"""The secrets of each component."""

EVERY_SECRET = frozenset().union(*ALLOWED.values())
COMPOSED = {"bucket": {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}} | {
    service: ALLOWED[component]
    for service, component in {
        "migrate": "migrate",
        "api": "api",
        "courier": "courier",
        "flux": "worker",
        "florence": "worker",
    }.items()
}
UNIT_FILES = {"api@": "api", "courier": "courier", "fleet": "worker", "migrate": "migrate"}


def secrets_that_the_guide_creates() -> Iterator[tuple[str, set[str]]]:
    """The Kubernetes Secrets of the guide's commands, each with its keys."""
    for step in steps_of(DEPLOY / "README.md"):
        created = re.match(r"kubectl .* create secret generic bottega-(\w+) ", step.command)
        if created:
            yield created[1], set(re.findall(r"--from-literal=(\w+)=", step.command))


def test_the_guide_creates_a_secret_for_each_component() -> None:
    assert dict(secrets_that_the_guide_creates()) == ALLOWED


def test_a_pod_reads_the_secret_of_its_component_alone() -> None:
    migration = documents(KUBERNETES / "migration" / "migrate.yaml")[0]["spec"]["template"]["spec"]
    pods = dict(containers()) | {"bottega-migrate": migration}
    assert set(pods) == {f"bottega-{name}" for name in ("api", "courier", "worker", "migrate")}
    for name, pod in pods.items():
        [container] = pod["containers"]
        read = [row["secretRef"]["name"] for row in container["envFrom"] if "secretRef" in row]
        assert read == [name]
        assert "secretKeyRef" not in str(pod)


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_only_workers_of_hosted_models_have_the_upstreams_key(pool: Path) -> None:
    text = (pool / "kustomization.yaml").read_text()
    assert ("secretRef" in text) == (pool.name == "hosted")
    if pool.name == "hosted":
        added = pool_patch(pool, "/spec/template/spec/containers/0/envFrom/-")
        assert added == {"secretRef": {"name": "bottega-hosted"}}


def test_prometheus_reads_a_viewers_key() -> None:
    monitoring = documents(KUBERNETES / "base" / "monitoring.yaml")
    [api] = [document for document in monitoring if document["kind"] == "ServiceMonitor"]
    [endpoint] = api["spec"]["endpoints"]
    credentials = endpoint["authorization"]["credentials"]
    assert credentials == {"name": "bottega-prometheus", "key": "VIEWER_KEY"}
    guide = [step.command for step in steps_of(DEPLOY / "README.md")]
    [created] = [command for command in guide if "--name prometheus" in command]
    assert "--operator --viewer " in created


def test_a_composed_service_has_the_secrets_of_its_component_alone() -> None:
    services = our_services()
    assert set(services) == set(COMPOSED)
    for name, service in services.items():
        assert set(service["environment"]) & EVERY_SECRET == COMPOSED[name], name


def test_a_component_connects_as_its_own_role_and_user() -> None:
    users = {"api": "bottega_api", "courier": "bottega_worker", "worker": "bottega_worker"}
    urls = {name: service["environment"] for name, service in our_services().items()}
    for component, user in users.items():
        [file] = [f for f, c in UNIT_FILES.items() if c == component]
        example = (DEPLOY / "systemd" / f"{file.rstrip('@')}.env.example").read_text()
        services = {"worker": ["flux", "florence"]}.get(component, [component])
        for text in (example, *(str(urls[service]) for service in services)):
            assert "://bottega_app:" in text
            assert f"redis://{user}:" in text
    for text in ((DEPLOY / "systemd" / "migrate.env.example").read_text(), str(urls["migrate"])):
        assert re.findall(r"postgresql://(\w+):", text) == ["bottega_migrate"]


def test_no_value_of_the_compose_file_is_a_secret() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for name in re.findall(r"\$\{(\w*(?:PASSWORD|SECRET\w*))", text):
        assert f"${{{name}:?" in text, f"{name} may be empty"
    example = (DEPLOY / "compose.env.example").read_text()
    assert re.findall(r"^(\w*(?:PASSWORD|SECRET)\w*)=(.+)$", example, re.MULTILINE) == []
    assert yaml.safe_load(text)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_reads_the_secrets_of_its_component_as_a_user_of_its_own(path: Path) -> None:
    text = path.read_text()
    unit = path.stem.removeprefix("bottega-")
    component = UNIT_FILES[unit]
    file = unit.rstrip("@")
    files = re.findall(r"^EnvironmentFile=/etc/bottega/(.+)$", text, re.MULTILINE)
    assert files == ["env", f"{file}.env"]
    example = (DEPLOY / "systemd" / f"{file}.env.example").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) & EVERY_SECRET == ALLOWED[component]
    shared = (DEPLOY / "systemd" / "bottega.env.example").read_text()
    assert set(re.findall(r"^(\w+)=", shared, re.MULTILINE)) & EVERY_SECRET == set()
    users = re.findall(r"^User=(.+)$", text, re.MULTILINE)
    assert users == [f"bottega-{component}"]
    guide = [step.command for step in steps_of(DEPLOY / "README.md")]
    assert any(re.match(rf"useradd .*\b{users[0]}$", command) for command in guide)
    assert any(
        command.startswith(f"install -m 0600 deploy/systemd/{file}.env.example")
        for command in guide
    )
