"""Draws training batches, optionally ahead of time in separate processes."""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

from workers.training.scenes.palette import seeded_random

B = TypeVar("B")
SEED_STRIDE = 2**32
"""Distance between the seeds of two runs: more than the steps of any training."""
PREFETCHED = 4
"""Batches that each process draws ahead."""


class _BatchDataset(Dataset[B], Generic[B]):
    """The batches by step: a batch depends on the seed and the step alone."""

    def __init__(self, draw: Callable[[Random], B], seed: int) -> None:
        self._draw, self._seed = draw, seed

    def __getitem__(self, step: int) -> B:
        return self._draw(seeded_random(self._seed * SEED_STRIDE + step))


class BatchLoader(Generic[B]):
    """A batch for each step, independent of the process and the time at which it is drawn."""

    def __init__(self, draw: Callable[[Random], B], seed: int, processes: int = 0) -> None:
        """Create the loader.

        Args:
            draw: draws a batch with a random generator; other processes must be able to import it.
            seed: the seed of all batches.
            processes: the processes that draw ahead; with 0 each batch is drawn on request.
        """
        self._dataset, self._processes = _BatchDataset(draw, seed), processes
        self._ahead: Iterator[B] = iter(())
        self._next = -1

    def batch(self, step: int) -> B:
        """The batch of a step; drawn ahead if there are processes and steps come in order."""
        if not self._processes:
            return self._dataset[step]
        if step != self._next:
            self._ahead = self._start_at(step)
        self._next = step + 1
        return next(self._ahead)

    def _start_at(self, step: int) -> Iterator[B]:
        return iter(
            DataLoader(
                self._dataset,
                sampler=count(step),
                batch_size=None,
                num_workers=self._processes,
                prefetch_factor=PREFETCHED,
                collate_fn=_identity,
                multiprocessing_context="spawn",  # a fork would share the CUDA context
            )
        )


def _identity(batch: B) -> B:
    return batch
