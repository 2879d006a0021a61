"""Pictures of every pipeline class: equal to those of diffusers' own pipeline, to the bit.

The stock pipelines are called as their official examples do: a seed below 2³² in a generator on
the CPU, the steps and the guidance of the row, pictures as they come. The decision record "The
same pictures as the official code" lists the exceptions; each has its test here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import diffusers
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
    TEXT_COMPONENTS,
    save_tiny_flux1,
    save_true_width_redux,
)
from tests.conformance.workers.adapters.tiny_flux2 import save_tiny_flux2
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.checkpoint_kinds import control_map
from workers.adapters.flux.control_maps import canny_map
from workers.adapters.flux.pipeline_modes import LEAST_STRENGTH, restore_unmasked
from workers.adapters.flux.processors import replaced_components
from workers.adapters.protocol import Work
from workers.catalog import find

PROMPT = "a red circle"
STEPS = 2
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
    Case("flux.1-dev", "FluxImg2ImgPipeline", PLAIN, IMAGE, one_picture, 0.5, copies=True),
    Case("flux.1-dev", "FluxInpaintPipeline", PLAIN, MASKED, picture_and_mask, 0.5, copies=True),
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
        strength=0.5,
        loads="Flux2KleinPipeline",
    ),
    Case(
        "flux.2-klein-4b",
        "Flux2KleinInpaintPipeline",
        save_tiny_klein,
        {**MASKED, "images": [scene("blue", (96, 64))]},
        masked_with_reference,
        strength=0.5,
        loads="Flux2KleinPipeline",
    ),
    Case("flux.2-dev", "Flux2Pipeline", save_tiny_flux2),
    Case("flux.2-dev", "Flux2Pipeline", save_tiny_flux2, REFERENCES, references),
)
FITTED = {
    "FluxImg2ImgPipeline",
    "FluxInpaintPipeline",
    "FluxFillPipeline",
    "FluxKontextInpaintPipeline",
    "FluxControlPipeline",
    "Flux2KleinInpaintPipeline",
}
"""The stock classes that bring a picture to the size that is painted."""
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
        replaced = replaced_components(folder)
        distilled = {"is_distilled": True} if case.loads else {}
        pipeline = load_stock(case.stock, folder, **dict.fromkeys(replaced), **distilled)
        pipeline.register_modules(**replaced)
        return pipeline


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    return Checkpoints(tmp_path_factory.mktemp("official"))


def work(case: Case, size: tuple[int, int] = SIZE, *, fitting: bool = True, **given: Any) -> Work:
    """Our job, and the pictures in the size to paint where there is a mask."""
    if fitting and "mask" in case.given:
        resized = {name: [own.resize(size) for own in case.given[name]] for name in MASKED}
        case = replace(case, given={**case.given, **resized})
    model = small(case.variant).parameters
    keys: dict[str, Any] = {
        name: tuple("key" for _ in own) if name == "images" else "key"
        for name, own in case.given.items()
    }
    strength = {"strength": case.strength} if case.strength and case.strength < 1 else {}
    plain = {"prompt": PROMPT, "steps": STEPS, "seed": 3, "width": size[0], "height": size[1]}
    # The stock pipelines stretch a picture of another shape.
    fit = {"fit": "stretch"} if case.stock in FITTED else {}
    parameters = model(**{**plain, **keys, **strength, **fit, **given})
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
def test_a_prompt_is_read_as_far_as_by_the_stock_pipeline(case: Case) -> None:
    """By its default; the vendor's examples give 256 for the model of few steps."""
    default = signature(getattr(diffusers, case.stock).__call__).parameters["max_sequence_length"]
    official_tokens = 256 if case.variant == "flux.1-schnell" else default.default
    assert find(case.variant).options["max_sequence_length"] == official_tokens


@every_case
def test_a_picture_equals_that_of_the_stock_pipeline(case: Case, checkpoints: Checkpoints) -> None:
    adapter = checkpoints.adapter(case.variant, case.save)
    stock = checkpoints.stock(case)
    for size, seed in ((SIZE, 3), ((96, 64), 2**32 - 1)):
        asked = work(case, size, seed=seed)
        assert_equal(paint(adapter, asked)[0][0], official(stock, case, asked)[0])


@pytest.mark.slow
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


SCALED = [case for case in CASES if {"image", "control_image"} & case.given.keys()]
IN_THE_PICTURES_SIZE = {"FluxKontextInpaintPipeline", "Flux2KleinInpaintPipeline"}
"""Stock classes that paint in the size of the picture, whatever size they are asked for."""


def odd_sizes(case: Case) -> Case:
    """The same case with pictures of another size and shape than the output, and a soft mask."""
    size = (150, 100)
    soft = half(size).resize((30, 20)).resize(size)
    own = {"image": [scene("red", size)], "mask": [soft], "control_image": [scene("gray", size)]}
    return replace(case, given={**case.given, **{k: v for k, v in own.items() if k in case.given}})


@pytest.mark.slow
@pytest.mark.parametrize("case", SCALED, ids=lambda case: case.name)
def test_pictures_of_other_sizes_are_scaled_as_the_stock_pipeline_scales_them(
    case: Case, checkpoints: Checkpoints
) -> None:
    """Exceptions: what is outside a mask is restored, and a picture is painted in the size asked.

    So some stock classes are given the picture in that size.
    """
    case = odd_sizes(case)
    asked = work(case, fitting=False)
    given = dict(case.given)
    if case.stock in IN_THE_PICTURES_SIZE:
        given["image"] = [given["image"][0].resize(SIZE, Image.Resampling.LANCZOS)]
    expected = official(checkpoints.stock(case), case, Work(asked.parameters, given))[0]
    if "mask" in given:
        parameters: Any = asked.parameters
        expected = restore_unmasked(expected, parameters, case.given)
    assert_equal(paint(checkpoints.adapter(case.variant, case.save), asked)[0][0], expected)


OVER_A_PICTURE = [case for case in CASES if case.strength is not None]


@pytest.mark.parametrize("case", OVER_A_PICTURE, ids=lambda case: case.name)
def test_a_strength_between_two_steps_starts_at_that_noise(
    case: Case, checkpoints: Checkpoints
) -> None:
    """Exception: the stock pipelines start at the next whole step; here the step is cut.

    So they are given the noise levels that are meant. Less than a step they refuse.
    """
    adapter, stock = checkpoints.adapter(case.variant, case.save), checkpoints.stock(case)
    for strength, whole, levels in (
        (0.7, 1.0, [0.7, 0.5]),
        (0.3, 0.5, [1.0, 0.3]),
        (1e-20, 0.5, [1.0, LEAST_STRENGTH]),
    ):
        asked = work(replace(case, strength=strength))
        expected = official(stock, replace(case, strength=whole), asked, sigmas=levels)[0]
        assert_equal(paint(adapter, asked)[0][0], expected)


def test_a_side_between_two_steps_is_rounded_down_as_the_stock_pipeline_rounds_it(
    checkpoints: Checkpoints,
) -> None:
    for name in ("flux.1-dev", "flux.2-klein-4b"):
        case = BY_NAME[name]
        asked = work(case, (79, 95))
        unrounded = asked.parameters.model_copy(update={"width": 79, "height": 95})
        expected = official(checkpoints.stock(case), case, Work(unrounded))[0]
        assert_equal(paint(checkpoints.adapter(case.variant, case.save), asked)[0][0], expected)


@pytest.mark.slow
def test_a_picture_to_edit_is_brought_to_a_preferred_size_as_the_stock_pipeline_brings_it(
    checkpoints: Checkpoints,
) -> None:
    """Kontext as its row has it. Exception: an area other than a megapixel is painted as asked."""
    case = BY_NAME["flux.1-kontext-dev-image"]
    asked = work(case, steps=1)
    adapter = load_adapter(small(case.variant), checkpoints.folder(case.save))
    expected = official(checkpoints.stock(case), case, asked, _auto_resize=True)[0]
    assert_equal(paint(adapter, asked)[0][0], expected)


def test_a_control_map_is_made_at_the_size_to_paint(checkpoints: Checkpoints) -> None:
    """Exception: the examples make theirs by other packages, at 1024 pixels."""
    picture = scene("red", (300, 200))
    case = replace(BY_NAME["flux.1-canny-dev-control_image"], given={"image": [picture]})
    asked = work(case)
    parameters: Any = asked.parameters
    outlines = control_map(canny_map, parameters, asked.pictures)
    finished = replace(case, pictures=lambda _given: {"control_image": outlines})
    expected = official(checkpoints.stock(case), finished, asked)[0]
    assert_equal(paint(checkpoints.adapter(case.variant, case.save), asked)[0][0], expected)


@pytest.mark.slow
def test_a_large_picture_is_decoded_in_tiles_as_the_stock_pipeline_does_when_asked(
    checkpoints: Checkpoints,
) -> None:
    case = BY_NAME["flux.1-dev"]
    adapter, asked = checkpoints.adapter(case.variant, case.save), work(case, (2048, 64), steps=1)
    painted = paint(adapter, asked)[0][0]
    stock = checkpoints.stock(case)
    if adapter._pipeline.vae.use_tiling:
        stock.vae.enable_tiling()
    assert_equal(painted, official(stock, case, asked)[0])


@pytest.mark.slow
def test_variations_of_a_picture_equal_those_of_the_stock_prior(tmp_path: Path) -> None:
    """Redux: the official example has no prompt and loads no text encoders; with one they are."""
    save_true_width_redux(tmp_path)
    row = small("flux.1-redux-dev")
    adapter = load_adapter(row, tmp_path / "painter", PRIOR=tmp_path / "prior")
    stock = load_stock("FluxPipeline", tmp_path / "painter")
    encoders = {name: stock.components[name] for name in TEXT_COMPONENTS}
    wordless = load_stock("FluxPriorReduxPipeline", tmp_path / "prior")
    wordy = load_stock("FluxPriorReduxPipeline", tmp_path / "prior", **encoders)
    picture, size = scene("red", (100, 70)), {"width": SIZE[0], "height": SIZE[1]}
    for prompt, read in (("", wordless(picture)), (PROMPT, wordy(picture, prompt=PROMPT))):
        parameters = row.parameters(prompt=prompt, seed=3, steps=STEPS, image="key", **size)
        expected = stock(
            num_inference_steps=STEPS,
            guidance_scale=parameters.guidance,
            generator=generators(3)[0],
            **size,
            **read,
        ).images[0]
        assert_equal(paint(adapter, Work(parameters, {"image": [picture]}))[0][0], expected)
