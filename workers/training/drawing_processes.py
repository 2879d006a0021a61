"""Draws the batches that a demo model learns from, in processes beside it where asked to."""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

from workers.training.scenes.palette import lots

B = TypeVar("B")
STEPS = 2**32
"""More than any training takes: seeds of one and the next are so far apart."""
AHEAD = 4
"""Batches that each process draws ahead."""


class _Drawing(Dataset[B], Generic[B]):
    """The batch of each step, wherever it is drawn."""

    def __init__(self, draw: Callable[[Random], B], seed: int) -> None:
        self._draw, self._seed = draw, seed

    def __getitem__(self, step: int) -> B:
        return self._draw(lots(self._seed * STEPS + step))


class DrawnBatches(Generic[B]):
    """A batch for each step: the same, whoever draws it and whenever it is asked for."""

    def __init__(self, draw: Callable[[Random], B], seed: int, processes: int = 0) -> None:
        """Make ready to draw.

        Args:
            draw: a batch, by lots; to be found by name from another process.
            seed: of all batches.
            processes: how many draw ahead; 0 to draw here, when a batch is asked for.
        """
        self._drawing, self._processes = _Drawing(draw, seed), processes
        self._ahead: Iterator[B] = iter(())
        self._next = -1

    def of(self, step: int) -> B:
        """The batch of a step; drawn ahead if processes do it and steps are asked for in order."""
        if not self._processes:
            return self._drawing[step]
        if step != self._next:
            self._ahead = self._drawn_from(step)
        self._next = step + 1
        return next(self._ahead)

    def _drawn_from(self, step: int) -> Iterator[B]:
        return iter(
            DataLoader(
                self._drawing,
                sampler=count(step),
                batch_size=None,
                num_workers=self._processes,
                prefetch_factor=AHEAD,
                collate_fn=_unchanged,
                multiprocessing_context="spawn",  # a fork would share the device's context
            )
        )


def _unchanged(batch: B) -> B:
    return batch
