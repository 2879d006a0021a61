"""Pictures a second of FLUX through the whole service, beside the same without one."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from deploy.bench.client import LeanClient
from deploy.bench.stack import CLIENTS, BenchStack
from workers.bench.flux_lab import VARIANT, FluxLab, Order, paint_in_batches
from workers.bench.interleaving import medians, seconds_of

_SAME_LEVELS = 4
"""Of 255. Arithmetic in another order, as of a batch, moves a colour by no more."""


class FluxService:
    """Has the stack's FLUX paint, for eight tenants that share the orders among them."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack = stack

    def paint(self, orders: Sequence[Order]) -> list[str]:
        """The pictures' addresses, in order; every order is given before any is asked after."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            parts = pool.map(self._paint_share, range(CLIENTS), [orders] * CLIENTS)
            shares = [iter(share) for share in parts]
        return [next(shares[place % CLIENTS]) for place in range(len(orders))]

    def fetch(self, urls: Sequence[str]) -> list[Image.Image]:
        """The pictures at these addresses."""
        with self._stack.client(0) as client:
            return [Image.open(io.BytesIO(client.fetch(url))).convert("RGB") for url in urls]

    def _paint_share(self, number: int, orders: Sequence[Order]) -> list[str]:
        with self._stack.client(number) as client:
            submitted = [_submit(client, order) for order in orders[number::CLIENTS]]
            return [client.finished(id_)["output"]["images"][0]["url"] for id_ in submitted]


def _submit(client: LeanClient, order: Order) -> str:
    given = {"prompt": order.prompt, "seed": order.seed}
    submitted: str = client.submit(VARIANT.id, given)["id"]
    return submitted


def measure_service(
    service: FluxService, lab: FluxLab, rounds: int, pictures: int
) -> dict[str, float]:
    """Pictures a second through HTTP, by the stock pipeline one by one, by the adapter in batches.

    Every round has orders of its own, the same for all three. The service's seconds run from the
    first POST to the last answer read: by then all pictures are stored.

    Returns:
        The three rates, the service's over each of the others, and the fraction of the service's
        pictures that are those the stock pipeline paints of the same seed, each alone.
    """
    return _ServiceTurns(service, lab, rounds, pictures).figures()


class _ServiceTurns:
    """The three contenders, with fresh orders for every round."""

    def __init__(self, service: FluxService, lab: FluxLab, rounds: int, pictures: int) -> None:
        self._service = service
        self._lab = lab
        self._orders = [lab.orders(pictures) for _ in range(rounds)]
        self._urls: list[str] = []
        self._bare: list[Image.Image] = []

    def figures(self) -> dict[str, float]:
        rates = medians(
            len(self._orders),
            {
                "service": self._turn(self._through_service),
                "bare": self._turn(self._through_stock),
                "adapter": self._turn(self._through_adapter),
            },
        )
        figures = {f"{who}_pictures_per_second": rate for who, rate in rates.items()}
        return figures | {
            "service_over_bare_ratio": rates["service"] / rates["bare"],
            "service_over_adapter_ratio": rates["service"] / rates["adapter"],
            "pictures_as_bare_fraction": self._agreement(),
        }

    def _turn(self, act: Callable[[Sequence[Order]], None]) -> Callable[[], float]:
        """A contender: pictures a second of the next round's orders."""
        coming: Iterator[Sequence[Order]] = iter(self._orders)

        def turn() -> float:
            orders = next(coming)
            return len(orders) / seconds_of(partial(act, orders))

        return turn

    def _through_service(self, orders: Sequence[Order]) -> None:
        self._urls += self._service.paint(orders)

    def _through_stock(self, orders: Sequence[Order]) -> None:
        self._bare += map(self._lab.paint_stock, orders)

    def _through_adapter(self, orders: Sequence[Order]) -> None:
        paint_in_batches(self._lab.adapter, orders, VARIANT.max_batch)

    def _agreement(self) -> float:
        pairs = zip(self._service.fetch(self._urls), self._bare, strict=True)
        return float(np.mean([_is_same(ours, theirs) for ours, theirs in pairs]))


def _is_same(ours: Image.Image, theirs: Image.Image) -> bool:
    apart = np.abs(np.asarray(ours, dtype=int) - np.asarray(theirs, dtype=int))
    return bool(apart.max() <= _SAME_LEVELS)
