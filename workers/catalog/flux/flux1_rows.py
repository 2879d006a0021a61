"""The open FLUX.1 variants: one row each."""

from dataclasses import replace

from db.values.pricing import PIXELS_PER_MEGAPIXEL, PerMegapixel, PerUnit, UnitKind
from workers.catalog.flux.cost import FluxCost, scaled_to_a_megapixel
from workers.catalog.flux.inputs import FluxInputs, Presence
from workers.catalog.flux.masks import MaskGrain
from workers.catalog.flux.parameters import FluxParameters, flux_parameters
from workers.catalog.flux.row_parts import (
    APACHE,
    batch_fields,
    derive_variant,
    fills_a_device,
    measure_output,
    non_commercial,
    options,
    samples,
)
from workers.catalog.flux.sizes import KONTEXT_SIZES, FluxLimits
from workers.catalog.variant import Family, Variant, Weights

FROM_A_PICTURE = FluxInputs(
    image=Presence.OPTIONAL,
    mask=Presence.OPTIONAL,
    strengths=(0.75, 1.0),
    image_description="A picture to paint over: all of it, or with a mask a part.",
)
CONTROLLED = FluxInputs(
    image=Presence.REQUIRED,
    control=True,
    image_description="A picture whose outlines or depths the new picture keeps.",
)

SCHNELL_LIMITS = FluxLimits(
    side=1024,
    min_side=64,
    max_side=2048,
    max_pixels=2 * PIXELS_PER_MEGAPIXEL,
    steps=4,
    max_steps=12,
)
DEV_LIMITS = replace(
    SCHNELL_LIMITS, steps=28, max_steps=50, guidance=3.5, guidance_range=(1.0, 10.0)
)

TRUE_GUIDANCE = 3.5
"""Default weight of a negative prompt, in the rows whose pipelines take one."""

SCHNELL_COST = FluxCost(
    step_seconds=0.18,
    launch_seconds=0.01,
    fixed_seconds=0.1,
    # Six times the width of the transformer: 24 width² of arithmetic a token and block, and
    # 4 width of it a pair of tokens.
    attention_tokens=6 * 3072,
    text_tokens=256,
)
DEV_COST = replace(SCHNELL_COST, step_seconds=0.19, text_tokens=512)
_REDUX_TOKENS = 729
"""Tokens of the pictures to vary, which are mixed into those of one."""

SCHNELL_PARAMETERS = flux_parameters(
    "Flux1SchnellParameters", replace(SCHNELL_LIMITS, true_guidance=TRUE_GUIDANCE), FROM_A_PICTURE
)

FLUX1_SCHNELL = Variant(
    id="flux.1-schnell",
    family=Family.FLUX1,
    adapter="flux",
    title="FLUX.1 [schnell]: 12B, four steps",
    weights=Weights("black-forest-labs/FLUX.1-schnell", "741f7c3ce8b383c54771c7003378a50191e9efe9"),
    parameters=SCHNELL_PARAMETERS,
    unit_kind=UnitKind.IMAGES,
    price=PerMegapixel(first_micros=3_000, more_micros=3_000),
    measure=measure_output,
    cost_seconds=SCHNELL_COST,
    batch_fields=batch_fields(SCHNELL_PARAMETERS),
    max_batch=4,
    samples=samples,
    deadline_seconds=120,
    longest_deadline_seconds=900,
    runs_alone=fills_a_device,
    licence=APACHE,
    dtype={"cuda": "bfloat16", "cpu": "bfloat16"},
    options=options("flux1", prompt_tokens=256, cached_prompts=32),
    resolve_sizes=FluxParameters.with_sizes,
)

FLUX1_DEV = derive_variant(
    FLUX1_SCHNELL,
    id="flux.1-dev",
    title="FLUX.1 [dev]: 12B, guidance-distilled",
    weights=Weights("black-forest-labs/FLUX.1-dev", "3de623fc3c33e44ffbe2bad470d0f45bccf2eb21"),
    parameters=flux_parameters(
        "Flux1DevParameters", replace(DEV_LIMITS, true_guidance=TRUE_GUIDANCE), FROM_A_PICTURE
    ),
    price=PerUnit(25_000),
    cost_seconds=DEV_COST,
    deadline_seconds=300,
    longest_deadline_seconds=1800,
    licence=non_commercial("black-forest-labs/FLUX.1-dev"),
    options=options("flux1", prompt_tokens=512, cached_prompts=32),
)

FLUX1_KREA_DEV = derive_variant(
    FLUX1_DEV,
    id="flux.1-krea-dev",
    title="FLUX.1 Krea [dev]: 12B, for photographs",
    weights=Weights(
        "black-forest-labs/FLUX.1-Krea-dev", "8162a9c7b05a641be098422bf2fcf335615c2f28"
    ),
    parameters=flux_parameters(
        "Flux1KreaDevParameters",
        replace(DEV_LIMITS, guidance=4.5, true_guidance=TRUE_GUIDANCE),
        FROM_A_PICTURE,
    ),
    licence=non_commercial("black-forest-labs/FLUX.1-Krea-dev"),
)

FLUX1_FILL_DEV = derive_variant(
    FLUX1_DEV,
    id="flux.1-fill-dev",
    title="FLUX.1 Fill [dev]: 12B, repaints the masked part of a picture",
    weights=Weights(
        "black-forest-labs/FLUX.1-Fill-dev", "358293da0354175698b67ec8299acf928313a78a"
    ),
    parameters=flux_parameters(
        "Flux1FillDevParameters",
        replace(DEV_LIMITS, steps=50, guidance=30.0, guidance_range=(1.0, 100.0)),
        FluxInputs(
            image=Presence.REQUIRED,
            mask=Presence.REQUIRED,
            mask_grain=MaskGrain.PIXEL,
            image_description="The picture of which a part is repainted.",
        ),
    ),
    price=PerUnit(50_000),
    licence=non_commercial("black-forest-labs/FLUX.1-Fill-dev"),
    options=options("fill", prompt_tokens=512, cached_prompts=32),
)

FLUX1_KONTEXT_DEV = derive_variant(
    FLUX1_DEV,
    id="flux.1-kontext-dev",
    title="FLUX.1 Kontext [dev]: 12B, edits a picture as the prompt says",
    weights=Weights(
        "black-forest-labs/FLUX.1-Kontext-dev", "af58063aa431f4d2bbc11ae46f57451d4416a170"
    ),
    parameters=flux_parameters(
        "Flux1KontextDevParameters",
        replace(
            DEV_LIMITS, guidance=2.5, true_guidance=TRUE_GUIDANCE, preferred_sizes=KONTEXT_SIZES
        ),
        FluxInputs(
            image=Presence.OPTIONAL,
            mask=Presence.OPTIONAL,
            strengths=(None, 1.0),
            image_description="The picture to edit; with a mask, only there.",
        ),
    ),
    price=PerUnit(40_000),
    cost_seconds=replace(DEV_COST, reference_pixels=scaled_to_a_megapixel),
    licence=non_commercial("black-forest-labs/FLUX.1-Kontext-dev"),
    options=options("kontext", prompt_tokens=512, cached_prompts=32, snaps_picture=True),
)

FLUX1_CANNY_DEV = derive_variant(
    FLUX1_DEV,
    id="flux.1-canny-dev",
    title="FLUX.1 Canny [dev]: 12B, keeps a picture's outlines",
    weights=Weights(
        "black-forest-labs/FLUX.1-Canny-dev", "27c3d8bdc17509b47cf4fd9ba25ab1c7508a69a2"
    ),
    parameters=flux_parameters(
        "Flux1CannyDevParameters",
        replace(DEV_LIMITS, steps=50, guidance=30.0, guidance_range=(1.0, 100.0)),
        CONTROLLED,
    ),
    price=PerUnit(50_000),
    licence=non_commercial("black-forest-labs/FLUX.1-Canny-dev"),
    options=options("canny", prompt_tokens=512, cached_prompts=32),
)

FLUX1_DEPTH_DEV = derive_variant(
    FLUX1_CANNY_DEV,
    id="flux.1-depth-dev",
    title="FLUX.1 Depth [dev]: 12B, keeps a picture's depths",
    weights=Weights(
        "black-forest-labs/FLUX.1-Depth-dev", "fb5e9b1bae41b8c8adcea4ea2a87b74dd298f07a"
    ),
    parameters=flux_parameters(
        "Flux1DepthDevParameters",
        replace(DEV_LIMITS, steps=30, guidance=10.0, guidance_range=(1.0, 100.0)),
        CONTROLLED,
    ),
    licence=non_commercial("black-forest-labs/FLUX.1-Depth-dev"),
    options=options(
        "depth",
        prompt_tokens=512,
        cached_prompts=32,
        depth_weights=Weights(
            "depth-anything/Depth-Anything-V2-Small-hf", "5426e4f0f36572d16453bbda7a8389317b1bef99"
        ),
    ),
)

FLUX1_REDUX_DEV = derive_variant(
    FLUX1_DEV,
    id="flux.1-redux-dev",
    title="FLUX.1 Redux [dev]: variations of a picture, painted by FLUX.1 [dev]",
    parameters=flux_parameters(
        "Flux1ReduxDevParameters",
        replace(DEV_LIMITS, steps=50, guidance=2.5),
        FluxInputs(
            image=Presence.REQUIRED,
            references=4,
            image_description="The picture to vary.",
        ),
        prompt_needed=False,
    ),
    cost_seconds=replace(DEV_COST, text_tokens=DEV_COST.text_tokens + _REDUX_TOKENS),
    licence=non_commercial("black-forest-labs/FLUX.1-Redux-dev"),
    options=options(
        "redux",
        prompt_tokens=512,
        cached_prompts=32,
        prior_weights=Weights(
            "black-forest-labs/FLUX.1-Redux-dev", "1282f955f706b5240161278f2ef261d2a29ad649"
        ),
    ),
)

FLUX1_DEMO = derive_variant(
    FLUX1_SCHNELL,
    id="flux.1-demo",
    title="FLUX.1 at ten million parameters: coloured shapes, on the CPU",
    weights=Weights("flux.1-demo", bundled=True),
    parameters=flux_parameters(
        "Flux1DemoParameters",
        FluxLimits(
            side=256,
            min_side=64,
            max_side=512,
            max_pixels=384 * 384,
            # Its VAE shrinks by 16.
            step=32,
            steps=4,
            # Far more than it needs, so that a test or a demonstration can see a job run.
            max_steps=50,
            true_guidance=TRUE_GUIDANCE,
        ),
        FROM_A_PICTURE,
    ),
    price=PerUnit(1_000),
    cost_seconds=FluxCost(
        # Measured: see BENCHMARKS.md.
        step_seconds=0.19,
        launch_seconds=0.006,
        fixed_seconds=0.02,
        attention_tokens=1100,
        text_tokens=64,
        token_side=32,
        decode_seconds=1.0,
        encode_seconds=0.4,
    ),
    max_batch=8,
    options=options("flux1", prompt_tokens=64, cached_prompts=256),
)

ROWS = (
    FLUX1_SCHNELL,
    FLUX1_DEV,
    FLUX1_KREA_DEV,
    FLUX1_FILL_DEV,
    FLUX1_KONTEXT_DEV,
    FLUX1_CANNY_DEV,
    FLUX1_DEPTH_DEV,
    FLUX1_REDUX_DEV,
    FLUX1_DEMO,
)
