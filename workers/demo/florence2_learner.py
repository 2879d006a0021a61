"""How a demo Florence-2 learns: to see first, under dense heads, then to answer."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from transformers import Florence2ForConditionalGeneration, Florence2Processor

from workers.demo.detection_score import score
from workers.demo.florence2_answers import answers, detections, true_detections
from workers.demo.florence2_data import (
    CLASSES,
    IGNORED,
    GridTargets,
    Speller,
    sample_batch,
)
from workers.demo.florence2_parts import END, PAD, first_location
from workers.demo.scenes.canvas import CHARACTERS, WORDS, sample_canvas
from workers.demo.scenes.palette import INK, PAPER, lots
from workers.demo.scenes.wording import BINS, caption
from workers.demo.training import Figures

SEEING_SHARE = 0.1
"""Of the budget: vision alone."""
SCORED_SEED, SCORED_CANVASES = 999, 24
WIDEST, NARROWEST, NARROWING = 60.0, 6.0, 15.0


def target_width(spent: float) -> float:
    """How many bins around the true one a location target spreads: wide first, then narrow."""
    return max(NARROWEST, WIDEST * math.exp(-NARROWING * spent))


def soft_targets(bins: Tensor, width: float) -> Tensor:
    """Normal distributions (n, 1000) around true bins (n,), so that a near miss is no full miss."""
    steps = torch.arange(BINS, device=bins.device)
    return functional.softmax(-0.5 * ((steps - bins[:, None]) / width) ** 2, dim=-1)


def location_loss(likelihoods: Tensor, bins: Tensor, width: float) -> Tensor:
    """The summed cross entropy of log-likelihoods (n, 1000) against true bins (n,)."""
    return -(likelihoods * soft_targets(bins, width)).sum()


class DenseHeads(nn.Module):
    """Linear heads on the picture's tokens that say what lies there. Training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classes = nn.Linear(width, len(CLASSES))
        self.colours = nn.Linear(width, len(INK))
        self.backgrounds = nn.Linear(width, len(PAPER))
        self.characters = nn.Linear(width, 2 * len(CHARACTERS))
        self.boxes = nn.Linear(width, 4 * width)

    def loss(
        self, features: Tensor, grid: GridTargets, locations: Tensor, width: float
    ) -> tuple[Tensor, Figures]:
        """The sum of the heads' losses.

        Args:
            features: (n, 1 + 64, d), the whole picture's token first.
            grid: the truth.
            locations: (1000, d), the embeddings of the location tokens: boxes are said in them.
            width: spread of the location targets, in bins.
        """
        whole, cells = features[:, 0], features[:, 1:].flatten(0, 1)
        filled = grid.classes.flatten() > 0
        shown, bins = cells[filled], grid.boxes.view(-1, 4)[filled].flatten()
        boxes = self.boxes(shown).view(-1, locations.shape[1]) @ locations.T
        likelihoods = functional.log_softmax(boxes.float(), dim=-1)
        losses = {
            "class": _cross_entropy(self.classes(cells), grid.classes.flatten()),
            "colour": _cross_entropy(self.colours(shown), grid.colours.flatten()[filled]),
            "box": location_loss(likelihoods, bins, width) / len(bins),
            "character": _cross_entropy(
                self.characters(cells).view(-1, len(CHARACTERS)), grid.characters.flatten()
            ),
            "background": _cross_entropy(self.backgrounds(whole), grid.backgrounds),
        }
        return sum(losses.values(), torch.zeros((), device=whole.device)), {
            name: loss.item() for name, loss in losses.items()
        }


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over what is not ignored, 0 where everything is."""
    total = functional.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


@dataclass(frozen=True)
class Florence2Lessons:
    """How to train.

    Attributes:
        pictures: to a step; twice as many while only vision learns.
        questions: about each picture.
        rate: peak learning rate.
        warm_up: steps until the peak.
        dense_weight: of the dense heads' loss once answers are learnt, falling to 0.
        seeing: the share of the budget in which only vision learns.
    """

    pictures: int = 8
    questions: int = 4
    rate: float = 1e-3
    warm_up: int = 200
    dense_weight: float = 0.3
    seeing: float = SEEING_SHARE


class Florence2Learner:
    """Trains a model and its dense heads."""

    def __init__(
        self,
        model: Florence2ForConditionalGeneration,
        processor: Florence2Processor,
        device: torch.device,
        lessons: Florence2Lessons | None = None,
        seed: int = 7,
    ) -> None:
        """Make ready to train a model on a device."""
        self.device, self.lessons, self.processor = device, lessons or Florence2Lessons(), processor
        self.speller = Speller(processor)
        self.rng = lots(seed)
        self.noise = torch.Generator().manual_seed(seed)
        self.first = first_location(processor)
        if device.type == "cpu":
            model.set_attn_implementation("eager")  # the fused kernel's backward took half a step
        heads = DenseHeads(model.config.text_config.d_model)
        self._network = nn.ModuleDict({"model": model, "heads": heads}).to(device).train()
        self._optimizers = self._make_optimizers()

    def _make_optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW; only the matrices of the layers decay."""
        decaying: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        spared = re.compile("embed|shared|conv|^heads")
        for name, parameter in self._network.named_parameters():
            matrix = parameter.ndim > 1 and not spared.search(name)
            (decaying if matrix else others).append(parameter)
        groups = [
            {"params": decaying, "weight_decay": 0.03},
            {"params": others, "weight_decay": 0.0},
        ]
        return [(AdamW(groups, betas=(0.9, 0.98), fused=True), self.lessons.rate)]

    @property
    def network(self) -> nn.Module:
        """The model under "model" and its heads under "heads"."""
        return self._network

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW on everything."""
        return self._optimizers

    def rate(self, step: int, spent: float) -> float:
        """Up over some steps, and half a cosine down from the start."""
        cosine = (1 + math.cos(math.pi * min(1.0, spent))) / 2
        return min(1.0, (step + 1) / self.lessons.warm_up) * (0.02 + 0.98 * cosine)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Figures]:  # noqa: ARG002 - the same at every step
        """The loss on a fresh batch: of the dense heads alone at first, then of answers too."""
        seeing = spent < self.lessons.seeing
        pictures = self.lessons.pictures * (2 if seeing else 1)
        batch = sample_batch(
            self.speller, pictures, 0 if seeing else self.lessons.questions, self.rng
        )
        width = target_width(spent)
        with torch.autocast(self.device.type, torch.bfloat16):
            features = self._features(batch.pictures)
            dense, figures = self._dense_loss(features, batch.grid, width)
            if batch.prompts is None or batch.answers is None:
                return dense, figures
            answers, more = self._answer_loss(features, batch.prompts, batch.answers, width)
        weight = self.lessons.dense_weight * max(0.0, 1 - spent)
        return answers + weight * dense, figures | more

    def _features(self, pictures: Tensor) -> Tensor:
        features: Tensor = (
            self._part("model.model").get_image_features(pictures.to(self.device)).pooler_output
        )
        return features

    def _part(self, name: str) -> Any:
        return self._network.get_submodule(name)

    def _embeddings(self) -> nn.Module:
        return self._network.get_submodule("model.model.language_model.shared")

    def _dense_loss(
        self, features: Tensor, grid: GridTargets, width: float
    ) -> tuple[Tensor, Figures]:
        weight = self._embeddings().get_parameter("weight")
        locations = weight[self.first : self.first + BINS]
        loss: tuple[Tensor, Figures] = self._part("heads").loss(
            features, grid.to(self.device), locations, width
        )
        return loss

    def _answer_loss(
        self, features: Tensor, prompts: Tensor, answers: Tensor, width: float
    ) -> tuple[Tensor, Figures]:
        """The mean loss of an answer's token; that of a location is a near miss's too.

        Args:
            features: (n, 65, d), computed once for all questions about a picture.
            prompts: (n · k, longest) ids.
            answers: (n · k, longest) ids.
            width: spread of the location targets, in bins.
        """
        prompts, answers = prompts.to(self.device), answers.to(self.device)
        states = self._decoded(features, prompts, answers)
        wanted = answers[answers != PAD]
        logits = self._part("model.lm_head")(states[answers != PAD])
        # over all tokens: what probability others take from the true location is punished too
        likelihoods = functional.log_softmax(logits.float(), dim=-1)
        bins = wanted - self.first
        located = (bins >= 0) & (bins < BINS)
        places = likelihoods[located, self.first : self.first + BINS]
        place_loss = location_loss(places, bins[located], width)
        word_loss = functional.nll_loss(likelihoods[~located], wanted[~located], reduction="sum")
        figures = {"word": word_loss.item() / int((~located).sum())}
        return (word_loss + place_loss) / len(wanted), figures

    def _decoded(self, features: Tensor, prompts: Tensor, answers: Tensor) -> Tensor:
        """The decoder's states (n · k, longest, d) before each token of the true answers."""
        repeated = features.repeat_interleave(len(prompts) // len(features), dim=0)
        embedded = self._embeddings()(prompts).to(features.dtype)
        seen = torch.ones(repeated.shape[:2], dtype=torch.long, device=self.device)
        states: Tensor = self._part("model.model")(
            inputs_embeds=torch.cat([repeated, embedded], dim=1),
            attention_mask=torch.cat([seen, (prompts != PAD).long()], dim=1),
            decoder_input_ids=functional.pad(answers[:, :-1], (1, 0), value=END),
            use_cache=False,
        ).last_hidden_state
        return states

    @torch.no_grad()
    def held_out(self, network: nn.Module) -> Figures:
        """Detection, captions and reading on 24 unseen canvases, half with a word; greedy."""
        rng = lots(SCORED_SEED)
        silent = [sample_canvas(rng, text="") for _ in range(SCORED_CANVASES // 2)]
        lettered = [sample_canvas(rng, text=rng.choice(WORDS)) for _ in silent]
        canvases = silent + lettered
        pictures = [canvas.image for canvas in canvases]
        asked = network.get_submodule("model"), self.processor
        wanted = [true_detections(canvas) for canvas in canvases]
        found = score(list(zip(detections(*asked, pictures), wanted, strict=True)))
        captions = answers(*asked, pictures, "<CAPTION>")
        read = answers(*asked, [canvas.image for canvas in lettered], "<OCR>")
        words = ["".join(item.text for item in canvas.items) for canvas in lettered]
        return {
            "box IoU": found.mean_iou,
            "recall": found.recall,
            "captions": _share_equal(captions, [caption(canvas) for canvas in canvases]),
            "reading": _share_equal(read, words),
        }


def _share_equal(said: Sequence[str], true: Sequence[str]) -> float:
    return sum(one == other for one, other in zip(said, true, strict=True)) / len(true)
