"""The Florence-2 variants: one row each.

The weights are the conversions that transformers loads without remote code. Prices, batch
sizes and cost estimates are defaults for the operator to change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from db.values.pricing import Measure, PerUnit, UnitKind
from workers.catalog.florence2.limits import Florence2Limits
from workers.catalog.florence2.parameters import Florence2Parameters, florence2_parameters
from workers.catalog.florence2.region import refuse_unreadable
from workers.catalog.florence2.tasks import TASKS
from workers.catalog.variant import CostEstimate, Family, Licence, PictureSize, Variant, Weights

MIT = Licence("MIT", "https://opensource.org/license/mit")
LARGE_LIMITS = Florence2Limits(
    num_beams=3,
    max_new_tokens=1023,
    max_new_tokens_limit=1023,
    max_text_tokens=1024 - 577 - 10,
)


def _measure(parameters: Florence2Parameters, inputs: tuple[int, ...]) -> Measure:
    return Measure(units=len(parameters.tasks), input_pixels=inputs)


def _one_sample(_parameters: Florence2Parameters) -> int:
    """One sample: tasks run one after another, so a job takes one row of a call at a time."""
    return 1


def _check_region(
    parameters: Florence2Parameters, sizes: Mapping[str, Sequence[PictureSize]]
) -> Florence2Parameters:
    refuse_unreadable(parameters.region, sizes["image"][0])
    return parameters


def _cost(encode_seconds: float, caption_seconds: float) -> CostEstimate:
    """Estimate a job's seconds: the picture once, then each task by its answer's usual length.

    Every picture is scaled to one size, so that its own does not matter.
    """

    def seconds(parameters: Florence2Parameters, _inputs: tuple[int, ...] = ()) -> float:
        beams = 1 + 0.3 * (parameters.num_beams - 1)
        captions = sum(task.cost for task in parameters.requested_tasks)
        return encode_seconds + beams * caption_seconds * captions

    return seconds


def _options(*, no_repeat_ngram_size: int) -> dict[str, Any]:
    """The options of a row that `workers.adapters.florence2.adapter` reads."""
    return {
        "no_repeat_ngram_size": no_repeat_ngram_size,
        "picture_cache": 64,
        "picture_cache_bytes": 128 * 2**20,
        "attention": "sdpa",
        # It adds some minutes to loading: too much for a worker that is often restarted.
        "compile_greedy": False,
    }


FLORENCE2_BASE = Variant(
    id="florence-2-base",
    family=Family.FLORENCE2,
    adapter="florence2",
    title="Florence-2 base: 0.23B",
    weights=Weights(
        "florence-community/Florence-2-base", "00921df66db728a9ceb750f5eca43e5c203a2051"
    ),
    parameters=florence2_parameters("Florence2BaseParameters", LARGE_LIMITS),
    unit_kind=UnitKind.ANALYSES,
    price=PerUnit(500),
    measure=_measure,
    cost_seconds=_cost(encode_seconds=0.03, caption_seconds=0.08),
    # Answers to different tasks differ in length, and the whole batch waits for the longest.
    batch_fields=("tasks", "num_beams", "max_new_tokens"),
    max_batch=16,
    samples=_one_sample,
    deadline_seconds=120,
    longest_deadline_seconds=600,
    licence=MIT,
    tasks=tuple(task.token for task in TASKS),
    # As they are stored, and officially run; bfloat16 has three bits less, and moves boxes.
    dtype={"cuda": "float16", "cpu": "float32"},
    options=_options(no_repeat_ngram_size=3),
    resolve_sizes=_check_region,
)

FLORENCE2_BASE_FT = replace(
    FLORENCE2_BASE,
    id="florence-2-base-ft",
    title="Florence-2 base, fine-tuned: better at grounding and segmentation",
    weights=Weights(
        "florence-community/Florence-2-base-ft", "0b03b6f15a4a211370fb204aee4e7dd48887ea37"
    ),
    parameters=florence2_parameters("Florence2BaseFtParameters", LARGE_LIMITS),
)

FLORENCE2_LARGE = replace(
    FLORENCE2_BASE,
    id="florence-2-large",
    title="Florence-2 large: 0.77B",
    weights=Weights(
        "florence-community/Florence-2-large", "4271c66b88cdbc05735372ec13b2360108de5317"
    ),
    parameters=florence2_parameters("Florence2LargeParameters", LARGE_LIMITS),
    price=PerUnit(1_000),
    cost_seconds=_cost(encode_seconds=0.06, caption_seconds=0.15),
)

FLORENCE2_LARGE_FT = replace(
    FLORENCE2_LARGE,
    id="florence-2-large-ft",
    title="Florence-2 large, fine-tuned: better at grounding and segmentation",
    weights=Weights(
        "florence-community/Florence-2-large-ft", "26b734a54fdfbf9c398351eedfabb7f27fc470b7"
    ),
    parameters=florence2_parameters("Florence2LargeFtParameters", LARGE_LIMITS),
)

FLORENCE2_DEMO = replace(
    FLORENCE2_BASE,
    id="florence-2-demo",
    title="Florence-2 at four million parameters: drawn scenes, on the CPU",
    weights=Weights("florence-2-demo", bundled=True),
    parameters=florence2_parameters(
        "Florence2DemoParameters",
        Florence2Limits(
            num_beams=1,
            max_new_tokens=200,
            max_new_tokens_limit=319,
            max_text_tokens=320 - 145 - 10,
        ),
    ),
    price=PerUnit(200),
    cost_seconds=_cost(encode_seconds=0.005, caption_seconds=0.01),
    max_batch=8,
    deadline_seconds=60,
    licence=Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    options=_options(no_repeat_ngram_size=0),
)

ROWS = (FLORENCE2_BASE, FLORENCE2_BASE_FT, FLORENCE2_LARGE, FLORENCE2_LARGE_FT, FLORENCE2_DEMO)
