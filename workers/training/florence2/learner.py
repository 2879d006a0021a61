"""How a demo Florence-2 learns: to see first, under dense heads, then to answer."""

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from transformers import Florence2ForConditionalGeneration, Florence2Processor

from workers.training.florence2.components import END, PAD, first_location
from workers.training.florence2.data import (
    CLASSES,
    IGNORED,
    GridTargets,
    Questions,
    Speller,
    sample_batch,
)
from workers.training.florence2.metrics import figures, scored_canvases
from workers.training.florence2.target_text import StockAsker
from workers.training.loop import Figures, mixed_precision
from workers.training.scenes.canvas import CHARACTERS, LONGEST_WORD
from workers.training.scenes.palette import INK, PAPER, lots
from workers.training.scenes.wording import BINS

SEEING_SHARE = 0.28
"""Of the budget: vision alone."""
SCORED_SEED = 999
SCORED_TASKS = ("<OD>", "<CAPTION>", "<OCR>", "<REFERRING_EXPRESSION_SEGMENTATION>")
WIDEST, NARROWEST, NARROWING = 60.0, 4.0, 15.0
DENSE_FALL = 0.8
CELLS_WITH_BOXES = 200
"""About how many of a batch are asked for boxes: a thousand likelihoods to an edge take long."""


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
        self.read_characters = nn.Linear(width, 2 * len(CHARACTERS))
        self.ranks = nn.Linear(width, 2 * LONGEST_WORD)
        self.boxes = nn.Linear(width, 4 * width)

    def loss(
        self, features: Tensor, grid: GridTargets, locations: Tensor, width: float
    ) -> tuple[Tensor, Figures]:
        """The sum of the heads' losses.

        Args:
            features: (n, 1 + 144, d), the whole picture's token first.
            grid: the truth.
            locations: (1000, d), the embeddings of the location tokens: boxes are said in them.
            width: spread of the location targets, in bins.
        """
        whole, cells = features[:, 0], features[:, 1:].flatten(0, 1)
        filled = grid.classes.flatten() > 0
        shown = cells[filled]
        some = slice(None, None, 1 + len(shown) // CELLS_WITH_BOXES)
        bins = grid.boxes.view(-1, 4)[filled][some].flatten()
        boxes = self.boxes(shown[some]).view(-1, locations.shape[1]) @ locations.T
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

    def reading_loss(self, states: Tensor, grid: GridTargets, pictures: Tensor) -> Tensor:
        """How badly the encoder knows which character of the word stands where.

        A decoder that is to spell looks for the cells of its next character: that is easy once
        they say which in the word it is.

        Args:
            states: (m, 144, d), the encoder's of the cells, for questions on what is written.
            grid: the truth.
            pictures: (m,), which of its pictures each question is about.
        """
        characters = self.read_characters(states).view(-1, len(CHARACTERS))
        ranks = self.ranks(states).view(-1, LONGEST_WORD)
        return _cross_entropy(characters, grid.characters[pictures].flatten()) + _cross_entropy(
            ranks, grid.ranks[pictures].flatten()
        )


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over what is not ignored, 0 where everything is."""
    total = functional.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


@dataclass(frozen=True)
class Florence2Lessons:
    """How to train.

    Attributes:
        pictures: to a step.
        questions: about each picture.
        pages: of letters to a step, about which nothing is asked; three times as many, and half as
            many pictures, while only vision learns.
        rate: peak learning rate.
        warm_up: steps until the peak.
        dense_weight: of the dense heads' loss once answers are learnt, falling to a fifth.
        reading_weight: of the loss of where the characters of a word stand.
        seeing: the share of the budget in which only vision learns.
        scored: how many canvases are held out.
    """

    pictures: int = 8
    questions: int = 4
    pages: int = 2
    rate: float = 1e-3
    warm_up: int = 100
    dense_weight: float = 0.5
    reading_weight: float = 0.3
    seeing: float = SEEING_SHARE
    scored: int = 24


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
        pictures, pages = self.lessons.pictures, self.lessons.pages
        if spent < self.lessons.seeing:
            # shapes are soon seen: most of what remains to be is letters
            batch = sample_batch(self.speller, 1 + pictures // 2, 0, self.rng, 3 * pages)
        else:
            batch = sample_batch(self.speller, pictures, self.lessons.questions, self.rng, pages)
        width = target_width(spent)
        grid = batch.grid.to(self.device)
        with mixed_precision(self.device):
            features = self._features(batch.pictures)
            dense, told = self._dense_loss(features, grid, width)
            if batch.asked is None:
                return dense, told
            asked = batch.asked.to(self.device)
            answers, more = self._answer_loss(features[:pictures], asked, grid, width)
        weight = self.lessons.dense_weight * (1 - DENSE_FALL * min(1.0, spent))
        return answers + weight * dense, told | more

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
        loss: tuple[Tensor, Figures] = self._part("heads").loss(features, grid, locations, width)
        return loss

    def _answer_loss(
        self, features: Tensor, asked: Questions, grid: GridTargets, width: float
    ) -> tuple[Tensor, Figures]:
        """The mean loss of an answer's token, and how badly the encoder reads.

        Args:
            features: (n, 145, d), computed once for all questions about a picture.
            asked: n · k questions.
            grid: the truth.
            width: spread of the location targets, in bins.
        """
        read, states = self._coded(features, asked)
        told = asked.answers != PAD
        answers, figures = self._spoken_loss(states[told], asked.answers[told], width)
        rows = asked.reading.nonzero()[:, 0]
        per_picture = len(asked.prompts) // len(features)
        reading = self._part("heads").reading_loss(
            read[rows, 1 : features.shape[1]], grid, rows // per_picture
        )
        loss = answers + self.lessons.reading_weight * reading
        return loss, figures | {"reading": reading.item()}

    def _spoken_loss(self, states: Tensor, wanted: Tensor, width: float) -> tuple[Tensor, Figures]:
        """The mean loss over tokens (n,) from states (n, d); a location's is a near miss's too."""
        # over all tokens: what probability others take from the true location is punished too
        likelihoods = functional.log_softmax(self._part("model.lm_head")(states).float(), dim=-1)
        bins = wanted - self.first
        located = (bins >= 0) & (bins < BINS)
        places = likelihoods[located, self.first : self.first + BINS]
        place_loss = location_loss(places, bins[located], width)
        word_loss = functional.nll_loss(likelihoods[~located], wanted[~located], reduction="sum")
        return (word_loss + place_loss) / len(wanted), {
            "word": word_loss.item() / int((~located).sum()),
            "place": place_loss.item() / max(1, int(located.sum())),
        }

    def _coded(self, features: Tensor, asked: Questions) -> tuple[Tensor, Tensor]:
        """The encoder's states, and the decoder's before each token of the true answers.

        Returns:
            (n · k, 145 + longest prompt, d) and (n · k, longest answer, d).
        """
        repeated = features.repeat_interleave(len(asked.prompts) // len(features), dim=0)
        embedded = self._embeddings()(asked.prompts).to(features.dtype)
        seen = torch.ones(repeated.shape[:2], dtype=torch.long, device=self.device)
        output = self._part("model.model")(
            inputs_embeds=torch.cat([repeated, embedded], dim=1),
            attention_mask=torch.cat([seen, (asked.prompts != PAD).long()], dim=1),
            decoder_input_ids=functional.pad(asked.answers[:, :-1], (1, 0), value=END),
            use_cache=False,
        )
        return output.encoder_last_hidden_state, output.last_hidden_state

    def held_out(self, network: nn.Module) -> Figures:
        """The figures of some tasks on unseen canvases, half with a word; greedy."""
        ask = StockAsker(network.get_submodule("model"), self.processor)
        canvases = scored_canvases(SCORED_SEED, self.lessons.scored)
        return figures(canvases, ask, tasks=SCORED_TASKS)
