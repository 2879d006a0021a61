"""The open FLUX.2 variants: one row each."""

from dataclasses import replace

from db.values.pricing import PIXELS_PER_MEGAPIXEL, PerMegapixel, PerUnit, UnitKind
from workers.catalog.flux.cost import FluxCost, scaled_down
from workers.catalog.flux.inputs import FluxInputs, Presence
from workers.catalog.flux.masks import MaskGrain
from workers.catalog.flux.parameters import FluxParameters, flux_parameters
from workers.catalog.flux.row_parts import (
    APACHE,
    batch_fields,
    derive_variant,
    fills_a_device,
    measure,
    non_commercial,
    options,
    samples,
)
from workers.catalog.flux.sizes import FluxLimits
from workers.catalog.variant import Family, Variant, Weights

KLEIN_LIMITS = FluxLimits(
    side=1024,
    min_side=64,
    max_side=4096,
    max_pixels=4 * PIXELS_PER_MEGAPIXEL,
    steps=4,
    max_steps=12,
)
KLEIN_INPUTS = FluxInputs(
    image=Presence.OPTIONAL,
    mask=Presence.OPTIONAL,
    strengths=(None, 1.0),
    references=4,
    # Its pipeline scales the picture that it paints over to this size.
    max_masked_pixels=PIXELS_PER_MEGAPIXEL,
    mask_grain=MaskGrain.PATCH,
    image_description="The picture to edit; with a mask, only there, from images if there are any.",
)
DEV_INPUTS = FluxInputs(
    image=Presence.OPTIONAL,
    references=8,
    image_description="The one picture to edit or to paint from.",
)

KLEIN_4B_COST = FluxCost(
    step_seconds=0.09,
    launch_seconds=0.01,
    fixed_seconds=0.1,
    # 6.5 times the width of the transformer: 26 width² of arithmetic a token and block, and
    # 4 width of it a pair of tokens.
    attention_tokens=6.5 * 3072,
    text_tokens=512,
    reference_pixels=scaled_down,
)

KLEIN_4B_PARAMETERS = flux_parameters("Flux2Klein4bParameters", KLEIN_LIMITS, KLEIN_INPUTS)

FLUX2_KLEIN_4B = Variant(
    id="flux.2-klein-4b",
    family=Family.FLUX2,
    adapter="flux",
    title="FLUX.2 [klein] 4B: step-distilled, edits and paints from up to four pictures",
    weights=Weights(
        "black-forest-labs/FLUX.2-klein-4B", "e7b7dc27f91deacad38e78976d1f2b499d76a294"
    ),
    parameters=KLEIN_4B_PARAMETERS,
    unit_kind=UnitKind.IMAGES,
    price=PerMegapixel(first_micros=14_000, more_micros=1_000),
    measure=measure,
    cost_seconds=KLEIN_4B_COST,
    batch_fields=batch_fields(KLEIN_4B_PARAMETERS),
    max_batch=4,
    samples=samples,
    deadline_seconds=120,
    longest_deadline_seconds=900,
    runs_alone=fills_a_device,
    licence=APACHE,
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    options=options("klein", prompt_tokens=512, cached_prompts=16),
    resolve_sizes=FluxParameters.with_sizes,
)

FLUX2_KLEIN_9B = derive_variant(
    FLUX2_KLEIN_4B,
    id="flux.2-klein-9b",
    title="FLUX.2 [klein] 9B: step-distilled, edits and paints from up to four pictures",
    weights=Weights(
        "black-forest-labs/FLUX.2-klein-9B", "92196c8e11f7b6cf2b7493e037d8c5345c559216"
    ),
    parameters=flux_parameters("Flux2Klein9bParameters", KLEIN_LIMITS, KLEIN_INPUTS),
    price=PerMegapixel(first_micros=15_000, more_micros=2_000),
    cost_seconds=replace(
        KLEIN_4B_COST, step_seconds=0.19, fixed_seconds=0.2, attention_tokens=6.5 * 4096
    ),
    deadline_seconds=180,
    licence=non_commercial("black-forest-labs/FLUX.2-klein-9B"),
)

FLUX2_DEV = derive_variant(
    FLUX2_KLEIN_9B,
    id="flux.2-dev",
    title="FLUX.2 [dev]: 32B, edits and paints from up to eight pictures",
    weights=Weights("black-forest-labs/FLUX.2-dev", "26afe3a78bb242c0a8bb181dcc8937bb16e5c66c"),
    parameters=flux_parameters(
        "Flux2DevParameters",
        replace(KLEIN_LIMITS, steps=50, max_steps=50, guidance=4.0, guidance_range=(1.0, 10.0)),
        DEV_INPUTS,
    ),
    # Not on the vendor's list: between [klein] 9B and [pro].
    price=PerMegapixel(first_micros=25_000, more_micros=10_000),
    cost_seconds=replace(
        KLEIN_4B_COST, step_seconds=0.65, fixed_seconds=1.4, attention_tokens=6.5 * 6144
    ),
    max_batch=1,
    deadline_seconds=600,
    longest_deadline_seconds=3600,
    licence=non_commercial("black-forest-labs/FLUX.2-dev"),
    options=options("flux2", prompt_tokens=512, cached_prompts=16),
)

FLUX2_DEMO = derive_variant(
    FLUX2_KLEIN_4B,
    id="flux.2-demo",
    title="FLUX.2 at four million parameters: coloured shapes, from words or pictures, on the CPU",
    weights=Weights("flux.2-demo", bundled=True),
    parameters=flux_parameters(
        "Flux2DemoParameters",
        # The limits of flux.1-demo, whose VAE it shares.
        replace(
            KLEIN_LIMITS,
            side=256,
            max_side=512,
            max_pixels=384 * 384,
            step=32,
            max_steps=50,
        ),
        KLEIN_INPUTS,
    ),
    price=PerUnit(1_000),
    cost_seconds=FluxCost(
        # Measured: see BENCHMARKS.md.
        step_seconds=0.073,
        launch_seconds=0.005,
        fixed_seconds=0.03,
        attention_tokens=670,
        text_tokens=24,
        token_side=32,
        decode_seconds=1.0,
        encode_seconds=0.4,
        reference_pixels=scaled_down,
    ),
    max_batch=8,
    options=options("klein", prompt_tokens=24, cached_prompts=256),
)

ROWS = (FLUX2_KLEIN_4B, FLUX2_KLEIN_9B, FLUX2_DEV, FLUX2_DEMO)
