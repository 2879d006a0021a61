"""The compose file and the manifests as the tools of their kind see them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.stack import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
SCRIPTS = Path(sys.executable).parent
_FOREIGN = ("keda.sh/", "monitoring.coreos.com/", "kustomize.config.k8s.io/")
RENDERERS = (("kustomize", "build"), ("kubectl", "kustomize"))


def run(*command: str) -> str:
    """Run a tool, which must be content."""
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def validate(tmp_path: Path, documents: list[dict[str, Any]]) -> None:
    """Hold Kubernetes' own kinds to its schemas; nothing unknown is let through."""
    core = [row for row in documents if not row["apiVersion"].startswith(_FOREIGN)]
    assert core
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(core))
    run(str(SCRIPTS / "kubernetes-validate"), "--strict", str(file))


def test_the_compose_file_follows_the_specification() -> None:
    tool = str(SCRIPTS / "check-jsonschema")
    run(tool, "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")


def test_the_manifests_are_what_kubernetes_takes(tmp_path: Path) -> None:
    files = [KUBERNETES.glob(f"{folder}/*.yaml") for folder in ("base", "migration", "worker")]
    documents = [
        document
        for found in files
        for file in sorted(found)
        for document in yaml.safe_load_all(file.read_text())
        if document["kind"] != "Kustomization"
    ]
    validate(tmp_path, documents)


def test_rendered_each_pool_is_a_deployment_that_is_scaled_by_its_name(tmp_path: Path) -> None:
    found = [words for words in RENDERERS if shutil.which(words[0])]
    if not found:
        pytest.skip("neither kustomize nor kubectl is on the PATH")
    rendered = list(yaml.safe_load_all(run(*found[0], str(KUBERNETES))))
    migration = list(yaml.safe_load_all(run(*found[0], str(KUBERNETES / "migration"))))
    validate(tmp_path, rendered + migration)
    deployments = {row["metadata"]["name"] for row in rendered if row["kind"] == "Deployment"}
    scaled = {
        row["spec"]["scaleTargetRef"]["name"] for row in rendered if row["kind"] == "ScaledObject"
    }
    assert scaled == deployments - {"bottega-api", "bottega-courier"}
    selectors = [
        row["spec"]["selector"]["matchLabels"] for row in rendered if row["kind"] == "Deployment"
    ]
    assert len({str(selector) for selector in selectors}) == len(selectors)
    assert {row["metadata"]["namespace"] for row in rendered + migration} == {"bottega"}
