"""The bundled models' answers to the job of `workers.bench.trial`."""

EXPECTED_THUMBNAILS = {
    "flux.1-demo": (
        "2c4fd62c50d72c50d72c50d62c4fd6863b7c843b7d2c4fd6"
        "2d4fd6833b7e853c7d2c4fd62c4fd62c4fd72c4fd62c4fd6"
    ),
    "flux.2-demo": (
        "2c50d62c50d72c50d72c50d62c4fd6863b7c843a7f2c50d6"
        "2c4fd6883b7b8b3a782c50d62c4fd62c50d62c50d62c50d6"
    ),
}
"""Mean colours of the 16 tiles of the painted picture, by variant."""

EXPECTED_CAPTIONS = {"florence-2-demo": ("red", "circle", "blue")}
"""Words of the caption, by variant."""
