"""Training of a demo Florence-2: first vision alone with dense heads, then answers too."""

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from transformers import Florence2ForConditionalGeneration, Florence2Processor

from workers.training.common.trainer import Metrics, mixed_precision
from workers.training.florence2.components import END, PAD, first_location
from workers.training.florence2.data import (
    CLASSES,
    IGNORED,
    GridTargets,
    Questions,
    QuestionTokenizer,
    sample_batch,
)
from workers.training.florence2.metrics import evaluate, scored_canvases
from workers.training.florence2.stock_predictor import StockPredictor
from workers.training.scenes.canvas import CHARACTERS, LONGEST_WORD
from workers.training.scenes.descriptions import BINS
from workers.training.scenes.palette import BACKGROUND_COLOURS, ITEM_COLOURS, seeded_random

VISION_ONLY_SHARE = 0.28
"""The share of the budget in which only vision learns."""
SCORED_SEED = 999
SCORED_TASKS = ("<OD>", "<CAPTION>", "<OCR>", "<REFERRING_EXPRESSION_SEGMENTATION>")
MAX_TARGET_WIDTH, MIN_TARGET_WIDTH, TARGET_WIDTH_DECAY = 60.0, 4.0, 15.0
DENSE_DECAY = 0.8
CELLS_WITH_BOXES = 200
"""The approximate number of cells of a batch with a box loss: each edge costs 1000 likelihoods."""


def target_width(spent: float) -> float:
    """The deviation of a location target around the true bin, in bins: first wide, then narrow."""
    return max(MIN_TARGET_WIDTH, MAX_TARGET_WIDTH * math.exp(-TARGET_WIDTH_DECAY * spent))


def soft_targets(bins: Tensor, width: float) -> Tensor:
    """Normal distributions (n, 1000) around true bins (n,), so that a near miss costs less."""
    steps = torch.arange(BINS, device=bins.device)
    return functional.softmax(-0.5 * ((steps - bins[:, None]) / width) ** 2, dim=-1)


def location_loss(likelihoods: Tensor, bins: Tensor, width: float) -> Tensor:
    """The summed cross entropy of log-likelihoods (n, 1000) against true bins (n,)."""
    return -(likelihoods * soft_targets(bins, width)).sum()


class DenseHeads(nn.Module):
    """Linear heads that predict the content of each cell from its token; for training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classes = nn.Linear(width, len(CLASSES))
        self.colours = nn.Linear(width, len(ITEM_COLOURS))
        self.backgrounds = nn.Linear(width, len(BACKGROUND_COLOURS))
        self.characters = nn.Linear(width, 2 * len(CHARACTERS))
        self.read_characters = nn.Linear(width, 2 * len(CHARACTERS))
        self.ranks = nn.Linear(width, 2 * LONGEST_WORD)
        self.boxes = nn.Linear(width, 4 * width)

    def loss(
        self, features: Tensor, grid: GridTargets, locations: Tensor, width: float
    ) -> tuple[Tensor, Metrics]:
        """The sum of the heads' losses.

        Args:
            features: (n, 1 + 144, d), the token of the whole picture first.
            grid: the targets.
            locations: (1000, d), the embeddings of the location tokens, which boxes are
                predicted in.
            width: deviation of the location targets, in bins.
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
        """The loss of predicting the character in each cell and its index in the word.

        A decoder that spells a word looks for the cells of the next character; they are easy to
        find once they contain the index of their character.

        Args:
            states: (m, 144, d), the encoder's states of the cells, for questions about text.
            grid: the targets.
            pictures: (m,), the index of each question's picture in the grid.
        """
        characters = self.read_characters(states).view(-1, len(CHARACTERS))
        ranks = self.ranks(states).view(-1, LONGEST_WORD)
        return _cross_entropy(characters, grid.characters[pictures].flatten()) + _cross_entropy(
            ranks, grid.ranks[pictures].flatten()
        )


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over all targets that are not ignored; 0 if all are ignored."""
    total = functional.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


@dataclass(frozen=True)
class Florence2Hyperparameters:
    """Hyperparameters of the training.

    Attributes:
        pictures: pictures per step.
        questions: questions about each picture.
        pages: pages of letters per step, without questions; while only vision learns there are
            three times as many pages, and half as many pictures.
        rate: peak learning rate.
        warm_up: steps until the peak.
        dense_weight: weight of the dense heads' loss beside that of the answers; it decays to a
            fifth.
        reading_weight: weight of the loss of the positions of a word's characters.
        vision_only: the share of the budget in which only vision learns.
        scored: the number of held-out canvases.
    """

    pictures: int = 8
    questions: int = 4
    pages: int = 2
    rate: float = 1e-3
    warm_up: int = 100
    dense_weight: float = 0.5
    reading_weight: float = 0.3
    vision_only: float = VISION_ONLY_SHARE
    scored: int = 24


class Florence2Learner:
    """Trains a model and its dense heads."""

    def __init__(
        self,
        model: Florence2ForConditionalGeneration,
        processor: Florence2Processor,
        device: torch.device,
        hyperparameters: Florence2Hyperparameters | None = None,
        seed: int = 7,
    ) -> None:
        """Prepare to train a model on a device."""
        self.device, self.processor = device, processor
        self.hyperparameters = hyperparameters or Florence2Hyperparameters()
        self.tokenizer = QuestionTokenizer(processor)
        self.rng = seeded_random(seed)
        self.noise = torch.Generator().manual_seed(seed)
        self.first = first_location(processor)
        if device.type == "cpu":
            # the backward pass of the fused kernel took half of a step
            model.set_attn_implementation("eager")
        heads = DenseHeads(model.config.text_config.d_model)
        self._network = nn.ModuleDict({"model": model, "heads": heads}).to(device).train()
        self._optimizers = self._make_optimizers()

    def _make_optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW with weight decay for the matrices of the layers alone."""
        decaying: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        exempt = re.compile("embed|shared|conv|^heads")
        for name, parameter in self._network.named_parameters():
            matrix = parameter.ndim > 1 and not exempt.search(name)
            (decaying if matrix else others).append(parameter)
        groups = [
            {"params": decaying, "weight_decay": 0.03},
            {"params": others, "weight_decay": 0.0},
        ]
        return [(AdamW(groups, betas=(0.9, 0.98), fused=True), self.hyperparameters.rate)]

    @property
    def network(self) -> nn.Module:
        """The model as "model" and its heads as "heads"."""
        return self._network

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """AdamW for all parameters."""
        return self._optimizers

    def rate_factor(self, step: int, spent: float) -> float:
        """A linear warm-up times a cosine decay over the whole budget."""
        cosine = (1 + math.cos(math.pi * min(1.0, spent))) / 2
        return min(1.0, (step + 1) / self.hyperparameters.warm_up) * (0.02 + 0.98 * cosine)

    def loss(self, step: int, spent: float) -> tuple[Tensor, Metrics]:  # noqa: ARG002 - the same at every step
        """The loss on a new batch: at first of the dense heads alone, then of answers too."""
        pictures, pages = self.hyperparameters.pictures, self.hyperparameters.pages
        if spent < self.hyperparameters.vision_only:
            # shapes are learnt soon; most of what remains to learn is letters
            batch = sample_batch(self.tokenizer, 1 + pictures // 2, 0, self.rng, 3 * pages)
        else:
            questions = self.hyperparameters.questions
            batch = sample_batch(self.tokenizer, pictures, questions, self.rng, pages)
        width = target_width(spent)
        grid = batch.grid.to(self.device)
        with mixed_precision(self.device):
            features = self._features(batch.pictures)
            dense, dense_metrics = self._dense_loss(features, grid, width)
            if batch.questions is None:
                return dense, dense_metrics
            batched = batch.questions.to(self.device)
            answers, metrics = self._answer_loss(features[:pictures], batched, grid, width)
        weight = self.hyperparameters.dense_weight * (1 - DENSE_DECAY * min(1.0, spent))
        return answers + weight * dense, dense_metrics | metrics

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
    ) -> tuple[Tensor, Metrics]:
        weight = self._embeddings().get_parameter("weight")
        locations = weight[self.first : self.first + BINS]
        loss: tuple[Tensor, Metrics] = self._part("heads").loss(features, grid, locations, width)
        return loss

    def _answer_loss(
        self, features: Tensor, questions: Questions, grid: GridTargets, width: float
    ) -> tuple[Tensor, Metrics]:
        """The mean loss of an answer's tokens, plus the weighted reading loss of the encoder.

        Args:
            features: (n, 145, d), computed once for all questions about a picture.
            questions: n · k questions.
            grid: the dense targets.
            width: deviation of the location targets, in bins.
        """
        encoded, states = self._run_model(features, questions)
        tokens = questions.answers != PAD
        answers, metrics = self._token_loss(states[tokens], questions.answers[tokens], width)
        rows = questions.reading.nonzero()[:, 0]
        per_picture = len(questions.prompts) // len(features)
        reading = self._part("heads").reading_loss(
            encoded[rows, 1 : features.shape[1]], grid, rows // per_picture
        )
        loss = answers + self.hyperparameters.reading_weight * reading
        return loss, metrics | {"reading": reading.item()}

    def _token_loss(self, states: Tensor, targets: Tensor, width: float) -> tuple[Tensor, Metrics]:
        """The mean loss over target tokens (n,) from states (n, d); locations have soft targets."""
        # softmax over all tokens: probability that goes to other tokens is penalized too
        likelihoods = functional.log_softmax(self._part("model.lm_head")(states).float(), dim=-1)
        bins = targets - self.first
        located = (bins >= 0) & (bins < BINS)
        places = likelihoods[located, self.first : self.first + BINS]
        place_loss = location_loss(places, bins[located], width)
        word_loss = functional.nll_loss(likelihoods[~located], targets[~located], reduction="sum")
        return (word_loss + place_loss) / len(targets), {
            "word": word_loss.item() / int((~located).sum()),
            "place": place_loss.item() / max(1, int(located.sum())),
        }

    def _run_model(self, features: Tensor, questions: Questions) -> tuple[Tensor, Tensor]:
        """The encoder's states, and the decoder's states before each token of the answers.

        Returns:
            (n · k, 145 + longest prompt, d) and (n · k, longest answer, d).
        """
        repeated = features.repeat_interleave(len(questions.prompts) // len(features), dim=0)
        embedded = self._embeddings()(questions.prompts).to(features.dtype)
        mask = torch.ones(repeated.shape[:2], dtype=torch.long, device=self.device)
        output = self._part("model.model")(
            inputs_embeds=torch.cat([repeated, embedded], dim=1),
            attention_mask=torch.cat([mask, (questions.prompts != PAD).long()], dim=1),
            decoder_input_ids=functional.pad(questions.answers[:, :-1], (1, 0), value=END),
            use_cache=False,
        )
        return output.encoder_last_hidden_state, output.last_hidden_state

    def held_out_metrics(self, network: nn.Module) -> Metrics:
        """The metrics of some tasks on unseen canvases, half of them with a word; greedy."""
        predict = StockPredictor(network.get_submodule("model"), self.processor)
        canvases = scored_canvases(SCORED_SEED, self.hyperparameters.scored)
        return evaluate(canvases, predict, tasks=SCORED_TASKS)
