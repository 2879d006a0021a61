"""Every operation of an OpenAPI document, called with requests that schemathesis generates."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    SimpleCheckConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import Status, events, from_schema
from schemathesis.hooks import HookContext
from schemathesis.schemas import BaseSchema

from db.values.blank import is_absent
from tests.support.adapters import paint_or_look
from tests.support.station import FLORENCE2, FLUX, Station

Json = dict[str, Any]


@dataclass
class Outcome:
    """The outcome of a run: the calls of each operation, and every failed check or error."""

    calls: Counter[str] = field(default_factory=Counter)
    failures: set[str] = field(default_factory=set)

    def add(self, event: events.EngineEvent) -> None:
        """Add what an event of the run reports."""
        if isinstance(event, events.ScenarioFinished):
            self._add_scenario(event)
        elif isinstance(event, events.NonFatalError):
            self.failures.add(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            self.failures.add(repr(event.exception))

    def _add_scenario(self, event: events.ScenarioFinished) -> None:
        cases = (node.value for node in event.recorder.cases.values())
        self.calls.update(case.operation.label for case in cases)
        for case_id, checks in event.recorder.checks.items():
            case = event.recorder.cases[case_id].value
            failed = (each for each in checks if each.status is Status.FAILURE)
            if any(_has_absent(sent) for sent in (case.query, case.headers, case.body) if sent):
                # Blank and null are as if nothing was sent, whatever a schema says of a value.
                failed = (each for each in failed if each.name != "negative_data_rejection")
            self.failures |= {
                f"{check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                for check in failed
                if check.failure_info is not None
            }


def _has_absent(sent: Any) -> bool:
    # An empty object or list in a query is sent as a blank.
    if isinstance(sent, Mapping):
        return not sent or any(map(_has_absent, sent.values()))
    if isinstance(sent, list | tuple):
        return not sent or any(map(_has_absent, sent))
    return is_absent(sent)


def configured(
    key: str, seed: int, examples: int, *, is_foreign: bool = False, is_short: bool = False
) -> SchemathesisConfig:
    """A run with a key.

    Args:
        key: the API key.
        seed: of the generated requests.
        examples: the random requests for each operation.
        is_foreign: true for an API that takes what its clients send beside its document, and
            refuses calls of theirs by routes that it does not document.
        is_short: true for the documents' examples and random requests alone.
    """
    native = SimpleCheckConfig(enabled=not is_foreign)
    checks = ChecksConfig(
        allow_header_conformance=native,
        unsupported_method=native,
        # The service knows more than the schema: a model that is unknown, a picture that is none.
        positive_data_acceptance=PositiveDataAcceptanceConfig(enabled=False),
        # A DELETE of a job removes its contents: the job stays, for the bill.
        use_after_free=SimpleCheckConfig(enabled=False),
    )
    checks.negative_data_rejection.enabled = not is_foreign
    project = ProjectConfig(
        headers={"Authorization": f"Bearer {key}"},
        checks=checks,
        phases=PhasesConfig(
            coverage=CoveragePhaseConfig(enabled=not is_short),
            stateful=StatefulPhaseConfig(enabled=not is_short),
        ),
        generation=GenerationConfig(max_examples=examples, no_shrink=True),
        request_timeout=90,
        continue_on_failure=True,
    )
    return SchemathesisConfig(seed=seed, projects=ProjectsConfig(default=project))


def name_known_ids(schema: BaseSchema, known: Mapping[str, str]) -> None:
    """Send existing ids in about half of the paths, chosen by the path: a run is repeatable."""

    def map_path_parameters(_context: HookContext, path_parameters: Json) -> Json:
        if crc32(repr(path_parameters).encode()) % 2:
            return path_parameters
        return {name: known.get(name, value) for name, value in path_parameters.items()}

    schema.hook(map_path_parameters)


def outcome_of(schema: BaseSchema) -> Outcome:
    """Call every operation of a document."""
    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.add(event)
    return outcome


@contextmanager
def working(station: Station) -> Iterator[None]:
    """Run the jobs that are submitted meanwhile, so that streams and long polls end."""
    station.adapter.otherwise = paint_or_look
    stopping = threading.Event()

    def work() -> None:
        executor = station.executor()
        while not stopping.wait(0.05):
            for variant in (FLUX, FLORENCE2):
                executor.run_batch(variant)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
