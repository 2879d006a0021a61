"""What batches and kept prompts bring to FLUX, as ratios."""

from collections.abc import Callable, Sequence
from functools import partial

from workers.adapters.protocol import Adapter
from workers.bench.flux_lab import FluxLab, paint, paint_in_batches
from workers.bench.interleaving import medians, seconds_of


def measure_batches(
    lab: FluxLab, sizes: Sequence[int], rounds: int, pictures: int
) -> dict[str, float]:
    """Pictures a second of the adapter by batch size, and each over batches of one.

    Args:
        lab: the models.
        sizes: batch sizes, the first of them 1.
        rounds: how often all sizes take their turn, with the same pictures.
        pictures: of each size's turn; a multiple of every size.
    """
    orders = lab.orders(pictures)

    def rate(size: int) -> Callable[[], float]:
        painted = partial(paint_in_batches, lab.adapter, orders, size)
        return lambda: pictures / seconds_of(painted)

    rates = medians(rounds, {size: rate(size) for size in sizes})
    figures = {f"batch_{size}_pictures_per_second": rate for size, rate in rates.items()}
    return figures | {f"batch_{size}_ratio": rates[size] / rates[1] for size in sizes[1:]}


def measure_prompt_cache(lab: FluxLab, rounds: int) -> dict[str, float]:
    """Seconds of a picture whose prompt is encoded, and of one whose prompt is kept."""
    orders = lab.orders(rounds)
    for order in orders:
        paint(lab.keeping, [order])

    def one_after_another(adapter: Adapter) -> Callable[[], float]:
        coming = iter(orders)
        return lambda: seconds_of(partial(paint, adapter, [next(coming)]))

    turns = {
        "encoded": one_after_another(lab.adapter),
        "kept": one_after_another(lab.keeping),
    }
    seconds = medians(rounds, turns)
    figures = {f"prompt_{state}_p50_seconds": value for state, value in seconds.items()}
    return figures | {"prompt_cache_ratio": seconds["encoded"] / seconds["kept"]}
