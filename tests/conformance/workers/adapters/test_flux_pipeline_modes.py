"""Every pipeline mode of the FLUX variants, with a small checkpoint of each pipeline's class."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from PIL.Image import Resampling
from pydantic import BaseModel

from tests.conformance.workers.adapters.tiny_flux1 import (
    save_tiny_depth,
    save_tiny_flux1,
    save_tiny_redux,
)
from tests.conformance.workers.adapters.tiny_flux2 import save_tiny_flux2
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.checkpoint_kinds import control_map
from workers.adapters.flux.control_maps import canny_map
from workers.adapters.flux.klein_inpaint import REFERENCE_PIXELS, shrink
from workers.adapters.protocol import InvalidOutputError, Painted, Stopped, Work
from workers.adapters.weights import WeightsError, override_variable
from workers.catalog import find, picture_fields
from workers.catalog.flux.fit import Fit, fit_picture
from workers.catalog.flux.masks import MaskGrain, measure_mask
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.variant import Variant

SIZE = (64, 96)
STEPS = 4

Save = Callable[[Path], None]


@dataclass(frozen=True)
class Mode:
    """A variant, its input pictures, and the writer of its small checkpoint."""

    variant: str
    given: tuple[str, ...]
    save: Save
    parts: dict[str, Save] = field(default_factory=dict)
    strength: float | None = None
    keeps_unmasked: bool = False

    @property
    def name(self) -> str:
        return "-".join((self.variant, *self.given))


def flux1(class_name: str) -> Save:
    return lambda folder: save_tiny_flux1(class_name, folder)


PLAIN, KONTEXT = flux1("FluxPipeline"), flux1("FluxKontextPipeline")
CONTROL = flux1("FluxControlPipeline")
MODES = (
    Mode("flux.1-dev", (), PLAIN),
    Mode("flux.1-dev", ("image",), PLAIN, strength=0.5),
    Mode("flux.1-dev", ("image", "mask"), PLAIN, keeps_unmasked=True),
    Mode("flux.1-fill-dev", ("image", "mask"), flux1("FluxFillPipeline"), keeps_unmasked=True),
    Mode("flux.1-kontext-dev", (), KONTEXT),
    Mode("flux.1-kontext-dev", ("image",), KONTEXT),
    Mode("flux.1-kontext-dev", ("image", "mask"), KONTEXT, keeps_unmasked=True),
    Mode("flux.1-canny-dev", ("image",), CONTROL),
    Mode("flux.1-canny-dev", ("control_image",), CONTROL),
    Mode("flux.1-depth-dev", ("image",), CONTROL, {"DEPTH": save_tiny_depth}),
    Mode("flux.1-redux-dev", ("image",), PLAIN, {"PRIOR": save_tiny_redux}),
    Mode("flux.1-redux-dev", ("images",), PLAIN, {"PRIOR": save_tiny_redux}),
    Mode("flux.2-klein-4b", ("image",), save_tiny_klein),
    Mode("flux.2-klein-4b", ("images",), save_tiny_klein),
    Mode("flux.2-klein-4b", ("image", "mask"), save_tiny_klein, keeps_unmasked=True),
    Mode("flux.2-klein-4b", ("image", "mask", "images"), save_tiny_klein, keeps_unmasked=True),
    Mode("flux.2-dev", (), save_tiny_flux2),
    Mode("flux.2-dev", ("images",), save_tiny_flux2),
)


def scene(colour: str) -> Image.Image:
    picture = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(picture).ellipse((8, 8, 50, 60), fill=colour)
    return picture


def mask() -> Image.Image:
    """A mask that repaints the lower half."""
    picture = Image.new("RGB", SIZE, "black")
    picture.paste("white", (0, SIZE[1] // 2, *SIZE))
    return picture


PICTURES = {
    "image": [scene("red")],
    "mask": [mask()],
    "images": [scene("blue"), scene("green")],
    "control_image": [scene("gray")],
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mode], FluxAdapter]:
    """The loaded adapter of a mode's variant, made once for each variant."""
    made: dict[str, FluxAdapter] = {}

    def load(mode: Mode) -> FluxAdapter:
        variable = override_variable(mode.variant)
        overrides = {}
        for name, save in {"": mode.save, **mode.parts}.items():
            folder = tmp_path_factory.mktemp("weights")
            save(folder)
            overrides[f"{variable}_{name}".removesuffix("_")] = str(folder)
        adapter = FluxAdapter(small(mode.variant), "cpu", overrides)
        adapter.load()
        return adapter

    def find_or_load(mode: Mode) -> FluxAdapter:
        if mode.variant not in made:
            made[mode.variant] = load(mode)
        return made[mode.variant]

    return find_or_load


def small(variant_id: str) -> Variant:
    """The row, in float32 and as suits pictures this small."""
    variant = find(variant_id)
    options = {**variant.options, "max_sequence_length": 32}
    if "snaps_picture" in options:
        options["snaps_picture"] = False
    return replace(
        variant,
        dtype={"cpu": "float32"},
        options=options,
        parameters=with_small_sides(variant.parameters),
    )


def with_small_sides(model: type[BaseModel]) -> type[FluxParameters]:
    assert issubclass(model, FluxParameters)
    limits = replace(model.limits, side=64, preferred_sizes=())
    return type(model.__name__, (model,), {"limits": limits})


def work(mode: Mode, **given: Any) -> Work:
    pictures = {name: PICTURES[name] for name in mode.given}
    model = find(mode.variant).parameters
    named = {
        name: tuple("key" for _ in own) if name == "images" else "key"
        for name, own in pictures.items()
    }
    plain = {"prompt": "a red circle", "steps": STEPS, "seed": 3}
    size = {"width": SIZE[0], "height": SIZE[1]}
    strength = {"strength": mode.strength} if mode.strength else {}
    parameters = model(**{**plain, **size, **strength, **named, **given})
    sizes = {name: [picture.size for picture in own] for name, own in pictures.items()}
    return Work(parameters.with_sizes(sizes), pictures)


def paint(adapter: FluxAdapter, *works: Work) -> list[tuple[Painted, ...]]:
    outputs = adapter.run(list(works), lambda _step, _steps: None, lambda: False)
    return [output.images for output in outputs]


def apart(one: Painted, other: Painted) -> int:
    """The largest difference of two pictures, in levels."""
    levels = [np.asarray(painted.image, dtype=int) for painted in (one, other)]
    return int(np.abs(levels[0] - levels[1]).max())


every_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)


@every_mode
def test_a_picture_depends_on_its_seed_and_prompt_alone(
    mode: Mode, adapters: Callable[[Mode], FluxAdapter]
) -> None:
    adapter = adapters(mode)
    works = [work(mode, seed=n, prompt=f"circle {n}", num_images=2) for n in (3, 9)]
    together = paint(adapter, *works)
    assert [[p.seed for p in own] for own in together] == [[3, 4], [9, 10]]
    alone = paint(adapter, work(mode, seed=9, prompt="circle 9"))[0]
    assert together[1][0].image.size == SIZE
    assert apart(together[1][0], alone[0]) <= 2
    assert apart(together[0][0], alone[0]) > 2


@every_mode
def test_a_stop_takes_effect_within_one_step_and_the_next_picture_is_right(
    mode: Mode, adapters: Callable[[Mode], FluxAdapter]
) -> None:
    adapter = adapters(mode)
    expected = paint(adapter, work(mode))[0][0]
    seen: list[tuple[int, int]] = []
    with pytest.raises(Stopped):
        adapter.run([work(mode)], lambda *at: seen.append(at), lambda: len(seen) >= 1)
    steps = round(STEPS * (mode.strength or 1))
    assert seen == [(1, steps)]
    assert apart(expected, paint(adapter, work(mode))[0][0]) == 0


@pytest.mark.parametrize(
    "mode", [mode for mode in MODES if mode.keeps_unmasked], ids=lambda mode: mode.name
)
def test_what_is_not_masked_stays_exactly(
    mode: Mode, adapters: Callable[[Mode], FluxAdapter]
) -> None:
    painted = np.asarray(paint(adapters(mode), work(mode))[0][0].image)
    original = np.asarray(PICTURES["image"][0])
    half = SIZE[1] // 2
    assert np.array_equal(painted[:half], original[:half])
    assert not np.array_equal(painted[half:], original[half:])


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(
    "mode", [mode for mode in MODES if mode.keeps_unmasked], ids=lambda mode: mode.name
)
def test_a_picture_of_another_shape_stays_exactly_where_it_comes_to_lie(
    mode: Mode, fit: Fit, adapters: Callable[[Mode], FluxAdapter]
) -> None:
    wide = scene("red").rotate(90, expand=True)
    below = Image.new("L", wide.size)
    below.paste(255, (0, wide.height // 2, *wide.size))
    asked = work(mode, fit=fit)
    pictures = {**asked.pictures, "image": [wide], "mask": [below.convert("RGB")]}
    painted = paint(adapters(mode), Work(asked.parameters, pictures))[0][0].image
    expected = fit_picture(wide, SIZE, fit, asked.parameters.limits.step)
    white = fit_picture(
        below, SIZE, fit, asked.parameters.limits.step, padding=255, resample=Resampling.BILINEAR
    )
    unmasked = np.asarray(white) == 0
    assert unmasked.any()
    assert np.array_equal(np.asarray(painted)[unmasked], np.asarray(expected)[unmasked])
    masked = np.asarray(white) == 255
    assert not np.array_equal(np.asarray(painted)[masked], np.asarray(expected)[masked])


@pytest.mark.parametrize("grain", [MaskGrain.LATENT, MaskGrain.PATCH])
def test_a_mask_is_measured_as_the_pipelines_read_it(grain: MaskGrain) -> None:
    """The former as FLUX.1's pipelines scale it to the latents, the latter as FLUX.2's."""
    drawn = np.random.default_rng(1)
    side, how = {
        MaskGrain.LATENT: (8, {"mode": "nearest"}),
        MaskGrain.PATCH: (16, {"mode": "bilinear"}),
    }[grain]
    for share in (0.001, 0.01, 0.1):
        white = drawn.random((96, 160)) < share
        pixels = torch.from_numpy(white.astype(np.float32))[None, None]
        size = (96 // side, 160 // side)
        read = torch.nn.functional.interpolate(pixels, size=size, **how)[0, 0].numpy() > 0
        squares = np.kron(read, np.ones((side, side), bool))
        measured = measure_mask(Image.fromarray(white), (160, 96), "crop", 16, grain)
        assert (measured.white, measured.read) == (white.sum(), (white & squares).sum())


def test_a_map_of_a_padded_picture_is_black_around_it() -> None:
    wide = scene("red").rotate(90, expand=True)
    for name in ("image", "control_image"):
        asked = work(Mode("flux.1-canny-dev", (name,), CONTROL), fit="pad")
        made = np.asarray(control_map(canny_map, asked.parameters, {name: [wide]}))
        inside = slice(SIZE[1] // 2 - 20, SIZE[1] // 2 + 20)
        assert made.shape == (SIZE[1], SIZE[0], 3)
        assert made[inside].any()
        made = made.copy()
        made[SIZE[1] // 2 - 22 : SIZE[1] // 2 + 22] = 0
        assert not made.any()


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.given], ids=lambda mode: mode.name)
def test_every_picture_given_is_looked_at(
    mode: Mode, adapters: Callable[[Mode], FluxAdapter]
) -> None:
    adapter, asked = adapters(mode), work(mode)
    before = paint(adapter, asked)[0][0]
    for name in set(mode.given) - {"mask"}:
        others = {name: [scene("yellow").rotate(180)] * len(asked.pictures[name])}
        other = Work(asked.parameters, {**asked.pictures, **others})
        assert apart(before, paint(adapter, other)[0][0]) > 0, name


KLEIN_WITH_ALL = next(mode for mode in MODES if mode.given == ("image", "mask", "images"))


def with_references(asked: Work, *references: Image.Image) -> Work:
    return Work(asked.parameters, {**asked.pictures, "images": references})


def test_each_of_as_many_pictures_as_references_is_painted_from_all_of_them(
    adapters: Callable[[Mode], FluxAdapter],
) -> None:
    adapter, asked = adapters(KLEIN_WITH_ALL), work(KLEIN_WITH_ALL, num_images=2)
    blue, green, yellow = map(scene, ("blue", "green", "yellow"))
    before = paint(adapter, with_references(asked, blue, green))[0]
    for others in ((yellow, green), (blue, yellow)):
        after = paint(adapter, with_references(asked, *others))[0]
        assert all(map(apart, before, after))


def test_a_reference_of_another_shape_is_seen_to_its_edges(
    adapters: Callable[[Mode], FluxAdapter],
) -> None:
    adapter, asked = adapters(KLEIN_WITH_ALL), work(KLEIN_WITH_ALL)
    wide = scene("green").resize((192, 96))
    edged = wide.copy()
    edged.paste("black", (0, 0, 32, 96))
    before, after = (
        paint(adapter, with_references(asked, scene("blue"), each))[0][0] for each in (wide, edged)
    )
    assert apart(before, after) > 0


def test_a_large_reference_is_made_smaller_in_its_shape() -> None:
    assert shrink(Image.new("RGB", (4000, 1000))).size == (2048, 512)
    assert shrink(Image.new("RGB", (1024, 1024))).size == (1024, 1024)
    width, height = shrink(Image.new("RGB", (4567, 3211))).size
    assert width * height <= REFERENCE_PIXELS


def test_kontext_paints_in_the_size_asked_for_with_a_mask_and_without(tmp_path: Path) -> None:
    """As its row has it: the picture to edit is brought to a size that the model prefers."""
    variant = small("flux.1-kontext-dev")
    KONTEXT(tmp_path)
    adapter = FluxAdapter(
        replace(variant, options={**variant.options, "snaps_picture": True}),
        "cpu",
        {override_variable(variant.id): str(tmp_path)},
    )
    adapter.load()
    for given in (("image",), ("image", "mask")):
        asked = work(Mode(variant.id, given, KONTEXT), steps=1)
        assert paint(adapter, asked)[0][0].image.size == SIZE


def test_the_least_strength_still_takes_a_step(
    adapters: Callable[[Mode], FluxAdapter],
) -> None:
    mode = MODES[1]
    seen: list[tuple[int, int]] = []
    adapters(mode).run([work(mode, strength=1e-20)], lambda *at: seen.append(at), lambda: False)
    assert seen == [(1, 1)]


def test_outlines_are_made_at_the_size_that_is_painted() -> None:
    asked = work(Mode("flux.1-canny-dev", ("image",), CONTROL))
    large = scene("red").resize((300, 470))
    made = np.asarray(control_map(canny_map, asked.parameters, {"image": [large]}))
    assert made.shape == (SIZE[1], SIZE[0], 3)
    assert set(np.unique(made)) == {0, 255}


def test_a_vae_that_cannot_paint_the_sides_of_its_row_is_refused(tmp_path: Path) -> None:
    variant = small("flux.1-dev")
    model = variant.parameters
    finer = type("Finer", (model,), {"limits": replace(model.limits, step=8)})
    PLAIN(tmp_path)
    overrides = {override_variable(variant.id): str(tmp_path)}
    with pytest.raises(WeightsError, match="multiples of 16; by its row they are multiples of 8"):
        FluxAdapter(replace(variant, parameters=finer), "cpu", overrides).load()


def test_missing_depth_weights_name_the_variable_to_set(tmp_path: Path) -> None:
    painter, depth = tmp_path / "painter", tmp_path / "depth"
    CONTROL(painter)
    depth.mkdir()
    variable = override_variable("flux.1-depth-dev")
    overrides = {variable: str(painter), f"{variable}_DEPTH": str(depth)}
    with pytest.raises(WeightsError, match=f"{variable}_DEPTH must name a folder"):
        FluxAdapter(small("flux.1-depth-dev"), "cpu", overrides).load()


def poisoned(adapter: FluxAdapter, asked: Work) -> Work:
    """The same job with a prompt whose encoding holds a number that is none."""
    sound = adapter._prompts.encode("a red circle", asked.pictures)
    broken = tuple(part * torch.nan for part in sound.embeddings)
    adapter._prompts._known.put("poison", replace(sound, embeddings=broken))
    parameters = asked.parameters.model_copy(update={"prompt": "poison"})
    return Work(parameters, asked.pictures)


@pytest.mark.parametrize("mode", [MODES[0], MODES[1], MODES[12]], ids=lambda mode: mode.name)
def test_what_is_no_picture_is_named_and_the_next_one_is_right(
    mode: Mode, adapters: Callable[[Mode], FluxAdapter]
) -> None:
    adapter = adapters(mode)
    expected = paint(adapter, work(mode))[0][0]
    with pytest.raises(InvalidOutputError):
        paint(adapter, work(mode), poisoned(adapter, work(mode)))
    assert apart(expected, paint(adapter, work(mode))[0][0]) == 0


@every_mode
def test_the_variant_takes_what_this_mode_needs(mode: Mode) -> None:
    assert set(mode.given) <= set(picture_fields(find(mode.variant).parameters))
