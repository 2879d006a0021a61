import numpy as np
import pytest
import torch

from workers.adapters.flux.seeds import seeded_generator, seeds_of
from workers.catalog import find

SMALL = (0, 1, 7, 2**31, 2**32 - 1)
LARGE = (
    *(2**32, 2**32 + 1, 2**32 + 7, 2**33, 2**33 + 7, 2**40, 2**48 + 2**32 - 1, 2**53, 2**53 + 1),
    *(2**62, 2**63 - 1, 2**63, 2**63 + 7, 2**64 - 2**32, 2**64 - 2**32 + 7, 2**64 - 2, 2**64 - 1),
)


def noise(seed: int, numbers: int = 64) -> torch.Tensor:
    return torch.randn(numbers, generator=seeded_generator(seed))


@pytest.mark.parametrize("seed", SMALL)
def test_below_32_bits_the_noise_is_torchs_own(seed: int) -> None:
    own = torch.Generator().manual_seed(seed)
    assert torch.equal(noise(seed), torch.randn(64, generator=own))
    assert seeded_generator(seed).initial_seed() == seed


def test_every_bit_of_a_seed_changes_the_noise() -> None:
    seeds = {*SMALL, *LARGE, *(2**bit for bit in range(64)), *(7 + 2**bit for bit in range(3, 64))}
    assert len({tuple(noise(seed).tolist()) for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("seed", LARGE)
def test_the_twister_is_initialised_by_its_authors_array_function(seed: int) -> None:
    """numpy's legacy generator has its own implementation of it."""
    expected = np.random.RandomState([seed % 2**32, seed >> 32]).get_state()
    state = seeded_generator(seed).get_state().numpy()
    # As torch lays it out: seed, words left, a flag and the next word, then the twister's words.
    assert state[24 : 24 + 8 * 624].view(np.uint64).tolist() == expected[1].tolist()


def test_a_state_with_torchs_own_words_is_torchs_own() -> None:
    """The same bytes of the state, for a seed that torch takes: its layout is as assumed."""
    own, other = (torch.Generator().manual_seed(seed).get_state() for seed in (11, 0))
    assert not torch.equal(own[24 : 24 + 8 * 624], other[24 : 24 + 8 * 624])
    other[24 : 24 + 8 * 624] = own[24 : 24 + 8 * 624]
    replaced = torch.Generator()
    replaced.set_state(other)
    assert torch.equal(
        torch.randn(4096, generator=replaced),
        torch.randn(4096, generator=torch.Generator().manual_seed(11)),
    )


def test_the_noise_of_a_large_seed_is_normal_and_comes_again() -> None:
    many = noise(2**63 + 5, 100_000)
    assert torch.equal(many, noise(2**63 + 5, 100_000))
    assert abs(float(many.mean())) < 0.02
    assert abs(float(many.std()) - 1) < 0.02
    low, high = noise(5, 100_000), noise(5 + 2**32, 100_000)
    assert abs(float((low * high).mean())) < 0.02


@pytest.mark.parametrize(
    ("first", "seeds"),
    [
        (2**32 - 2, (2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1)),
        (2**64 - 2, (2**64 - 2, 2**64 - 1, 0, 1)),
    ],
)
def test_pictures_of_a_job_have_seeds_of_their_own_over_every_border(
    first: int, seeds: tuple[int, ...]
) -> None:
    parameters = find("flux.1-demo").parameters(prompt="a", seed=first, num_images=4)
    assert seeds_of(parameters) == seeds
    assert len({tuple(noise(seed).tolist()) for seed in seeds}) == 4
