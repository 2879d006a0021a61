"""The addresses at which Prometheus scrapes the processes of a local stack."""

import json
from collections.abc import Mapping
from pathlib import Path

TARGETS_FILE = "prometheus-targets.json"
"""In the data folder; `deploy/prometheus/prometheus.yml` discovers the processes by it."""

KEY_FILE = "prometheus-key"
"""In the data folder: the viewer's key that the API asks Prometheus for."""


def metrics_urls(ports: Mapping[str, int]) -> dict[str, str]:
    """The URLs of the processes' metrics, by process."""
    return {name: f"http://127.0.0.1:{port}/metrics" for name, port in ports.items()}


def write_targets(path: Path, ports: Mapping[str, int]) -> None:
    """Write the processes' addresses in the format of Prometheus' file discovery.

    Args:
        path: the file, which Prometheus watches for changes.
        ports: the processes' ports on 127.0.0.1, by process.
    """
    groups = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"job": f"bottega-{name}"}}
        for name, port in ports.items()
    ]
    path.write_text(json.dumps(groups, indent=2))
