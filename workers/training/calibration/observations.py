"""Observations: the evidence for each instance of a model's answers, and whether it is right."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice

from pydantic import ValidationError

from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.florence2.task_results import read_answer, task_result
from workers.adapters.florence2.tokens import Answer
from workers.adapters.library_logging import silence_libraries
from workers.adapters.protocol import Work
from workers.catalog.florence2.calibration import Evidence
from workers.catalog.florence2.instances import instances_of
from workers.catalog.variant import Variant
from workers.training.calibration.cases import Case
from workers.training.calibration.judgement import are_right, normal

CASES_AT_ONCE = 256
"""The number of cases whose pictures are in memory; those of one task are asked in batches."""


@dataclass(frozen=True)
class Observation:
    """One instance that a model found.

    Attributes:
        picture: the number of its picture.
        task: the token of the task.
        evidence: the evidence for it.
        raw: its raw score.
        is_right: true when it is a true instance.
    """

    picture: int
    task: str
    evidence: Evidence
    raw: float
    is_right: bool


def load_adapter(variant: Variant, device: str, overrides: Mapping[str, str]) -> Florence2Adapter:
    """The adapter of a Florence-2, loaded.

    Args:
        variant: the row.
        device: torch's name for the device.
        overrides: local weight folders by variable name.

    Raises:
        workers.adapters.weights.WeightsError: the weights are missing or broken.
    """
    silence_libraries()
    adapter = Florence2Adapter(variant, device, overrides)
    adapter.load()
    return adapter


class Observer:
    """Asks a model the questions of cases, and judges its answers."""

    def __init__(self, adapter: Florence2Adapter, variant: Variant) -> None:
        """Ask this adapter, which has this variant loaded."""
        self._adapter = adapter
        self._variant = variant

    def observe(self, cases: Iterable[Case]) -> Iterator[Observation]:
        """Every instance of the answers whose label can be judged.

        A case that the model does not take is left out, such as one about a name with a comma.
        """
        for chunk in _chunks(cases, CASES_AT_ONCE):
            chunk.sort(key=lambda case: case.task.token)
            for _, own in groupby(chunk, key=lambda case: case.task.token):
                for batch in _chunks(own, self._variant.max_batch):
                    yield from self._observe_batch(batch)

    def _observe_batch(self, cases: list[Case]) -> Iterator[Observation]:
        asked = [(case, work) for case in cases if (work := self._work(case)) is not None]
        if not asked:
            return
        works = [work for _, work in asked]
        answers = self._adapter.answer(works, lambda _step, _steps: None, lambda: False)
        for (case, _), (answer,) in zip(asked, answers, strict=True):
            yield from self._judge(case, answer)

    def _work(self, case: Case) -> Work | None:
        inputs = {"image": "case", "task": case.task.token, **case.inputs}
        try:
            parameters = self._variant.resolve_sizes(
                self._variant.parameters(**inputs), {"image": [case.image.size]}
            )
        except ValidationError:
            return None
        return Work(parameters, {"image": [case.image]})

    def _judge(self, case: Case, answer: Answer) -> Iterator[Observation]:
        processor, size = self._adapter.processor, case.image.size
        result = task_result(processor, case.task, answer, size)
        scores = read_answer(processor, case.task, answer, size).scores
        instances = instances_of([result], case.inputs)
        flags = are_right(instances, case.targets, size)
        for instance, is_right in zip(instances, flags, strict=True):
            score = scores[instance.number]
            if score.evidence is None or not _is_judged(case, instance.label):
                continue
            yield Observation(case.picture, case.task.token, score.evidence, score.raw, is_right)


def _is_judged(case: Case, label: str) -> bool:
    return case.labels is None or not label or normal(label) in case.labels


def _chunks(cases: Iterable[Case], size: int) -> Iterator[list[Case]]:
    rest = iter(cases)
    while chunk := list(islice(rest, size)):
        yield chunk
