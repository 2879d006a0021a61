"""The shipped weights on unseen data, through the project's adapters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import AutoencoderKL
from PIL.Image import Image
from PIL.Image import open as open_picture
from transformers import CLIPTokenizer, Florence2Processor, Qwen2Tokenizer, T5Tokenizer

from workers.adapters.protocol import Adapter, Work
from workers.adapters.registry import make_adapter
from workers.catalog import find
from workers.demo import weights_folder
from workers.training import contact_sheet_florence2, score_florence2, score_flux2
from workers.training.common.detection_metrics import Detection, DetectionScore, score
from workers.training.florence2.components import new_processor
from workers.training.florence2.metrics import evaluate, scored_canvases
from workers.training.flux import flux2_metrics
from workers.training.flux.adherence import check
from workers.training.flux.flux1_components import (
    NEUTRAL_WORD,
    WORD_END,
    WORD_START,
    WORDS,
    clip_tokenizer,
    load_pipeline,
    neutralize_unknown_pieces,
    t5_tokenizer,
    unknown_pieces,
)
from workers.training.flux.flux2_components import tokenizer as flux2_tokenizer
from workers.training.flux.vae import as_tensor, fit_encoder, read_encoder, write_encoder
from workers.training.scenes.scene import Scene, draw, unseen_scenes
from workers.training.score_florence2 import load_predictor

BATCH = 8
LEAST = {
    "<CAPTION>": {"caption: colours and shapes": 0.9},
    "<OD>": {
        "detection: mean IoU": 0.85,
        "detection: recall": 0.95,
        "detection: precision": 0.9,
    },
    "<OCR>": {"OCR: exact": 0.7, "OCR: nothing where nothing is": 0.95},
    "<OCR_WITH_REGION>": {"OCR with region: mean IoU": 0.75},
    "<CAPTION_TO_PHRASE_GROUNDING>": {"grounding: mean IoU": 0.8},
    "<OPEN_VOCABULARY_DETECTION>": {"open vocabulary: mean IoU": 0.8},
    "<REFERRING_EXPRESSION_SEGMENTATION>": {"referring segmentation: mask IoU": 0.7},
    "<REGION_TO_SEGMENTATION>": {"region to segmentation: mask IoU": 0.7},
    "<REGION_TO_CATEGORY>": {"region to category: exact": 0.95},
}
"""The least metrics of 32 canvases, by task; the model card has those of 200."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def loaded(name: str) -> Adapter:
    adapter = make_adapter(find(name), "cpu", {})
    adapter.load()
    return adapter


@pytest.fixture(scope="module")
def flux() -> Adapter:
    return loaded("flux.1-demo")


@pytest.fixture(scope="module")
def florence2() -> Adapter:
    return loaded("florence-2-demo")


def run(adapter: Adapter, works: Sequence[Work]) -> list[Any]:
    batches = [works[i : i + BATCH] for i in range(0, len(works), BATCH)]
    return [
        output
        for batch in batches
        for output in adapter.run(batch, lambda _step, _steps: None, lambda: False)
    ]


def generate_pictures(
    flux: Adapter, scenes: Sequence[Scene], width: int = 256, height: int = 256
) -> list[Image]:
    parameters = find("flux.1-demo").parameters
    works = [
        Work(
            parameters(
                prompt=scene.caption, steps=4, width=width, height=height, seed=1000 + number
            )
        )
        for number, scene in enumerate(scenes)
    ]
    return [output.images[0].image for output in run(flux, works)]


def detect_objects(florence2: Adapter, pictures: Sequence[Image]) -> list[list[Detection]]:
    parameters = find("florence-2-demo").parameters(image="file_1", task="<OD>", num_beams=1)
    works = [Work(parameters, {"image": [picture]}) for picture in pictures]
    answers = [output.data["results"][0]["result"]["<OD>"] for output in run(florence2, works)]
    return [
        [
            Detection(label, tuple(box))
            for label, box in zip(answer["labels"], answer["bboxes"], strict=True)
        ]
        for answer in answers
    ]


@pytest.mark.slow
@pytest.mark.parametrize("objects", [1, 2])
def test_flux_follows_unseen_captions(flux: Adapter, objects: int) -> None:
    scenes = unseen_scenes(4242, [objects] * 24)
    pictures = generate_pictures(flux, scenes)
    right = [check(*pair).right for pair in zip(pictures, scenes, strict=True)]
    assert sum(right) / len(right) >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(192, 192), (320, 224), (192, 352)])
def test_flux_follows_unseen_captions_at_other_sizes(
    flux: Adapter, width: int, height: int
) -> None:
    scenes = unseen_scenes(4242, [1, 2] * 6)
    pictures = generate_pictures(flux, scenes, width, height)
    assert {picture.size for picture in pictures} == {(width, height)}
    results = [check(*pair) for pair in zip(pictures, scenes, strict=True)]
    assert all(each.background and each.colour and each.place for each in results)
    assert sum(each.right for each in results) / len(results) >= 0.7


@pytest.mark.slow
def test_flux2_keeps_the_objects_of_unseen_references() -> None:
    generate = score_flux2.AdapterImageGenerator(loaded("flux.2-demo"))
    scored = flux2_metrics.evaluate(20, 4242, generate, max_references=1)
    assert scored["one picture: colour and shape kept"] >= 0.8
    assert scored["one picture: right"] >= 0.75
    assert scored["words alone: right"] >= 0.75


@pytest.mark.slow
def test_florence2_answers_about_unseen_canvases() -> None:
    scored = evaluate(scored_canvases(4242, 32), load_predictor(), tasks=LEAST)
    least = {name: mark for marks in LEAST.values() for name, mark in marks.items()}
    missed = {name: scored[name] for name, mark in least.items() if scored[name] < mark}
    assert not missed


@pytest.mark.slow
def test_the_contact_sheet_shows_the_answers(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        contact_sheet_florence2.main, ["--out", str(tmp_path / "sheet.png"), "--scenes", "4"]
    )
    assert result.exit_code == 0, result.output
    sheet = np.asarray(open_picture(tmp_path / "sheet.png"))
    framed = (sheet == contact_sheet_florence2.FRAME).all(-1)
    cells = np.array_split(framed, 4, axis=1)
    assert all(cell.sum() > 100 for cell in cells)


@pytest.mark.slow
def test_the_command_prints_every_metric() -> None:
    result = CliRunner().invoke(score_florence2.main, ["--scenes", "2", "--seed", "3"])
    assert result.exit_code == 0, result.output
    metrics = [float(line.rsplit(maxsplit=1)[1]) for line in result.output.splitlines()]
    assert len(metrics) == 32
    assert all(0 <= metric <= 1 for metric in metrics)


def test_florence2_detects_the_objects_that_flux_generates(
    flux: Adapter, florence2: Adapter
) -> None:
    scenes = unseen_scenes(77, [1, 2] * 12)
    assert {scene.background for scene in scenes} > {"blue", "red", "white"}
    result = score_detections(flux, florence2, scenes)
    assert result.mean_iou >= 0.8
    assert result.recall >= 0.9


def score_detections(flux: Adapter, florence2: Adapter, scenes: Sequence[Scene]) -> DetectionScore:
    pictures = generate_pictures(flux, scenes)
    targets = [
        [
            Detection(placed.thing.shape, box)
            for placed, box in zip(scene.objects, check(picture, scene).boxes, strict=True)
            if box is not None
        ]
        for picture, scene in zip(pictures, scenes, strict=True)
    ]
    return score(list(zip(detect_objects(florence2, pictures), targets, strict=True)))


def test_the_shipped_encoder_is_the_linear_map() -> None:
    scenes = unseen_scenes(3, [1, 2, 3, 1])
    pictures = as_tensor([draw(scene, 256) for scene in scenes])
    vae = AutoencoderKL.from_pretrained(weights_folder("flux.1-demo") / "vae", dtype=torch.float32)
    write_encoder(vae, linear := fit_encoder([pictures]))
    with torch.no_grad():
        encoded = vae.encode(pictures).latent_dist.mode()
    torch.testing.assert_close(encoded, linear(pictures), atol=0.02, rtol=0)
    torch.testing.assert_close(read_encoder(vae).squares, linear.squares)


@pytest.mark.slow
def test_the_shipped_autoencoder_keeps_scenes_right() -> None:
    scenes = unseen_scenes(5, [1, 2, 3] * 4)
    pictures = as_tensor([draw(scene, 256) for scene in scenes])
    vae = AutoencoderKL.from_pretrained(weights_folder("flux.1-demo") / "vae", dtype=torch.float32)
    with torch.no_grad():
        encoded = vae.encode(pictures).latent_dist.mode()
        decoded = vae.decode(encoded).sample
    torch.testing.assert_close(encoded, read_encoder(vae)(pictures), atol=0.05, rtol=0)
    assert (decoded - pictures).abs().mean() < 0.04


def test_the_tokenizers_built_here_are_those_of_the_shipped_weights() -> None:
    flux = weights_folder("flux.1-demo")
    clip = CLIPTokenizer.from_pretrained(flux / "tokenizer")
    assert set(clip_tokenizer().get_vocab()) == set(clip.get_vocab())
    assert all(len(clip.tokenize(word)) == 1 for word in WORDS)
    t5 = T5Tokenizer.from_pretrained(flux / "tokenizer_2")
    assert t5_tokenizer().get_vocab() == t5.get_vocab()
    qwen = Qwen2Tokenizer.from_pretrained(weights_folder("flux.2-demo") / "tokenizer")
    assert flux2_tokenizer().get_vocab() == qwen.get_vocab()
    florence = Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))
    assert new_processor().tokenizer.get_vocab() == florence.tokenizer.get_vocab()


def test_pieces_of_unknown_words_have_the_embedding_of_the_neutral_word() -> None:
    flux = load_pipeline(weights_folder("flux.1-demo"))
    clip = flux.tokenizer
    embeddings = flux.text_encoder.get_input_embeddings().weight.detach()
    shipped = embeddings.clone()
    unknown = unknown_pieces(clip)
    neutral = clip.get_vocab()[NEUTRAL_WORD + WORD_END]
    assert (shipped[unknown] == shipped[neutral]).all()
    known = [number for number in range(len(shipped)) if number not in unknown]
    assert len(shipped[known].unique(dim=0)) == len(known) == len(WORDS) + 3
    neutralize_unknown_pieces(flux.text_encoder, clip)
    assert torch.equal(embeddings, shipped)


def test_an_unknown_word_is_one_unknown_piece_for_the_second_text_encoder() -> None:
    flux = load_pipeline(weights_folder("flux.1-demo"))
    t5 = flux.tokenizer_2
    assert flux.text_encoder_2.get_input_embeddings().num_embeddings == len(t5)
    start, unknown = t5.convert_tokens_to_ids(WORD_START), t5.unk_token_id
    circle, end = t5("circle").input_ids
    for word in ("xylophone", "Red", "!", "<|im_end|>"):
        assert t5(f"{word} circle").input_ids == [start, unknown, circle, end]
    assert t5("circles.").input_ids == [circle, unknown, end]


def test_missing_weights_are_an_error_with_their_name() -> None:
    with pytest.raises(FileNotFoundError, match=r"flux\.9-demo"):
        weights_folder("flux.9-demo")
