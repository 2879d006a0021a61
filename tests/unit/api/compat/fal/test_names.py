"""The applications that fal's names stand for."""

import pytest

from api.compat.fal.names import FLORENCE2_PATHS, find_app, short_name
from api.compat.shared.names import FAL
from api.core.domain_errors import ModelNotOfferedError
from workers import catalog

CATALOGUE = catalog.installed().offered()


@pytest.mark.parametrize(
    ("name", "variant", "path"),
    [
        ("fal-ai/flux/dev", "flux.1-dev", ""),
        ("fal-ai/flux/dev/image-to-image", "flux.1-dev", "image-to-image"),
        ("fal-ai/flux-lora/inpainting", "flux.1-dev", "inpainting"),
        ("fal-ai/flux/dev/redux", "flux.1-redux-dev", ""),
        ("fal-ai/flux-2", "flux.2-dev", ""),
        ("fal-ai/flux-2/edit", "flux.2-dev", "edit"),
        ("fal-ai/flux-2/klein/4b/edit", "flux.2-klein-4b", "edit"),
        ("bottega/flux.1-demo", "flux.1-demo", ""),
        ("bottega/flux.1-demo/inpainting", "flux.1-demo", "inpainting"),
        ("flux.1-demo", "flux.1-demo", ""),
        ("bottega/flux.1-kontext-dev/edit", "flux.1-kontext-dev", "edit"),
        ("bottega/florence-2-demo/ocr", "florence-2-demo", "ocr"),
        ("fal-ai/florence-2-large/region-to-category", "florence-2-large", "region-to-category"),
    ],
)
def test_a_name_stands_for_a_model_and_a_path(name: str, variant: str, path: str) -> None:
    app = find_app(CATALOGUE, name)
    assert (app.variant.id, app.path, app.name) == (variant, path, name)


def test_every_name_of_the_table_is_an_application() -> None:
    for name, variant in FAL.items():
        if variant == "florence-2-large":
            assert {find_app(CATALOGUE, f"{name}/{task}").path for task in FLORENCE2_PATHS} == {
                *FLORENCE2_PATHS
            }
        else:
            assert find_app(CATALOGUE, name).variant.id == variant


@pytest.mark.parametrize(
    "name",
    [
        "",
        "fal-ai",
        "fal-ai/nothing",
        "fal-ai/flux/dev/upscale",
        "fal-ai/flux/schnell/inpainting",
        "bottega/flux.1-demo/edit/edit",
        "bottega/flux.1-demo/ocr",
        "bottega/flux.2-dev/inpainting",
        "bottega/florence-2-demo",
        "bottega/florence-2-demo/region-to-ocr",
        "bottega/florence-2-demo/edit",
        "workflows/bottega/flux.1-demo",
        "bottega/\x00",
    ],
)
def test_any_other_name_is_refused_and_repeated(name: str) -> None:
    with pytest.raises(ModelNotOfferedError) as caught:
        find_app(CATALOGUE, name)
    assert repr(caught.value.name)[1:-1] in str(caught.value)


def test_urls_of_requests_have_owner_and_name() -> None:
    assert short_name("fal-ai/flux/dev/image-to-image") == "fal-ai/flux"
    assert short_name("flux.1-demo") == "bottega/flux.1-demo"
