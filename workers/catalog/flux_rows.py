"""The FLUX variants: one row each.

Prices follow the vendor's and the open hosts' published lists and are defaults for the operator
to change, as the batch sizes, deadlines and cost estimates are. A cost estimate need only be
right relative to the other estimates for the same variant: it divides a device fairly.
"""

from collections.abc import Callable

from db.pricing import PIXELS_PER_MEGAPIXEL, Measure, PerMegapixel, PerUnit, UnitKind
from workers.catalog.flux_parameters import FluxLimits, FluxParameters, flux_parameters
from workers.catalog.variant import Family, Licence, Variant, Weights

GIGABYTE = 10**9
BATCH_FIELDS = ("width", "height", "num_images", "steps", "guidance")
"""`num_images` is among them so that `batch_limit` counts samples exactly."""

NON_COMMERCIAL = "FLUX Non-Commercial License"
KLEIN_LIMITS = FluxLimits(
    side=1024,
    min_side=64,
    max_side=4096,
    max_pixels=4 * PIXELS_PER_MEGAPIXEL,
    steps=4,
    max_steps=12,
)
APACHE = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")


def _measure(parameters: FluxParameters, _inputs: tuple[int, ...]) -> Measure:
    return Measure(units=parameters.num_images, output_pixels=parameters.pixels)


def _samples(parameters: FluxParameters) -> int:
    return parameters.num_images


def _cost(step_seconds: float, fixed_seconds: float) -> Callable[[FluxParameters], float]:
    """Seconds of a job: `fixed + images * megapixels * steps * step`, attention taken as linear."""

    def seconds(parameters: FluxParameters) -> float:
        megapixels = parameters.pixels / PIXELS_PER_MEGAPIXEL
        return fixed_seconds + parameters.num_images * megapixels * parameters.steps * step_seconds

    return seconds


FLUX1_SCHNELL = Variant(
    id="flux.1-schnell",
    family=Family.FLUX1,
    adapter="flux",
    title="FLUX.1 [schnell]: 12B, four steps",
    weights=Weights("black-forest-labs/FLUX.1-schnell", "741f7c3ce8b383c54771c7003378a50191e9efe9"),
    parameters=flux_parameters(
        "Flux1SchnellParameters",
        FluxLimits(
            side=1024,
            min_side=64,
            max_side=2048,
            max_pixels=2 * PIXELS_PER_MEGAPIXEL,
            steps=4,
            max_steps=12,
        ),
    ),
    unit_kind=UnitKind.IMAGES,
    price=PerMegapixel(first_micros=3_000, more_micros=3_000),
    measure=_measure,
    cost_seconds=_cost(step_seconds=0.24, fixed_seconds=0.3),
    batch_fields=BATCH_FIELDS,
    max_batch=4,
    samples=_samples,
    deadline_seconds=120,
    licence=APACHE,
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    memory_bytes=33 * GIGABYTE,
    options={"max_sequence_length": 256, "prompt_cache": 32},
)

FLUX1_DEV = Variant(
    id="flux.1-dev",
    family=Family.FLUX1,
    adapter="flux",
    title="FLUX.1 [dev]: 12B, guidance-distilled",
    weights=Weights("black-forest-labs/FLUX.1-dev", "3de623fc3c33e44ffbe2bad470d0f45bccf2eb21"),
    parameters=flux_parameters(
        "Flux1DevParameters",
        FluxLimits(
            side=1024,
            min_side=64,
            max_side=2048,
            max_pixels=2 * PIXELS_PER_MEGAPIXEL,
            steps=28,
            max_steps=50,
            guidance=3.5,
            guidance_range=(1.0, 10.0),
        ),
    ),
    unit_kind=UnitKind.IMAGES,
    price=PerUnit(25_000),
    measure=_measure,
    cost_seconds=_cost(step_seconds=0.24, fixed_seconds=0.3),
    batch_fields=BATCH_FIELDS,
    max_batch=4,
    samples=_samples,
    deadline_seconds=300,
    licence=Licence(
        NON_COMMERCIAL,
        "https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md",
        commercial_use=False,
        content_filter_required=True,
    ),
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    memory_bytes=33 * GIGABYTE,
    options={"max_sequence_length": 512, "prompt_cache": 32},
)

FLUX1_DEMO = Variant(
    id="flux.1-demo",
    family=Family.FLUX1,
    adapter="flux",
    title="FLUX.1 at ten million parameters: coloured shapes, on the CPU",
    weights=Weights("flux.1-demo", bundled=True),
    parameters=flux_parameters(
        "Flux1DemoParameters",
        FluxLimits(
            side=128,
            min_side=64,
            max_side=256,
            max_pixels=256 * 256,
            steps=4,
            # Far more than it needs: what lets a test or a demonstration see a job run.
            max_steps=50,
        ),
    ),
    unit_kind=UnitKind.IMAGES,
    price=PerUnit(1_000),
    measure=_measure,
    cost_seconds=_cost(step_seconds=0.7, fixed_seconds=0.03),
    batch_fields=BATCH_FIELDS,
    max_batch=8,
    samples=_samples,
    deadline_seconds=120,
    licence=APACHE,
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    memory_bytes=20 * 10**6,
    options={"max_sequence_length": 64, "prompt_cache": 256},
)

FLUX2_KLEIN_4B = Variant(
    id="flux.2-klein-4b",
    family=Family.FLUX2,
    adapter="flux",
    title="FLUX.2 [klein] 4B: step-distilled",
    weights=Weights(
        "black-forest-labs/FLUX.2-klein-4B", "e7b7dc27f91deacad38e78976d1f2b499d76a294"
    ),
    parameters=flux_parameters("Flux2Klein4bParameters", KLEIN_LIMITS),
    unit_kind=UnitKind.IMAGES,
    price=PerMegapixel(first_micros=14_000, more_micros=1_000),
    measure=_measure,
    cost_seconds=_cost(step_seconds=0.09, fixed_seconds=0.2),
    batch_fields=BATCH_FIELDS,
    max_batch=4,
    samples=_samples,
    deadline_seconds=120,
    licence=APACHE,
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    memory_bytes=20 * GIGABYTE,
    options={"max_sequence_length": 512, "prompt_cache": 16},
)

FLUX2_KLEIN_9B = Variant(
    id="flux.2-klein-9b",
    family=Family.FLUX2,
    adapter="flux",
    title="FLUX.2 [klein] 9B: step-distilled",
    weights=Weights(
        "black-forest-labs/FLUX.2-klein-9B", "92196c8e11f7b6cf2b7493e037d8c5345c559216"
    ),
    parameters=flux_parameters("Flux2Klein9bParameters", KLEIN_LIMITS),
    unit_kind=UnitKind.IMAGES,
    price=PerMegapixel(first_micros=15_000, more_micros=2_000),
    measure=_measure,
    cost_seconds=_cost(step_seconds=0.19, fixed_seconds=0.3),
    batch_fields=BATCH_FIELDS,
    max_batch=4,
    samples=_samples,
    deadline_seconds=180,
    licence=Licence(
        NON_COMMERCIAL,
        "https://huggingface.co/black-forest-labs/FLUX.2-klein-9B/blob/main/LICENSE.md",
        commercial_use=False,
        content_filter_required=True,
    ),
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    memory_bytes=29 * GIGABYTE,
    options={"max_sequence_length": 512, "prompt_cache": 16},
)

ROWS = (FLUX1_SCHNELL, FLUX1_DEV, FLUX1_DEMO, FLUX2_KLEIN_4B, FLUX2_KLEIN_9B)
