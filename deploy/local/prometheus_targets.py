"""Where a local stack's processes answer Prometheus."""

import json
from collections.abc import Mapping
from pathlib import Path

TARGETS_FILE = "prometheus-targets.json"
"""In the data folder: what `deploy/prometheus/prometheus.yml` finds the processes by."""


def metrics_urls(ports: Mapping[str, int]) -> dict[str, str]:
    """The addresses by process."""
    return {name: f"http://127.0.0.1:{port}/metrics" for name, port in ports.items()}


def write_targets(path: Path, ports: Mapping[str, int]) -> None:
    """Write the processes' addresses as Prometheus' file discovery reads them.

    Args:
        path: the file, which Prometheus watches for changes.
        ports: on loopback, by process.
    """
    groups = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"job": f"bottega-{name}"}}
        for name, port in ports.items()
    ]
    path.write_text(json.dumps(groups, indent=2))
