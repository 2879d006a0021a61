"""Seeds of pictures, and the noise that each of them stands for."""

import random
import secrets

import numpy as np
import torch

from workers.catalog.flux.parameters import MAX_SEED, FluxParameters

DRAWN_SEEDS = 2**32
"""Seeds drawn here are below this: every JSON parser represents them exactly, and the stock
pipelines paint the same pictures from them."""

_STATE_WORDS = 624
_STATE_OFFSET = 24
"""Bytes of a generator's state before its words: seed, words left, a flag, and next word."""


def seeds_of(parameters: FluxParameters) -> tuple[int, ...]:
    """The seed of each of a job's pictures: `seed + i`, starting over at 0 after 2⁶⁴ - 1."""
    first = secrets.randbelow(DRAWN_SEEDS) if parameters.seed is None else parameters.seed
    return tuple((first + i) % (MAX_SEED + 1) for i in range(parameters.num_images))


def seeded_generator(seed: int) -> torch.Generator:
    """A generator on the CPU whose noise depends on all 64 bits of the seed.

    Below 2³² it is torch's own. `manual_seed` drops higher bits: its Mersenne Twister is
    initialised from 32 bits. From 2³² on, the same twister is initialised from both halves of the
    seed by the authors' `init_by_array` (Matsumoto and Nishimura, mt19937ar.c, 2002), which
    Python's `random` uses for any integer.
    """
    generator = torch.Generator()
    if seed < 2**32:
        return generator.manual_seed(seed)
    _, (*words, _), _ = random.Random(seed).getstate()  # noqa: S311 - noise of a picture
    state = generator.manual_seed(0).get_state().numpy().copy()
    end = _STATE_OFFSET + 8 * _STATE_WORDS
    state[_STATE_OFFSET:end] = np.asarray(words, np.uint64).view(np.uint8)
    generator.set_state(torch.from_numpy(state))
    return generator
