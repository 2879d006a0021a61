"""What the shipped weights can do, on what they never saw, through the project's adapters."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from PIL.Image import Image
from transformers import CLIPTokenizer, Florence2Processor, T5Tokenizer

from workers.adapters.protocol import Adapter, Work
from workers.adapters.registry import make_adapter
from workers.catalog import find
from workers.demo import weights_folder
from workers.demo.adherence import check
from workers.demo.detection_score import Detection, DetectionScore, score
from workers.demo.florence2_parts import new_processor
from workers.demo.flux_parts import WORDS, clip_tokenizer, t5_tokenizer
from workers.demo.flux_vae import as_tensor, fit_encoder, read_encoder, write_encoder
from workers.demo.scenes.canvas import sample_canvas
from workers.demo.scenes.palette import lots
from workers.demo.scenes.scene import Scene, draw, unseen_scenes

BATCH = 8


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def loaded(name: str) -> Adapter:
    adapter = make_adapter(find(name), "cpu", {})
    adapter.load()
    return adapter


@pytest.fixture(scope="module")
def painter() -> Adapter:
    return loaded("flux.1-demo")


@pytest.fixture(scope="module")
def looker() -> Adapter:
    return loaded("florence-2-demo")


def run(adapter: Adapter, works: Sequence[Work]) -> list[Any]:
    batches = [works[i : i + BATCH] for i in range(0, len(works), BATCH)]
    return [
        output
        for batch in batches
        for output in adapter.run(batch, lambda _step, _steps: None, lambda: False)
    ]


def painted(painter: Adapter, scenes: Sequence[Scene]) -> list[Image]:
    parameters = find("flux.1-demo").parameters
    works = [
        Work(parameters(prompt=scene.caption, steps=4, width=128, height=128, seed=1000 + number))
        for number, scene in enumerate(scenes)
    ]
    return [output.images[0].image for output in run(painter, works)]


def detected(looker: Adapter, pictures: Sequence[Image]) -> list[list[Detection]]:
    parameters = find("florence-2-demo").parameters(image="file_1", task="<OD>", num_beams=1)
    works = [Work(parameters, {"image": [picture]}) for picture in pictures]
    answers = [output.data["results"][0]["result"]["<OD>"] for output in run(looker, works)]
    return [
        [
            Detection(label, tuple(box))
            for label, box in zip(answer["labels"], answer["bboxes"], strict=True)
        ]
        for answer in answers
    ]


@pytest.mark.parametrize("objects", [1, 2])
def test_the_painter_paints_what_unseen_captions_say(painter: Adapter, objects: int) -> None:
    scenes = unseen_scenes(4242, [objects] * 24)
    pictures = painted(painter, scenes)
    right = [check(*pair).right for pair in zip(pictures, scenes, strict=True)]
    assert sum(right) / len(right) >= 0.85


def test_the_looker_finds_what_stands_on_unseen_canvases(looker: Adapter) -> None:
    rng = lots(4242)
    canvases = [sample_canvas(rng) for _ in range(96)]  # by 24 the IoU varies from 0.79 to 0.90
    found = detected(looker, [canvas.image for canvas in canvases])
    wanted = [[Detection(item.shape, item.box) for item in canvas.items] for canvas in canvases]
    result = score(list(zip(found, wanted, strict=True)))
    assert result.mean_iou >= 0.8
    assert result.recall >= 0.9
    assert result.precision >= 0.9


def test_the_looker_finds_what_the_painter_painted(painter: Adapter, looker: Adapter) -> None:
    scenes = unseen_scenes(77, [1, 2] * 12)
    assert {scene.background for scene in scenes} > {"blue", "red", "white"}
    result = painted_and_found(painter, looker, scenes)
    assert result.mean_iou >= 0.8
    assert result.recall >= 0.9


def painted_and_found(painter: Adapter, looker: Adapter, scenes: Sequence[Scene]) -> DetectionScore:
    pictures = painted(painter, scenes)
    wanted = [
        [
            Detection(placed.thing.shape, box)
            for placed, box in zip(scene.objects, check(picture, scene).boxes, strict=True)
            if box is not None
        ]
        for picture, scene in zip(pictures, scenes, strict=True)
    ]
    return score(list(zip(detected(looker, pictures), wanted, strict=True)))


def test_the_shipped_encoder_is_the_linear_map() -> None:
    scenes = unseen_scenes(3, [1, 2, 3, 1])
    pictures = as_tensor([draw(scene) for scene in scenes])
    vae = AutoencoderKL.from_pretrained(weights_folder("flux.1-demo") / "vae", dtype=torch.float32)
    write_encoder(vae, linear := fit_encoder([pictures]))
    with torch.no_grad():
        encoded = vae.encode(pictures).latent_dist.mode()
    torch.testing.assert_close(encoded, linear(pictures), atol=0.02, rtol=0)
    torch.testing.assert_close(read_encoder(vae).squares, linear.squares)


def test_the_shipped_autoencoder_keeps_scenes_right() -> None:
    scenes = unseen_scenes(5, [1, 2, 3] * 4)
    pictures = as_tensor([draw(scene) for scene in scenes])
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
    florence = Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))
    assert new_processor().tokenizer.get_vocab() == florence.tokenizer.get_vocab()


def test_weights_that_are_not_shipped_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"flux\.9-demo"):
        weights_folder("flux.9-demo")
