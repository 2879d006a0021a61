"""The training loop of the demo models: budget, checkpoints, held-out metrics, averaging."""

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
AVERAGE_DECAY = 0.999
"""Decay of the moving average of the weights at each step, after the warm-up."""
AVERAGE_WARM_UP = 20
MAX_GRADIENT_NORM = 1.0
SMOOTHING = 0.97
REPORT_SECONDS, SCORE_SECONDS, CHECKPOINT_SECONDS = 10.0, 120.0, 120.0
MAX_STEP_SECONDS = 20.0
"""A longer step counts as this long: the machine slept, or the process was stopped."""

Metrics = dict[str, float]
"""The values of a progress line by name."""


class CheckpointError(Exception):
    """There is no checkpoint to resume from, or one would be overwritten."""


@dataclass(frozen=True)
class Budget:
    """The length of a training.

    Attributes:
        minutes: training time, without the time for held-out metrics and checkpoints.
        steps: if set, the number of steps instead; such a run is exactly repeatable.
    """

    minutes: float
    steps: int | None = None

    def spent(self, step: int, seconds: float) -> float:
        """The used share of the budget after so many steps and seconds; 1 or more is all of it."""
        return seconds / (60 * self.minutes) if self.steps is None else step / self.steps


class Learner(Protocol):
    """A network with its optimizers, its loss and its held-out metrics."""

    @property
    def network(self) -> nn.Module:
        """All modules that are trained."""
        ...

    @property
    def optimizers(self) -> list[tuple[Optimizer, float]]:
        """The optimizers, each with its peak learning rate."""
        ...

    @property
    def rng(self) -> Random:
        """The random generator that scenes are drawn with."""
        ...

    @property
    def noise(self) -> torch.Generator:
        """The generator, on the CPU, of all random tensors."""
        ...

    def rate_factor(self, step: int, spent: float) -> float:
        """The factor of the peak learning rates at this step."""
        ...

    def loss(self, step: int, spent: float) -> tuple[Tensor, Metrics]:
        """The loss on a new batch, and metrics for the progress line."""
        ...

    def held_out_metrics(self, network: nn.Module) -> Metrics:
        """The metrics of a network like `network` on data that training never uses."""
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
        """Create the trainer at step 0.

        Args:
            learner: the learner to train.
            budget: the length of the training.
            folder: the folder of the checkpoint.
            echo: receives each progress line.
        """
        self.learner = learner
        self.budget = budget
        self.folder = folder
        self.echo = echo
        self.step = 0
        self.seconds = 0.0
        self.average = AveragedModel(learner.network, multi_avg_fn=_update_average)
        self.metrics: Metrics = {}
        self._due = dict.fromkeys(("report", "score", "checkpoint"), 0.0)

    @property
    def spent(self) -> float:
        """The used share of the budget."""
        return self.budget.spent(self.step, self.seconds)

    def begin(self, *, resume: bool) -> None:
        """Start from step 0, or restore the folder's checkpoint.

        Raises:
            CheckpointError: there is no checkpoint to resume from, or there is one and `resume`
                is false.
        """
        path = self.folder / CHECKPOINT
        if resume:
            self._restore(path)
        elif path.exists():
            raise CheckpointError(f"{path} exists: resume from it, or choose another folder")

    def train(self, until: int | None = None) -> nn.Module:
        """Train until the budget is spent, or up to a step; then write a checkpoint.

        Returns:
            The averaged network.
        """
        self._due = {"report": 0.0, "score": self.seconds + SCORE_SECONDS} | {
            "checkpoint": self.seconds + CHECKPOINT_SECONDS
        }
        while self.spent < 1 and self.step != until:
            began = time.perf_counter()
            self._take_step()
            self.seconds += min(time.perf_counter() - began, MAX_STEP_SECONDS)
            self._run_due_tasks()
        self.save()
        if self.spent >= 1:
            self._score()
        network: nn.Module = self.average.module
        return network

    def _take_step(self) -> None:
        factor = self.learner.rate_factor(self.step, self.spent)
        for optimizer, peak in self.learner.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
            optimizer.zero_grad(set_to_none=True)
        loss, metrics = self.learner.loss(self.step, self.spent)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(
            self.learner.network.parameters(), MAX_GRADIENT_NORM, error_if_nonfinite=True
        )
        for optimizer, _ in self.learner.optimizers:
            optimizer.step()
        self.average.update_parameters(self.learner.network)
        self.step += 1
        self._smooth({"loss": loss.item()} | metrics)

    def _smooth(self, metrics: Metrics) -> None:
        for name, value in metrics.items():
            before = self.metrics.get(name, value)
            self.metrics[name] = SMOOTHING * before + (1 - SMOOTHING) * value

    def _run_due_tasks(self) -> None:
        if self._is_due("report", REPORT_SECONDS):
            self._report("", self.metrics)
        if self._is_due("score", SCORE_SECONDS):
            self._score()
        if self._is_due("checkpoint", CHECKPOINT_SECONDS):
            self.save()

    def _is_due(self, task: str, every: float) -> bool:
        if self.seconds < self._due[task]:
            return False
        self._due[task] = self.seconds + every
        return True

    def _score(self) -> None:
        self._report("held out: ", self.learner.held_out_metrics(self.average.module))

    def _report(self, prefix: str, metrics: Metrics) -> None:
        values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        pace = self.step / self.seconds if self.seconds else 0.0
        self.echo(f"step {self.step}  {self.spent:.0%}  {pace:.2f} steps/s  {prefix}{values}")

    def save(self) -> None:
        """Write the checkpoint; a crash during the write leaves the previous one intact."""
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
def _update_average(averaged: Any, current: Any, count: Tensor | int) -> None:
    """Move the averages towards the weights: far in the first steps, then less and less."""
    steps = int(count)
    decay = min(AVERAGE_DECAY, (steps + 1) / (steps + AVERAGE_WARM_UP))
    torch._foreach_lerp_(averaged, current, 1 - decay)


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context that computes in bfloat16 on a GPU and in float32 on a processor.

    A processor without native bfloat16 is a hundred times slower in bfloat16.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def warmup_stable_decay(
    step: int, spent: float, warm_up: int, decay: float, minimum: float = 0.01
) -> float:
    """A learning rate schedule: a linear warm-up, a constant part, then a linear decay.

    Args:
        step: steps taken.
        spent: the used share of the budget.
        warm_up: steps until the peak.
        decay: the share of the budget, at its end, over which the rate decays.
        minimum: the factor at the end.
    """
    return min(1.0, (step + 1) / warm_up) * min(1.0, (1 - spent) / decay + minimum)
