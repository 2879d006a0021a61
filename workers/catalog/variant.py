"""A row of the catalogue: one servable model and everything that is derived from it."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, WithJsonSchema

from db.values.pricing import Measure, Price, UnitKind
from workers.catalog.serving import OPEN_REQUEST, ServingRequest

MAX_BATCH_SECONDS = 10.0
"""The estimated device-seconds of jobs that share a call."""

DEADLINE_FACTOR = 8.0
"""A job's deadline as a multiple of its estimated device-seconds.

Estimates are those of a data-centre card that serves the model in 16 bits; a desktop's card of the
same generation takes three to six times as long. A worker multiplies further where it serves a
model more slowly than its card could, see `workers.adapters.serving.plan`.
"""

REFUSAL_FACTOR = 1.5
"""A job is refused whose estimated device-seconds, times this, exceed the longest deadline."""


class Family(StrEnum):
    """A line of models that share code, inputs and outputs."""

    FLUX1 = "flux1"
    FLUX2 = "flux2"
    FLORENCE2 = "florence2"


class PictureField:
    """A marker of a parameter that names a picture: the API replaces it by a stored reference."""


Picture = Annotated[
    str,
    PictureField(),
    WithJsonSchema(
        {
            "type": "string",
            "description": "An https URL, a data URI, the id of an uploaded file (file_…), or the "
            "URL of an artifact of one of your own jobs.",
            "format": "picture",
        }
    ),
]


PictureSize = tuple[int, int]
"""Width and height of an upright picture, in pixels."""


class CostEstimate(Protocol):
    """Estimates a job's device-seconds."""

    def __call__(self, parameters: Any, inputs: tuple[int, ...] = ..., /) -> float:
        """The estimate.

        Args:
            parameters: the parsed parameters.
            inputs: the pixels of each input picture, as `Variant.measure` gets them; without
                them each picture is taken as a large one.
        """
        ...


def _never_alone(_parameters: BaseModel) -> bool:
    """False: a job may share a call, whatever its parameters."""
    return False


def _keep_parameters(
    parameters: BaseModel, _sizes: Mapping[str, Sequence[PictureSize]]
) -> BaseModel:
    """The parameters unchanged, where none depends on the sizes of the pictures."""
    return parameters


@dataclass(frozen=True)
class Weights:
    """The source of a variant's weights.

    Attributes:
        repo: hub id, or a path below this package's `demo/weights` when `bundled`.
        revision: the pinned commit on the hub, "" when bundled.
        bundled: true for weights that are shipped with the project.
        folder: an absolute local folder as `save_pretrained` writes it, instead of the hub.
        file: a single safetensors or GGUF file with the transformer alone; an absolute path, or a
            name in the hub's `repo`. The other components are those of the row's `base`.
    """

    repo: str
    revision: str = ""
    bundled: bool = False
    folder: str = ""
    file: str = ""


@dataclass(frozen=True)
class Licence:
    """The weights' licence and its conditions for whoever serves them."""

    name: str
    url: str = ""
    commercial_use: bool = True
    content_filter_required: bool = False


@dataclass(frozen=True)
class Variant:
    """One servable model: a row of the catalogue.

    Attributes:
        id: public name; the Celery queue has the same name.
        family: line of models.
        adapter: key into the adapter registry.
        title: one line for people.
        weights: their source; None for a model that only its vendor hosts.
        parameters: the pydantic model of `input`, defaults and limits included; extra forbidden.
        unit_kind: the allowance from which a job is paid.
        price: price rule.
        vendor_price: rule of what the vendor bills the operator; None for a model that runs on own
            devices.
        measure: computes what is priced from the parsed parameters and the pixels of each input
            picture.
        cost_seconds: estimates device-seconds from the parsed parameters and the pixels of each
            input picture (fair share, expected wait, deadline).
        batch_fields: parameters that must be equal for two jobs to share one call of the model.
        max_batch: most samples in one call; a job of n pictures counts n.
        samples: number of those samples that a job takes, from its parsed parameters.
        deadline_seconds: longest time that an attempt at a small job may run; see `deadline_for`.
        licence: the weights' licence.
        calls_at_once: number of concurrent calls of the model that one worker makes: 1 on a
            device, more only where the model runs elsewhere.
        tasks: task names, for families that have several.
        longest_deadline_seconds: longest time that an attempt at any job may run, see
            `longest_deadline`; 0 where all jobs have the same deadline.
        runs_alone: true for parameters of a job that fills the device by itself: a batch of such
            jobs would take as long as one after the other, and each would wait for all.
        dtype: torch dtype by device kind, e.g. {"cuda": "bfloat16", "cpu": "float32"}.
        options: settings that only the adapter reads.
        resolve_sizes: completes the parameters with everything that depends on the sizes of the
            pictures, which it gets by parameter name. It is called at submission, and raises a
            `pydantic.ValidationError` where the sizes do not match each other.
        serving: how the operator wants it served.
        base: the id of the built-in row that an operator's row derives from; "" for a built-in.
        aliases: other names that clients may call it by.
        idle_seconds: time without a job after which its memory is given back; None for never.
        pinned: true when it is neither evicted for another model nor unloaded when idle.
        enabled: false when the operator does not offer it; a worker may still serve its queue.
    """

    id: str
    family: Family
    adapter: str
    title: str
    weights: Weights | None
    parameters: type[BaseModel]
    unit_kind: UnitKind
    price: Price
    measure: Callable[[Any, tuple[int, ...]], Measure]
    cost_seconds: CostEstimate
    batch_fields: tuple[str, ...]
    max_batch: int
    samples: Callable[[Any], int]
    deadline_seconds: float
    licence: Licence
    longest_deadline_seconds: float = 0.0
    runs_alone: Callable[[Any], bool] = _never_alone
    calls_at_once: int = 1
    vendor_price: Price | None = None
    tasks: tuple[str, ...] = ()
    dtype: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    resolve_sizes: Callable[[Any, Mapping[str, Sequence[PictureSize]]], BaseModel] = (
        _keep_parameters
    )
    serving: ServingRequest = OPEN_REQUEST
    base: str = ""
    aliases: tuple[str, ...] = ()
    idle_seconds: float | None = None
    pinned: bool = False
    enabled: bool = True

    @property
    def max_prompt_tokens(self) -> int | None:
        """Most tokens of a prompt that are read, with those of a chat template; None for no limit.

        FLUX.1's other text encoder, which reads 77 for one vector that sets the tone, is not meant.
        """
        return self.options.get("max_sequence_length")

    @property
    def is_hosted(self) -> bool:
        """True for a model that a vendor runs, and bills."""
        return self.vendor_price is not None

    def vendor_micros(self, measure: Measure) -> int | None:
        """The cost of one task at the vendor in micro-USD; None without a vendor."""
        return None if self.vendor_price is None else self.vendor_price.amount_micros(measure)

    def batch_key(self, parameters: BaseModel) -> str:
        """A digest equal for jobs that the model can run in one call."""
        values = parameters.model_dump(mode="json", include=set(self.batch_fields))
        text = json.dumps([self.id, values], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def batch_limit(self, parameters: BaseModel, inputs: tuple[int, ...] = ()) -> int:
        """The number of jobs like this one that fit in one call, itself included; at least 1.

        A call takes about `MAX_BATCH_SECONDS` at most, unless one job does: who waits for the
        device waits for all of a batch, and a long job fills the device by itself.

        Args:
            parameters: the parsed parameters.
            inputs: the pixels of each input picture.
        """
        if self.runs_alone(parameters):
            return 1
        in_time = int(MAX_BATCH_SECONDS / max(self.cost_seconds(parameters, inputs), 1e-3))
        return max(1, min(self.max_batch // self.samples(parameters), in_time))

    @property
    def longest_deadline(self) -> float:
        """Seconds that no attempt at any job exceeds, however slowly a worker serves the model.

        The times for which a stopping worker is waited for derive from it.
        """
        return max(self.deadline_seconds, self.longest_deadline_seconds)

    def deadline_for(self, parameters: BaseModel, inputs: tuple[int, ...] = ()) -> float:
        """Seconds that an attempt at a job may run on a device as fast as the estimates'.

        With a deadline of 120 s, 1800 s at the most, jobs of 4, 60 and 600 s may run for 120, 480
        and 1800 s.

        Args:
            parameters: the parsed parameters.
            inputs: the pixels of each input picture.
        """
        by_cost = DEADLINE_FACTOR * self.cost_seconds(parameters, inputs)
        return min(max(self.deadline_seconds, by_cost), self.longest_deadline)

    def exceeds_deadline(self, parameters: BaseModel, inputs: tuple[int, ...] = ()) -> bool:
        """True for a job that would not end within the longest deadline."""
        return REFUSAL_FACTOR * self.cost_seconds(parameters, inputs) > self.longest_deadline


def weights_variable(variant_id: str) -> str:
    """The variable that names local weights: "flux.1-dev" → "BOTTEGA_WEIGHTS_FLUX_1_DEV"."""
    return "BOTTEGA_WEIGHTS_" + re.sub(r"[^A-Z0-9]", "_", variant_id.upper())


def picture_fields(parameters: type[BaseModel]) -> tuple[str, ...]:
    """The names of the parameters that are pictures (or lists of them), in order."""
    return tuple(
        name
        for name, info in parameters.model_fields.items()
        if _marks_picture(info.rebuild_annotation())
    )


def _marks_picture(annotation: Any) -> bool:
    if any(isinstance(mark, PictureField) for mark in getattr(annotation, "__metadata__", ())):
        return True
    return any(map(_marks_picture, getattr(annotation, "__args__", ())))
