"""Messages of compatible APIs: their own names, and what is served in place of a model."""

import pytest

from api.compat.bfl.endpoints import find_endpoint
from api.compat.shared.names import find_variant
from api.compat.shared.translation import Translation
from api.core.domain_errors import ModelNotOfferedError
from db.values.surfaces import SurfaceName
from workers.catalog import STANDARD, find


@pytest.mark.parametrize(
    ("surface", "shown"),
    [
        (SurfaceName.OPENAI, "flux.1-dev"),
        (SurfaceName.HUGGINGFACE, "flux.1-dev"),
        (SurfaceName.BFL, "flux.1-dev"),
        (SurfaceName.REPLICATE, "black-forest-labs/flux-dev"),
        (SurfaceName.FAL, "fal-ai/florence-2-large/{task}"),
    ],
)
def test_an_unknown_model_is_answered_with_those_that_are_served(
    surface: SurfaceName, shown: str
) -> None:
    with pytest.raises(ModelNotOfferedError) as caught:
        find_variant(STANDARD, surface, "x/sdxl")
    message = str(caught.value)
    assert "x/sdxl" in message
    assert shown in message.partition("served here: ")[2].replace(",", "").split()


def test_endpoints_of_the_vendor_are_answered_with_models_that_paint() -> None:
    for endpoint in ("sdxl", "flux-3-video", "florence-2-large"):
        with pytest.raises(ModelNotOfferedError) as caught:
            find_endpoint(STANDARD, endpoint)
        listed = str(caught.value).partition("served here: ")[2]
        assert "flux.1-dev" in listed
        assert "florence" not in listed


def test_one_field_of_several_parameters_is_told_with_each() -> None:
    translation = Translation(find("flux.1-dev"))
    for side in ("width", "height"):
        translation.put(side, 9_999, "size")
    message = "should be at most 2048"
    assert translation.message(("width",), message).startswith("width should be at")
    assert translation.message(("height",), message).startswith("height should be at")
    translation.put("steps", 9_999, "steps")
    assert translation.message(("steps",), message) == message


def test_pictures_of_one_field_are_told_apart() -> None:
    translation = Translation(find("flux.2-klein-4b"))
    translation.put_pictures([("a", "image"), ("b", "image")])
    assert translation.message(("images", 1), "it is broken") == "picture 2: it is broken"
    translation.put_pictures([("a", "input_image"), ("b", "input_image_2")])
    alone = Translation(find("flux.2-klein-4b"))
    alone.put_pictures([("a", "image")])
    assert alone.message(("images", 0), "it is broken") == "it is broken"


def test_what_is_adjusted_is_not_ignored() -> None:
    translation = Translation(find("flux.1-dev"))
    translation.adjust("image_size", "1024 x 768 is painted as 416 x 320")
    translation.ignore("style")
    assert [(each.code, each.parameter) for each in translation.warnings] == [
        ("parameter_adjusted", "image_size"),
        ("parameter_ignored", "style"),
    ]
