"""The loop that trains a demo model: a budget, checkpoints, held-out scores, an average."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

CHECKPOINT = "checkpoint.pt"
AVERAGE_MEMORY = 0.999
"""How much of the averaged weights stays at each step, once there were many."""
AVERAGE_WARM_UP = 20
LARGEST_GRADIENT = 1.0
SMOOTHING = 0.97
REPORT_SECONDS, SCORE_SECONDS, CHECKPOINT_SECONDS = 10.0, 120.0, 120.0
LONGEST_STEP_SECONDS = 20.0
"""A step that took longer is counted so: the machine slept, or the process was stopped."""

Figures = dict[str, float]
"""What a progress line tells, by name."""


class CheckpointError(Exception):
    """There is no checkpoint to resume from, or one that would be lost."""


@dataclass(frozen=True)
class Budget:
    """How long to train.

    Attributes:
        minutes: by the clock, held-out scores and checkpoints not counted.
        steps: when given, by this number of steps instead; such a run can be repeated exactly.
    """

    minutes: float
    steps: int | None = None

    def spent(self, step: int, seconds: float) -> float:
        """The share used up after that many steps and seconds; 1 or more is all of it."""
        return seconds / (60 * self.minutes) if self.steps is None else step / self.steps


class Learner(Protocol):
    """What is trained, on what, and how it is judged."""

    @property
    def network(self) -> nn.Module:
        """Everything that a gradient reaches."""
        ...

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """Each with its peak learning rate."""
        ...

    @property
    def rng(self) -> Random:
        """The lots by which scenes are drawn."""
        ...

    @property
    def noise(self) -> torch.Generator:
        """The generator, on the CPU, of all random tensors."""
        ...

    def rate(self, step: int, spent: float) -> float:
        """The share of the peak learning rates to use."""
        ...

    def loss(self, step: int, spent: float) -> tuple[Tensor, Figures]:
        """The loss on a fresh batch, and figures for the progress line."""
        ...

    def held_out(self, network: nn.Module) -> Figures:
        """Scores of a network like `network`, on what training never sees."""
        ...


class Trainer:
    """Trains one learner in one folder."""

    def __init__(
        self,
        learner: Learner,
        budget: Budget,
        folder: Path,
        echo: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make ready.

        Args:
            learner: what to train.
            budget: how long.
            folder: where the checkpoint is kept.
            echo: takes each progress line.
        """
        self.learner = learner
        self.budget = budget
        self.folder = folder
        self.echo = echo
        self.step = 0
        self.seconds = 0.0
        self.average = AveragedModel(learner.network, multi_avg_fn=_warmed_average)
        self.figures: Figures = {}
        self._due = dict.fromkeys(("report", "score", "checkpoint"), 0.0)

    @property
    def spent(self) -> float:
        """The share of the budget used up."""
        return self.budget.spent(self.step, self.seconds)

    def begin(self, *, resume: bool) -> None:
        """Start afresh, or go on from the folder's checkpoint.

        Raises:
            CheckpointError: there is none to resume from, or there is one and `resume` is false.
        """
        path = self.folder / CHECKPOINT
        if resume:
            self._restore(path)
        elif path.exists():
            raise CheckpointError(f"{path} exists: resume from it, or choose another folder")

    def train(self, until: int | None = None) -> nn.Module:
        """Train until the budget is spent, or up to that step of it; leaves a checkpoint.

        Returns:
            The averaged network.
        """
        self._due = {"report": 0.0, "score": self.seconds + SCORE_SECONDS} | {
            "checkpoint": self.seconds + CHECKPOINT_SECONDS
        }
        while self.spent < 1 and self.step != until:
            began = time.perf_counter()
            self._take_step()
            self.seconds += min(time.perf_counter() - began, LONGEST_STEP_SECONDS)
            self._tend()
        self.save()
        if self.spent >= 1:
            self._score()
        network: nn.Module = self.average.module
        return network

    def _take_step(self) -> None:
        rate = self.learner.rate(self.step, self.spent)
        for optimizer, peak in self.learner.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
            optimizer.zero_grad(set_to_none=True)
        loss, figures = self.learner.loss(self.step, self.spent)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(
            self.learner.network.parameters(), LARGEST_GRADIENT, error_if_nonfinite=True
        )
        for optimizer, _ in self.learner.optimizers:
            optimizer.step()
        self.average.update_parameters(self.learner.network)
        self.step += 1
        self._note({"loss": loss.item()} | figures)

    def _note(self, figures: Figures) -> None:
        for name, value in figures.items():
            before = self.figures.get(name, value)
            self.figures[name] = SMOOTHING * before + (1 - SMOOTHING) * value

    def _tend(self) -> None:
        if self._is_due("report", REPORT_SECONDS):
            self._say("", self.figures)
        if self._is_due("score", SCORE_SECONDS):
            self._score()
        if self._is_due("checkpoint", CHECKPOINT_SECONDS):
            self.save()

    def _is_due(self, what: str, every: float) -> bool:
        if self.seconds < self._due[what]:
            return False
        self._due[what] = self.seconds + every
        return True

    def _score(self) -> None:
        self._say("held out: ", self.learner.held_out(self.average.module))

    def _say(self, what: str, figures: Figures) -> None:
        told = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        pace = self.step / self.seconds if self.seconds else 0.0
        self.echo(f"step {self.step}  {self.spent:.0%}  {pace:.2f} steps/s  {what}{told}")

    def save(self) -> None:
        """Write the checkpoint; a crash in between leaves the one before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"{CHECKPOINT}.new"
        torch.save(self._state(), fresh)
        fresh.replace(self.folder / CHECKPOINT)

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.learner.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.learner.optimizers],
            "rng": self.learner.rng.getstate(),
            "noise": self.learner.noise.get_state(),
        }

    def _restore(self, path: Path) -> None:
        if not path.exists():
            raise CheckpointError(f"nothing to resume: there is no {path}")
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.learner.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for (optimizer, _), saved in zip(self.learner.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.learner.rng.setstate(state["rng"])
        self.learner.noise.set_state(state["noise"])


@torch.no_grad()
def _warmed_average(averaged: Any, current: Any, count: Tensor | int) -> None:
    """Move the averages towards the weights: far in the first steps, then ever less."""
    seen = int(count)
    memory = min(AVERAGE_MEMORY, (seen + 1) / (seen + AVERAGE_WARM_UP))
    torch._foreach_lerp_(averaged, current, 1 - memory)


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 on a GPU, float32 on a processor.

    A processor that does not compute in bfloat16 itself takes a hundred times longer in it.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def flat_then_falling(
    step: int, spent: float, warm_up: int, falling: float, floor: float = 0.01
) -> float:
    """A learning rate's course: up over some steps, flat, then linearly down to a floor.

    Args:
        step: steps taken.
        spent: share of the budget used up.
        warm_up: steps until the peak.
        falling: share of the budget, at its end, over which the rate falls.
        floor: what is left at the end.
    """
    return min(1.0, (step + 1) / warm_up) * min(1.0, (1 - spent) / falling + floor)
