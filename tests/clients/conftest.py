"""One stack for all clients, the installed clients, and each program's report."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import pytest

from tests.acceptance.stack import ROOT, Stack
from tests.clients.program import Json, Program
from tests.clients.scene import SETTINGS, Scene, prepare, write_catalogue

FOLDER = ROOT / ".venv-clients"

Reports = Callable[[Program], Mapping[str, Json]]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A running stack with TLS, demo models alone, and names that clients carry."""
    folder = tmp_path_factory.mktemp("clients")
    running = Stack(folder / "data", SETTINGS | write_catalogue(folder), tls=True)
    try:
        running.start()
        yield prepare(running, folder / "facts")
        assert running.violations() == []
        running.stop()
    finally:
        running.abandon()


@pytest.fixture(scope="session")
def report_of(scene: Scene) -> Reports:
    """Runs a program once; its report."""

    @cache
    def report(program: Program) -> Mapping[str, Json]:
        return program.run(FOLDER, scene.facts(program.name))

    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many steps each client did."""
    counts: dict[str, int] = {}
    for report in terminalreporter.stats.get("passed", []):
        if "test_clients.py" in report.nodeid:
            name = report.nodeid.partition("[")[2].partition(":")[0]
            counts[name] = counts.get(name, 0) + 1
    if counts:
        terminalreporter.section("steps of clients")
        for name, count in counts.items():
            terminalreporter.write_line(f"{count:4} {name}")
        terminalreporter.write_line(f"{sum(counts.values()):4} in all")
