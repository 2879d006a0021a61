"""Alert rules fire when they should, each has its paragraph, and every dashboard's query parses."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.core.metrics import REFUSALS
from tests.support.interface import metrics

DEPLOY = Path(__file__).parents[4] / "deploy"
RULES = DEPLOY / "prometheus"
BOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
VALUES = {"$variant": "flux.*", "$__rate_interval": "1m"}

_BESIDE = Path(sys.executable).with_name("promtool")
PROMTOOL = str(_BESIDE) if _BESIDE.exists() else shutil.which("promtool")


def promtool(*arguments: str | Path) -> None:
    """Run it; it must find nothing wrong."""
    assert PROMTOOL, "promtool is not there: `make promtool` unpacks it"
    ended = subprocess.run(  # noqa: S603 - our own files
        [str(PROMTOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions(board: Path) -> list[str]:
    """The queries of a dashboard, with its variables' values put in."""
    found = [
        target["expr"]
        for panel in json.loads(board.read_text())["panels"]
        for target in panel["targets"]
    ]
    for name, value in VALUES.items():
        found = [query.replace(name, value) for query in found]
    return found


def test_the_rules_and_the_scrapes_are_well_formed() -> None:
    promtool("check", "rules", RULES / "recording.yml", RULES / "alerts.yml")
    promtool("check", "config", "--syntax-only", RULES / "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    promtool("test", "rules", RULES / "tests.yml")


def test_each_alert_is_tested_and_has_a_paragraph() -> None:
    cases = yaml.safe_load((RULES / "tests.yml").read_text())["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    headings = re.findall(r"^## (.+)$", (DEPLOY / "runbook.md").read_text(), re.MULTILINE)
    names = [alert["alert"] for alert in alerts()]
    assert headings == names
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == set(names)
    for alert in alerts():
        anchor = f"deploy/runbook.md#{alert['alert'].lower()}"
        assert alert["annotations"]["runbook"] == anchor
        assert alert["labels"]["severity"] in {"warning", "critical"}


def test_each_reason_of_a_refusal_raises_one_alert() -> None:
    wanted = [
        reason
        for alert in alerts()
        for pattern in re.findall(r'requests_refused_total{ *reason=~"([^"]+)"', alert["expr"])
        for reason in pattern.split("|")
    ]
    assert sorted(wanted) == sorted(REFUSALS)


def test_each_metric_of_a_process_has_a_panel() -> None:
    """Directly, or by a rule that records it."""
    queries = [query for board in BOARDS for query in expressions(board)]
    records = yaml.safe_load((RULES / "recording.yml").read_text())["groups"]
    queries += [
        rule["expr"]
        for group in records
        for rule in group["rules"]
        if any(rule["record"] in query for query in queries)
    ]
    shown = set(re.findall(r"bottega_\w+", " ".join(queries)))
    assert {name for name in metrics() if not any(map(shown.__contains__, exported(name)))} == set()


def exported(name: str) -> tuple[str, ...]:
    """The names under which a gauge, a counter or a histogram is exported."""
    return (name, f"{name}_total", f"{name}_bucket", f"{name}_count", f"{name}_sum")


def test_every_query_of_a_dashboard_parses(tmp_path: Path) -> None:
    queries = [query for board in BOARDS for query in expressions(board)]
    assert len(queries) > 40
    assert not [query for query in queries if "$" in query]
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))
    promtool("check", "rules", file)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_dashboards_panels_lie_beside_each_other(board: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(board.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & taken, panel["title"]
        taken |= own
