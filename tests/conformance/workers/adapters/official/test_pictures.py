"""Pictures of every pipeline class: equal to those of diffusers' own pipeline, to the bit.

The stock pipelines are called as their official examples do: a seed below 2³² in a generator on
the CPU, the steps and the guidance of the row, pictures as they come. The decision record "The
same pictures as the official code" lists the exceptions; each has its test here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.conformance.workers.adapters.official.checkpoints import (
    PROMPT_TOKENS,
    SIZE,
    generators,
    load_adapter,
    load_stock,
    one_thread,
    paint,
    small,
)
from tests.conformance.workers.adapters.tiny_flux1 import (
    save_tiny_flux1,
)
from tests.conformance.workers.adapters.tiny_flux2 import save_tiny_flux2
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.processors import replaced_components
from workers.adapters.protocol import Work
from workers.adapters.weights import Source

PROMPT = "a red circle"
STEPS = 3
Pictures = Mapping[str, Sequence[Image.Image]]
Save = Callable[[Path], None]


def scene(colour: str, size: tuple[int, int] = SIZE) -> Image.Image:
    picture = Image.new("RGB", size, "white")
    box = (size[0] // 8, size[1] // 8, 3 * size[0] // 4, 2 * size[1] // 3)
    ImageDraw.Draw(picture).ellipse(box, fill=colour)
    return picture


def half(size: tuple[int, int] = SIZE) -> Image.Image:
    """A mask that repaints the lower half."""
    mask = Image.new("RGB", size, "black")
    mask.paste("white", (0, size[1] // 2, *size))
    return mask


WHITE = Image.new("RGB", SIZE, "white")


def no_pictures(_given: Pictures) -> dict[str, Any]:
    return {}


def one_picture(given: Pictures) -> dict[str, Any]:
    return {"image": given["image"][0]}


def picture_and_mask(given: Pictures) -> dict[str, Any]:
    return {"image": given["image"][0], "mask_image": given["mask"][0]}


def finished_map(given: Pictures) -> dict[str, Any]:
    return {"control_image": given["control_image"][0]}


def references(given: Pictures) -> dict[str, Any]:
    return {"image": [*given.get("images", ()), *given.get("image", ())]}


def masked_with_reference(given: Pictures) -> dict[str, Any]:
    return {**picture_and_mask(given), "image_reference": given["images"][0]}


@dataclass(frozen=True)
class Case:
    """A variant with its pictures, and the official call for the same picture.

    Attributes:
        variant: the row's id.
        stock: the class of diffusers' pipeline.
        save: writes the small checkpoint.
        given: the job's pictures.
        pictures: the stock call's arguments for them.
        strength: the share to repaint, for both.
        takes_area: the stock call scales sizes to a megapixel unless told the area.
        loads: the class in the folder, where the stock class shares its components.
        copies: a batch needs a copy of the picture for each seed: the stock class draws the VAE's
            noise for one picture from the first seed alone.
    """

    variant: str
    stock: str
    save: Save
    given: Pictures = field(default_factory=dict)
    pictures: Callable[[Pictures], dict[str, Any]] = no_pictures
    strength: float | None = None
    takes_area: bool = False
    loads: str = ""
    copies: bool = False

    @property
    def name(self) -> str:
        return "-".join((self.variant, *self.given))


PLAIN = partial(save_tiny_flux1, "FluxPipeline")
KONTEXT = partial(save_tiny_flux1, "FluxKontextPipeline")
CONTROL = partial(save_tiny_flux1, "FluxControlPipeline")
FILL = partial(save_tiny_flux1, "FluxFillPipeline")
IMAGE = {"image": [scene("red")]}
MASKED = {"image": [scene("red")], "mask": [WHITE]}
REFERENCES = {"images": [scene("blue"), scene("green", (96, 64))]}
CASES = (
    Case("flux.1-schnell", "FluxPipeline", PLAIN),
    Case("flux.1-dev", "FluxPipeline", PLAIN),
    Case("flux.1-dev", "FluxImg2ImgPipeline", PLAIN, IMAGE, one_picture, 0.7, copies=True),
    Case("flux.1-dev", "FluxInpaintPipeline", PLAIN, MASKED, picture_and_mask, 0.7, copies=True),
    Case("flux.1-fill-dev", "FluxFillPipeline", FILL, MASKED, picture_and_mask, copies=True),
    Case("flux.1-kontext-dev", "FluxKontextPipeline", KONTEXT, takes_area=True),
    Case("flux.1-kontext-dev", "FluxKontextPipeline", KONTEXT, IMAGE, one_picture, takes_area=True),
    Case(
        "flux.1-kontext-dev",
        "FluxKontextInpaintPipeline",
        KONTEXT,
        MASKED,
        picture_and_mask,
        strength=1.0,
        takes_area=True,
    ),
    Case(
        "flux.1-canny-dev",
        "FluxControlPipeline",
        CONTROL,
        {"control_image": [scene("gray")]},
        finished_map,
    ),
    Case("flux.2-klein-4b", "Flux2KleinPipeline", save_tiny_klein),
    Case("flux.2-klein-4b", "Flux2KleinPipeline", save_tiny_klein, IMAGE, references),
    Case("flux.2-klein-4b", "Flux2KleinPipeline", save_tiny_klein, REFERENCES, references),
    Case(
        "flux.2-klein-4b",
        "Flux2KleinInpaintPipeline",
        save_tiny_klein,
        MASKED,
        picture_and_mask,
        strength=0.7,
        loads="Flux2KleinPipeline",
    ),
    Case(
        "flux.2-klein-4b",
        "Flux2KleinInpaintPipeline",
        save_tiny_klein,
        {**MASKED, "images": [scene("blue", (96, 64))]},
        masked_with_reference,
        strength=0.7,
        loads="Flux2KleinPipeline",
    ),
    Case("flux.2-dev", "Flux2Pipeline", save_tiny_flux2),
    Case("flux.2-dev", "Flux2Pipeline", save_tiny_flux2, REFERENCES, references),
)
BY_NAME = {case.name: case for case in CASES}
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


@dataclass
class Checkpoints:
    """Folders, adapters and stock pipelines, each made once."""

    root: Path
    folders: dict[Save, Path] = field(default_factory=dict)
    adapters: dict[str, FluxAdapter] = field(default_factory=dict)

    def folder(self, save: Save) -> Path:
        if save not in self.folders:
            self.folders[save] = self.root / f"weights-{len(self.folders)}"
            save(self.folders[save])
        return self.folders[save]

    def adapter(self, variant_id: str, save: Save) -> FluxAdapter:
        if variant_id not in self.adapters:
            # The sizes that the model prefers are near a megapixel: a test of its own.
            options = {"snaps_picture": False} if "kontext" in variant_id else {}
            row = small(variant_id, **options)
            self.adapters[variant_id] = load_adapter(row, self.folder(save))
        return self.adapters[variant_id]

    def stock(self, case: Case) -> Any:
        folder = self.folder(case.save)
        # Without torchvision it cannot load its own; `make torchvision-check` compares the two.
        replaced = replaced_components(Source(str(folder), None, ""))
        distilled = {"is_distilled": True} if case.loads else {}
        pipeline = load_stock(case.stock, folder, **dict.fromkeys(replaced), **distilled)
        pipeline.register_modules(**replaced)
        return pipeline


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    return Checkpoints(tmp_path_factory.mktemp("official"))


def work(case: Case, size: tuple[int, int] = SIZE, **given: Any) -> Work:
    """Our job, and the pictures in the size to paint where there is a mask."""
    if "mask" in case.given:
        fitting = {name: [own.resize(size) for own in case.given[name]] for name in MASKED}
        case = replace(case, given={**case.given, **fitting})
    model = small(case.variant).parameters
    keys: dict[str, Any] = {
        name: tuple("key" for _ in own) if name == "images" else "key"
        for name, own in case.given.items()
    }
    strength = {"strength": case.strength} if case.strength and case.strength < 1 else {}
    plain = {"prompt": PROMPT, "steps": STEPS, "seed": 3, "width": size[0], "height": size[1]}
    parameters = model(**{**plain, **keys, **strength, **given})
    sizes = {name: [picture.size for picture in own] for name, own in case.given.items()}
    return Work(parameters.with_sizes(sizes), case.given)


def official(
    pipeline: Any, case: Case, asked: Work, prompts: Sequence[str] = (PROMPT,), **more: Any
) -> list[Image.Image]:
    """The stock pipeline's pictures, for one prompt each, with one seed each from the job's."""
    parameters: Any = asked.parameters
    arguments = {**case.pictures(asked.pictures), **more}
    if case.copies and len(prompts) > 1:
        copied = {"image", "mask_image"} & arguments.keys()
        arguments |= {name: [arguments[name]] * len(prompts) for name in copied}
    if case.strength is not None:
        arguments["strength"] = case.strength
    if case.takes_area:
        arguments.setdefault("max_area", parameters.width * parameters.height)
        if case.given:
            arguments.setdefault("_auto_resize", False)
    seeds = range(parameters.seed, parameters.seed + len(prompts))
    images: list[Image.Image] = pipeline(
        prompt=prompts[0] if len(prompts) == 1 else list(prompts),
        width=parameters.width,
        height=parameters.height,
        num_inference_steps=parameters.steps,
        guidance_scale=parameters.guidance,
        max_sequence_length=PROMPT_TOKENS,
        generator=generators(*seeds)[0] if len(prompts) == 1 else generators(*seeds),
        **arguments,
    ).images
    return images


def assert_equal(ours: Image.Image, theirs: Image.Image) -> None:
    mine, other = np.asarray(ours, dtype=int), np.asarray(theirs, dtype=int)
    assert mine.shape == other.shape
    assert np.abs(mine - other).max() == 0


@every_case
def test_a_picture_equals_that_of_the_stock_pipeline(case: Case, checkpoints: Checkpoints) -> None:
    adapter = checkpoints.adapter(case.variant, case.save)
    stock = checkpoints.stock(case)
    for size, seed in ((SIZE, 3), ((96, 64), 2**32 - 1)):
        asked = work(case, size, seed=seed)
        assert_equal(paint(adapter, asked)[0][0], official(stock, case, asked)[0])


@every_case
def test_a_call_of_several_pictures_equals_that_of_the_stock_pipeline(
    case: Case, checkpoints: Checkpoints
) -> None:
    adapter = checkpoints.adapter(case.variant, case.save)
    asked, other = work(case, num_images=2), work(case, seed=5, prompt="a blue square")
    batch = [*paint(adapter, asked, other)[0], paint(adapter, asked, other)[1][0]]
    stock = checkpoints.stock(case)
    stock.vae.enable_slicing()
    theirs = official(stock, case, asked, (PROMPT, PROMPT, "a blue square"))
    for mine, expected in zip(batch, theirs, strict=True):
        assert_equal(mine, expected)
