"""Small trainings: the loss falls, runs resume exactly, and the stock classes load the result."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import AutoencoderKL, Flux2KleinPipeline, FluxPipeline
from torch import Tensor, nn
from transformers import Florence2ForConditionalGeneration, Florence2Processor

from workers.demo import weights_folder
from workers.training import train_florence2, train_flux, train_flux2
from workers.training.common.batch_loader import BatchLoader
from workers.training.common.trainer import Budget, CheckpointError, Learner, Trainer
from workers.training.florence2.components import (
    GRID,
    Florence2Size,
    load,
    new_model,
    new_processor,
)
from workers.training.florence2.growth import grow
from workers.training.florence2.learner import Florence2Hyperparameters, Florence2Learner
from workers.training.flux import flux1_learner as flux_learners
from workers.training.flux import flux2_learner as flux2_learners
from workers.training.flux import vae as flux_vae
from workers.training.flux.flow_learner import FlowHyperparameters
from workers.training.flux.flux1_components import FluxSize, new_pipeline
from workers.training.flux.flux1_learner import FluxHyperparameters, FluxLearner
from workers.training.flux.flux2_components import Flux2Size
from workers.training.flux.flux2_components import new_pipeline as new_flux2
from workers.training.flux.flux2_learner import TEXT_LENGTH, Flux2Learner
from workers.training.flux.vae import DecoderLearner, new_vae
from workers.training.scenes.canvas import sample_canvas
from workers.training.scenes.palette import seeded_random
from workers.training.scenes.reference_example import unseen_examples
from workers.training.scenes.scene import Thing, draw, one_object

CPU = torch.device("cpu")
SMALL_FLUX = FluxSize(
    heads=2, double_blocks=1, single_blocks=1, text_width=32, clip_layers=1, t5_layers=1
)
SMALL_FLUX2 = Flux2Size(heads=1, double_blocks=1, single_blocks=1, text_width=16)
SMALL_FLORENCE = Florence2Size(
    widths=(16, 16, 32),
    depths=(1, 1, 1),
    heads=(1, 1, 1),
    groups=(1, 1, 2),
    layers=1,
    text_heads=1,
    feed_forward=64,
)
STEPS = 4

processor = cache(new_processor)

# torch warns that RMSNorm under autocast runs unfused
pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def small_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flux_vae, "SIDE", 64)
    few = {side: counts[:2] for side, counts in flux_learners.SCORED.items()}
    monkeypatch.setattr(flux_learners, "SCORED", few)
    few2 = {name: (shown, 2, side) for name, (shown, _, side) in flux2_learners.SCORED.items()}
    monkeypatch.setattr(flux2_learners, "SCORED", few2)


def flux_learner() -> FluxLearner:
    torch.manual_seed(0)
    pipeline = new_pipeline(SMALL_FLUX, shipped_vae())
    return FluxLearner(pipeline, CPU, FluxHyperparameters(batch=4, adam_rate=5e-3, warm_up=2))


def flux2_learner() -> Flux2Learner:
    torch.manual_seed(0)
    pipeline = new_flux2(SMALL_FLUX2, shipped_vae())
    return Flux2Learner(pipeline, CPU, FlowHyperparameters(batch=4, adam_rate=5e-3, warm_up=2))


def shipped_vae() -> AutoencoderKL:
    folder = weights_folder("flux.1-demo") / "vae"
    return AutoencoderKL.from_pretrained(folder, dtype=torch.float32)


def florence_learner() -> Florence2Learner:
    torch.manual_seed(0)
    hyperparameters = Florence2Hyperparameters(
        pictures=4, questions=2, rate=5e-3, warm_up=2, vision_only=0.25, scored=2
    )
    return Florence2Learner(
        new_model(SMALL_FLORENCE, processor()), processor(), CPU, hyperparameters
    )


def decoder_learner() -> DecoderLearner:
    torch.manual_seed(0)
    return DecoderLearner(new_vae(pictures=24), CPU, batch=2)


LEARNERS = [flux_learner, flux2_learner, florence_learner, decoder_learner]


def fixed_loss(learner: Learner) -> float:
    """The loss on one batch that is always the same."""
    learner.rng.seed(1)
    learner.noise.manual_seed(1)
    with torch.no_grad():
        return learner.loss(0, 0.5)[0].item()


def trainer(learner: Learner, folder: Path, steps: int = STEPS) -> Trainer:
    return Trainer(learner, Budget(minutes=1, steps=steps), folder)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(name == other and torch.equal(a, b) for (name, a), (other, b) in pairs)


@pytest.mark.slow
def test_batches_drawn_ahead_are_equal_to_those_drawn_on_request() -> None:
    # any function of a random generator will do; this one is quickly imported by a process
    ahead, here = (BatchLoader(Random.random, seed=3, processes=count) for count in (1, 0))
    for step in (0, 1, 2, 7, 8):  # at 7 as where a run is resumed
        assert ahead.batch(step) == here.batch(step)
    assert len({here.batch(step) for step in range(9)}) == 9


@pytest.mark.slow
@pytest.mark.parametrize("make", LEARNERS)
def test_the_loss_falls(make: Callable[[], Learner], tmp_path: Path) -> None:
    learner = make()
    before = fixed_loss(learner)
    trainer(learner, tmp_path, steps=5 * STEPS).train()
    assert fixed_loss(learner) < 0.95 * before


@pytest.mark.slow
@pytest.mark.parametrize("make", LEARNERS)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    make: Callable[[], Learner], tmp_path: Path
) -> None:
    through = trainer(make(), tmp_path / "through")
    through.begin(resume=False)
    through.train()

    broken_off = trainer(make(), tmp_path / "resumed")
    broken_off.begin(resume=False)
    broken_off.train(until=STEPS // 2)
    assert not same(broken_off.average.module, through.average.module)
    resumed = trainer(make(), tmp_path / "resumed")
    resumed.begin(resume=True)
    assert resumed.step == STEPS // 2
    resumed.train()

    assert resumed.step == STEPS
    assert same(resumed.learner.network, through.learner.network)
    assert same(resumed.average.module, through.average.module)


def test_begin_fails_without_a_checkpoint_to_resume_or_with_one_to_lose(tmp_path: Path) -> None:
    run = trainer(decoder_learner(), tmp_path)
    with pytest.raises(CheckpointError, match="nothing to resume"):
        run.begin(resume=True)
    run.save()
    with pytest.raises(CheckpointError, match="exists"):
        run.begin(resume=False)


def test_a_budget_is_spent_by_the_clock_or_by_steps() -> None:
    assert Budget(minutes=2).spent(step=9, seconds=60) == 0.5
    assert Budget(minutes=2, steps=36).spent(step=9, seconds=60) == 0.25


@pytest.mark.slow
def test_flux_is_exported_for_the_stock_pipeline(tmp_path: Path) -> None:
    lines: list[str] = []
    options = train_flux.Options(
        out=tmp_path, steps=2, batch=2, vae=weights_folder("flux.1-demo"), threads=1
    )
    train_flux.run(options, lines.append, SMALL_FLUX)
    assert any("loss" in line for line in lines)
    assert any("held out: error at 1" in line for line in lines)

    pipeline = FluxPipeline.from_pretrained(tmp_path / "model", dtype=torch.bfloat16)
    assert pipeline.transformer.config.num_layers == SMALL_FLUX.double_blocks
    (picture,) = pipeline(
        "a red circle on a blue background",
        height=128,
        width=128,
        num_inference_steps=1,
        max_sequence_length=32,
    ).images
    assert picture.size == (128, 128)
    assert modes(tmp_path / "model") == {0o644}


@pytest.mark.slow
def test_flux2_is_exported_for_the_stock_pipeline(tmp_path: Path) -> None:
    lines: list[str] = []
    options = train_flux2.Options(out=tmp_path, steps=1, batch=2)
    train_flux2.run(options, lines.append, SMALL_FLUX2)
    assert any("held out: words at 1" in line for line in lines)

    pipeline = Flux2KleinPipeline.from_pretrained(tmp_path / "model", dtype=torch.float32)
    assert pipeline.config.is_distilled
    (picture,) = pipeline(
        prompt="the object of picture 1 on a blue background",
        image=[draw(one_object(Thing("star", "red"), "white"), 256)],
        num_inference_steps=1,
        max_sequence_length=TEXT_LENGTH,
    ).images
    assert picture.size == (256, 256)
    assert modes(tmp_path / "model") == {0o644}


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("references", [0, 2])
def test_the_flux2_learner_generates_the_stock_pipelines_picture(references: int) -> None:
    learner = flux2_learner()
    torch.nn.init.normal_(learner.pipeline.transformer.proj_out.weight, std=0.1)
    (example,) = unseen_examples(1, [references])
    batch = learner.encode_batch([example])
    noise = torch.randn(batch.clean.shape, generator=torch.Generator().manual_seed(2))
    expected = learner.generate(learner.network, batch, noise)[0]
    learner.pipeline.set_progress_bar_config(disable=True)
    (picture,) = learner.pipeline(
        prompt=example.prompt,
        image=[draw(scene, 256) for scene in example.references] or None,
        width=256,
        height=256,
        num_inference_steps=4,
        latents=noise.mT.reshape(1, -1, 8, 8),
        max_sequence_length=TEXT_LENGTH,
    ).images
    # the learner draws pictures at half the size, which rounds slightly differently
    difference = np.abs(np.asarray(picture, np.float32) - np.asarray(expected, np.float32))
    assert difference.mean() < 1


@pytest.mark.slow
def test_florence_is_exported_for_the_stock_classes(tmp_path: Path) -> None:
    lines: list[str] = []
    options = train_florence2.Options(out=tmp_path, steps=2, pictures=2, questions=1, scored=2)
    train_florence2.run(options, lines.append, SMALL_FLORENCE)
    assert any("held out: detection: mean IoU" in line for line in lines)

    folder = tmp_path / "model"
    model, loading = Florence2ForConditionalGeneration.from_pretrained(
        folder, output_loading_info=True
    )
    assert not any(loading.values())
    assert model.dtype == torch.bfloat16
    assert model.config.text_config.d_model == SMALL_FLORENCE.widths[-1]
    assert Florence2Processor.from_pretrained(folder).num_image_tokens == GRID**2 + 1
    assert modes(folder) == {0o644}


def logits(model: Florence2ForConditionalGeneration) -> Tensor:
    picture = sample_canvas(seeded_random(3), 1, "STOP").image
    inputs = processor()(text="<OD>", images=picture, return_tensors="pt")
    with torch.no_grad():
        answer: Tensor = model(**inputs, decoder_input_ids=torch.tensor([[2, 0, 9, 30]])).logits
    return answer


@pytest.mark.slow
def test_a_grown_model_has_the_outputs_of_the_smaller_one() -> None:
    torch.manual_seed(0)
    smaller = new_model(SMALL_FLORENCE, processor())
    model = new_model(replace(SMALL_FLORENCE, depths=(1, 2, 1)), processor())
    assert not torch.allclose(logits(model), logits(smaller), atol=0.1)
    grow(model, processor(), smaller, processor())
    torch.testing.assert_close(logits(model), logits(smaller))


def test_a_grown_model_keeps_places_and_words_in_a_finer_grid() -> None:
    torch.manual_seed(0)
    coarser = deepcopy(processor())
    coarser.num_image_tokens = 17
    smaller, model = (new_model(SMALL_FLORENCE, processor()) for _ in range(2))
    words = smaller.get_input_embeddings().weight
    columns = smaller.model.multi_modal_projector.image_position_embed.column_embeddings.weight
    with torch.no_grad():
        columns[:, 0] = torch.arange(len(columns), dtype=torch.float32)
    grow(model, processor(), smaller, coarser)
    torch.testing.assert_close(model.get_input_embeddings().weight, words)
    grown = model.model.multi_modal_projector.image_position_embed.column_embeddings.weight
    # a third of the way apart, and the outermost as the outermost of the four were
    expected = ((torch.arange(GRID) + 0.5) / GRID * 4 - 0.5).clamp(0, 3)
    torch.testing.assert_close(grown[:GRID, 0], expected)


@pytest.mark.slow
def test_the_grow_option_initializes_from_a_folder(tmp_path: Path) -> None:
    grown = train_florence2.Options(
        out=tmp_path / "grown",
        steps=1,
        pictures=1,
        questions=1,
        scored=1,
        grow=weights_folder("florence-2-demo"),
    )
    assert grown.hyperparameters.vision_only > 0
    train_florence2.run(grown, lambda _: None)
    model, _ = load(tmp_path / "grown" / "model")
    shipped, _ = load(weights_folder("florence-2-demo"))
    tokens, known = (each.get_input_embeddings().weight for each in (model, shipped))
    assert (tokens[:4] - known[:4]).abs().max() < 0.02


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("module", [train_flux, train_flux2, train_florence2])
def test_the_help_has_the_options_and_examples(module: Any) -> None:
    result = CliRunner().invoke(module.main, ["--help"])
    assert result.exit_code == 0
    assert all(word in result.output for word in ("--resume", "--minutes", "--device", "Improve"))


@pytest.mark.parametrize(
    ("module", "name"), [(train_flux, "flux.1-demo"), (train_florence2, "florence-2-demo")]
)
def test_resuming_without_a_checkpoint_is_an_error(module: Any, name: str, tmp_path: Path) -> None:
    start = str(weights_folder(name))
    arguments = ["--out", str(tmp_path), "--start", start, "--resume"]
    result = CliRunner().invoke(module.main, arguments)
    assert result.exit_code == 1
    assert "nothing to resume" in result.output
