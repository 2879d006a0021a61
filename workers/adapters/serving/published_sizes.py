"""Sizes of the published models' components, counted on their real classes without weights.

`tests/conformance/workers/adapters/serving/test_published_sizes.py` counts them anew, from the
sizes in the configuration files of the checkpoints.
"""

from workers.adapters.serving.component import Component, Role

PUBLISHED = {
    "flux1": Component(
        "FluxTransformer2DModel",
        Role.TRANSFORMER,
        kept=67_179_584,
        large=8_606_711_808,
        large_rows=1_984_512,
        modulation=3_227_516_928,
        modulation_rows=1_050_624,
        block=339_738_624,
        largest=56_623_104,
        width=3_072,
    ),
    "flux1-schnell": Component(
        "FluxTransformer2DModel",
        Role.TRANSFORMER,
        kept=56_949_824,
        large=8_606_711_808,
        large_rows=1_984_512,
        modulation=3_227_516_928,
        modulation_rows=1_050_624,
        block=339_738_624,
        largest=56_623_104,
        width=3_072,
    ),
    "flux1-fill": Component(
        "FluxTransformer2DModel",
        Role.TRANSFORMER,
        kept=68_162_624,
        large=8_606_711_808,
        large_rows=1_984_512,
        modulation=3_227_516_928,
        modulation_rows=1_050_624,
        block=339_738_624,
        largest=56_623_104,
        width=3_072,
    ),
    "flux1-control": Component(
        "FluxTransformer2DModel",
        Role.TRANSFORMER,
        kept=67_376_192,
        large=8_606_711_808,
        large_rows=1_984_512,
        modulation=3_227_516_928,
        modulation_rows=1_050_624,
        block=339_738_624,
        largest=56_623_104,
        width=3_072,
    ),
    "flux2-klein-4b": Component(
        "Flux2Transformer2DModel",
        Role.TRANSFORMER,
        kept=53_485_056,
        large=3_680_501_760,
        large_rows=952_320,
        modulation=141_557_760,
        modulation_rows=46_080,
        block=245_366_784,
        largest=84_934_656,
        width=3_072,
    ),
    "flux2-klein-9b": Component(
        "Flux2Transformer2DModel",
        Role.TRANSFORMER,
        kept=102_770_688,
        large=8_724_152_320,
        large_rows=1_703_936,
        modulation=251_658_240,
        modulation_rows=61_440,
        block=436_207_616,
        largest=150_994_944,
        width=4_096,
    ),
    "flux2-dev": Component(
        "Flux2Transformer2DModel",
        Role.TRANSFORMER,
        kept=250_101_760,
        large=31_406_948_352,
        large_rows=4_030_464,
        modulation=566_231_040,
        modulation_rows=92_160,
        block=981_467_136,
        largest=339_738_624,
        width=6_144,
    ),
    "t5-xxl": Component(
        "T5EncoderModel",
        Role.TEXT,
        kept=1_138_432_000,
        large=3_623_878_656,
        large_rows=884_736,
        block=150_994_944,
        largest=131_596_288,
    ),
    "clip-l": Component(
        "CLIPTextModel",
        Role.TEXT,
        kept=123_060_480,
        largest=37_945_344,
    ),
    "qwen3-4b": Component(
        "Qwen3ForCausalLM",
        Role.TEXT,
        kept=389_152_256,
        large=3_633_315_840,
        large_rows=1_105_920,
        block=100_925_440,
        largest=388_956_160,
    ),
    "qwen3-8b": Component(
        "Qwen3ForCausalLM",
        Role.TEXT,
        kept=1_244_967_936,
        large=6_945_767_424,
        large_rows=1_400_832,
        block=192_937_984,
        largest=622_329_856,
    ),
    "mistral-small-24b": Component(
        "Mistral3ForConditionalGeneration",
        Role.TEXT,
        kept=1_781_550_080,
        large=22_229_811_200,
        large_rows=3_276_800,
        block=555_745_280,
        largest=671_088_640,
    ),
    "flux1-vae": Component(
        "AutoencoderKL",
        Role.OTHER,
        kept=83_819_683,
        largest=2_359_296,
        width=128,
    ),
    "flux2-vae": Component(
        "AutoencoderKLFlux2",
        Role.OTHER,
        kept=84_046_115,
        largest=2_359_296,
        width=128,
    ),
    "siglip-so400m": Component(
        "SiglipVisionModel",
        Role.OTHER,
        kept=428_225_600,
        largest=4_958_208,
    ),
    "redux-embedder": Component(
        "ReduxImageEncoder",
        Role.OTHER,
        kept=64_503_808,
        largest=50_331_648,
    ),
    "depth-anything-small": Component(
        "DepthAnythingForDepthEstimation",
        Role.OTHER,
        kept=24_785_089,
        largest=1_327_104,
    ),
    "florence-2-base": Component(
        "Florence2ForConditionalGeneration",
        Role.OTHER,
        kept=231_443_968,
        largest=39_419_904,
    ),
    "florence-2-large": Component(
        "Florence2ForConditionalGeneration",
        Role.OTHER,
        kept=770_213_888,
        largest=52_559_872,
    ),
}
"""Components by a name of ours."""

FLOAT32_BYTES = 4

_FLUX1 = {"text_encoder": "clip-l", "text_encoder_2": "t5-xxl", "vae": "flux1-vae"}
_FLUX2 = {"vae": "flux2-vae"}
_CONTROL = {"transformer": "flux1-control", **_FLUX1}
_BASE, _LARGE = {"model": "florence-2-base"}, {"model": "florence-2-large"}

COMPONENTS = {
    "flux.1-schnell": {"transformer": "flux1-schnell", **_FLUX1},
    "flux.1-dev": {"transformer": "flux1", **_FLUX1},
    "flux.1-krea-dev": {"transformer": "flux1", **_FLUX1},
    "flux.1-fill-dev": {"transformer": "flux1-fill", **_FLUX1},
    "flux.1-kontext-dev": {"transformer": "flux1", **_FLUX1},
    "flux.1-canny-dev": _CONTROL,
    "flux.1-depth-dev": _CONTROL,
    "flux.1-redux-dev": {"transformer": "flux1", **_FLUX1},
    "flux.2-klein-4b": {"transformer": "flux2-klein-4b", "text_encoder": "qwen3-4b", **_FLUX2},
    "flux.2-klein-9b": {"transformer": "flux2-klein-9b", "text_encoder": "qwen3-8b", **_FLUX2},
    "flux.2-dev": {"transformer": "flux2-dev", "text_encoder": "mistral-small-24b", **_FLUX2},
    "florence-2-base": _BASE,
    "florence-2-base-ft": _BASE,
    "florence-2-large": _LARGE,
    "florence-2-large-ft": _LARGE,
}
"""The components of each built-in row whose weights come from the hub, by their folder."""

PARTS = {
    "depth_weights": {"depth": "depth-anything-small"},
    "prior_weights": {"image_encoder": "siglip-so400m", "image_embedder": "redux-embedder"},
}
"""The components of the further weights that a row's option names."""
