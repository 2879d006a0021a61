"""Pictures per second of FLUX through the whole service, and without the service."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from deploy.bench.client import BenchClient
from deploy.bench.stack import CLIENTS, BenchStack
from workers.bench.flux_harness import VARIANT, FluxHarness, ImageRequest, generate_in_batches
from workers.bench.interleaving import elapsed_seconds, interleaved_medians

_SAME_LEVELS = 4
"""Tolerance of 255 levels: arithmetic in another order, as in a batch, changes a colour by less."""


class FluxService:
    """A client of the stack's FLUX, as eight tenants that divide the requests among themselves."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack = stack

    def generate(self, requests: Sequence[ImageRequest]) -> list[str]:
        """Generate pictures; returns their URLs in order.

        Each tenant submits all of its requests before it waits for the first picture.
        """
        with ThreadPoolExecutor(CLIENTS) as pool:
            parts = pool.map(self._generate_share, range(CLIENTS), [requests] * CLIENTS)
            shares = [iter(share) for share in parts]
        return [next(shares[place % CLIENTS]) for place in range(len(requests))]

    def fetch(self, urls: Sequence[str]) -> list[Image.Image]:
        """Download the pictures at these URLs."""
        with self._stack.client(0) as client:
            return [Image.open(io.BytesIO(client.fetch(url))).convert("RGB") for url in urls]

    def _generate_share(self, number: int, requests: Sequence[ImageRequest]) -> list[str]:
        with self._stack.client(number) as client:
            submitted = [_submit(client, request) for request in requests[number::CLIENTS]]
            return [client.wait_for_success(id_)["output"]["images"][0]["url"] for id_ in submitted]


def _submit(client: BenchClient, request: ImageRequest) -> str:
    inputs = {"prompt": request.prompt, "seed": request.seed}
    job_id: str = client.submit(VARIANT.id, inputs)["id"]
    return job_id


def measure_service(
    service: FluxService, harness: FluxHarness, rounds: int, pictures: int
) -> dict[str, float]:
    """Measure pictures per second of the service, the stock pipeline, and the adapter in batches.

    The stock pipeline generates pictures one by one. Every round has new requests, the same for
    all three. The time of the service is from the first POST to the last response: by then all
    pictures are stored.

    Returns:
        The three rates, the ratios of the service's rate to the others, and the fraction of the
        service's pictures that are equal to those of the stock pipeline with the same seed.
    """
    return _ServiceComparison(service, harness, rounds, pictures).figures()


class _ServiceComparison:
    """The three candidates, with new requests for every round."""

    def __init__(
        self, service: FluxService, harness: FluxHarness, rounds: int, pictures: int
    ) -> None:
        self._service = service
        self._harness = harness
        self._requests = [harness.new_requests(pictures) for _ in range(rounds)]
        self._urls: list[str] = []
        self._stock_pictures: list[Image.Image] = []

    def figures(self) -> dict[str, float]:
        rates = interleaved_medians(
            len(self._requests),
            {
                "service": self._candidate(self._run_service),
                "bare": self._candidate(self._run_stock),
                "adapter": self._candidate(self._run_adapter),
            },
        )
        figures = {f"{path}_pictures_per_second": rate for path, rate in rates.items()}
        return figures | {
            "service_over_bare_ratio": rates["service"] / rates["bare"],
            "service_over_adapter_ratio": rates["service"] / rates["adapter"],
            "pictures_as_bare_fraction": self._agreement(),
        }

    def _candidate(self, run: Callable[[Sequence[ImageRequest]], None]) -> Callable[[], float]:
        """A function that measures the pictures per second of the next round's requests."""
        rounds: Iterator[Sequence[ImageRequest]] = iter(self._requests)

        def measure() -> float:
            requests = next(rounds)
            return len(requests) / elapsed_seconds(partial(run, requests))

        return measure

    def _run_service(self, requests: Sequence[ImageRequest]) -> None:
        self._urls += self._service.generate(requests)

    def _run_stock(self, requests: Sequence[ImageRequest]) -> None:
        self._stock_pictures += map(self._harness.generate_with_stock, requests)

    def _run_adapter(self, requests: Sequence[ImageRequest]) -> None:
        generate_in_batches(self._harness.adapter, requests, VARIANT.max_batch)

    def _agreement(self) -> float:
        pairs = zip(self._service.fetch(self._urls), self._stock_pictures, strict=True)
        return float(np.mean([_is_same(ours, theirs) for ours, theirs in pairs]))


def _is_same(ours: Image.Image, theirs: Image.Image) -> bool:
    difference = np.abs(np.asarray(ours, dtype=int) - np.asarray(theirs, dtype=int))
    return bool(difference.max() <= _SAME_LEVELS)
