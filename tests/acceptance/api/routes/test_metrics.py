"""A running stack exports every metric that a rule or a dashboard uses."""

import json
import re
from pathlib import Path

import httpx
import yaml

from db.tenants import api_keys
from tests.acceptance.api.web.problems import problem
from tests.acceptance.stack import Client, Stack, eventually

DEPLOY = Path(__file__).parents[4] / "deploy"
OTHERS = {"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
"""Prometheus' own, and its node exporter's."""

_NAME = re.compile(r"(?<![\w:])((?:bottega|process|node)_\w+|up)(?=[{\[) ]|$)")


def used_names() -> set[str]:
    """The metric names in rules and dashboards, without those that a rule records."""
    queries = [
        rule["expr"]
        for name in ("recording", "alerts")
        for group in yaml.safe_load((DEPLOY / "prometheus" / f"{name}.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    for board in (DEPLOY / "grafana").glob("*.json"):
        panels = json.loads(board.read_text())["panels"]
        queries += [target["expr"] for panel in panels for target in panel["targets"]]
    return {name for query in queries for name in _NAME.findall(query)}


def families(text: str) -> set[str]:
    """The exported names, from the lines with their types."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        names |= {name + part for part in parts}
    return names


def test_every_figure_that_is_asked_for_is_there(stack: Stack) -> None:
    texts = stack.metrics()
    assert set(texts) == {"api", "courier", "worker"}
    there = set().union(*map(families, texts.values()))
    assert len(used_names()) > 30
    assert used_names() - OTHERS - there == set()
    assert 'bottega_dependency_up{dependency="database"} 1.0' in texts["api"]
    assert 'bottega_queue_ready_workers{variant="flux.1-demo"} 1.0' in texts["api"]
    assert 'bottega_worker_model_loaded{variant="flux.1-demo"} 1.0' in texts["worker"]
    assert 'bottega_device_memory_bytes{kind="peak"} ' in texts["worker"]


def test_a_painted_picture_is_counted_once_by_the_process_that_did_it(
    stack: Stack, tenant: Client
) -> None:
    count = 'bottega_images_billed_total{variant="flux.1-demo"}'

    def counted() -> float:
        lines = [line for line in stack.metrics()["worker"].splitlines() if line.startswith(count)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    before = counted()
    assert tenant.await_end(tenant.paint())["state"] == "succeeded"
    eventually(lambda: counted() == before + 1)
    texts = stack.metrics()
    assert count not in texts["api"]
    for stage in ("fetch", "run", "store", "complete"):
        assert (
            f'bottega_job_run_seconds_count{{stage="{stage}",variant="flux.1-demo"}}'
            in (texts["worker"])
        )
    assert (
        'bottega_http_request_seconds_count{method="POST",route="/v1/jobs",status="2xx"}'
        in (texts["api"])
    )


def test_prometheus_finds_the_processes_by_the_file_in_the_data_folder(stack: Stack) -> None:
    groups = json.loads((stack.data_dir / "prometheus-targets.json").read_text())
    found = {
        group["labels"]["job"].removeprefix("bottega-"): f"http://{target}/metrics"
        for group in groups
        for target in group["targets"]
    }
    assert found == stack.facts["metrics_urls"]


def test_prometheus_reads_the_api_with_the_key_in_the_data_folder(stack: Stack) -> None:
    path = stack.data_dir / "prometheus-key"
    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text() == stack.facts["viewer_key"]
    url = f"{stack.url}/metrics"
    for headers in (
        {},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Authorization": f"Bearer {stack.facts['api_key']}"},
    ):
        problem(httpx.get(url, headers=headers), 403, "forbidden")
    with stack.database.transaction(durable=False) as session:
        key = api_keys.identify(session, path.read_text())
    assert key.role == api_keys.OperatorRole.VIEWER
