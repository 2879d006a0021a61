"""Speed-up ratios of batches and cached prompts for FLUX."""

from collections.abc import Callable, Sequence
from functools import partial

from workers.adapters.protocol import Adapter
from workers.bench.flux_harness import FluxHarness, generate, generate_in_batches
from workers.bench.interleaving import elapsed_seconds, interleaved_medians


def measure_batches(
    harness: FluxHarness, sizes: Sequence[int], rounds: int, pictures: int
) -> dict[str, float]:
    """Measure the adapter's pictures per second by batch size, and ratios to batch 1.

    Args:
        harness: the models.
        sizes: batch sizes, the first of them 1.
        rounds: measurements of each size, with the same requests.
        pictures: pictures per measurement; a multiple of every size.
    """
    requests = harness.new_requests(pictures)

    def rate(size: int) -> Callable[[], float]:
        run = partial(generate_in_batches, harness.adapter, requests, size)
        return lambda: pictures / elapsed_seconds(run)

    rates = interleaved_medians(rounds, {size: rate(size) for size in sizes})
    figures = {f"batch_{size}_pictures_per_second": rate for size, rate in rates.items()}
    return figures | {f"batch_{size}_ratio": rates[size] / rates[1] for size in sizes[1:]}


def measure_prompt_cache(harness: FluxHarness, rounds: int) -> dict[str, float]:
    """Measure the seconds for a picture with a new prompt, and for one with a cached prompt."""
    requests = harness.new_requests(rounds)
    for request in requests:
        generate(harness.caching_adapter, [request])

    def one_after_another(adapter: Adapter) -> Callable[[], float]:
        remaining = iter(requests)
        return lambda: elapsed_seconds(partial(generate, adapter, [next(remaining)]))

    candidates = {
        "encoded": one_after_another(harness.adapter),
        "kept": one_after_another(harness.caching_adapter),
    }
    seconds = interleaved_medians(rounds, candidates)
    figures = {f"prompt_{state}_p50_seconds": value for state, value in seconds.items()}
    return figures | {"prompt_cache_ratio": seconds["encoded"] / seconds["kept"]}
