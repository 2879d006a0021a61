"""Clients of compatible APIs in the test's own process, with a worker beside them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.station import FLUX, Station

_LOOK_SECONDS = 0.02


@contextmanager
def at_work(station: Station, *variants: str) -> Iterator[None]:
    """A worker that runs the jobs of these variants meanwhile, by the station's script."""
    stopping = threading.Event()
    executor = station.executor()

    def run() -> None:
        while not stopping.is_set():
            for variant in variants or (FLUX,):
                executor.run_batch(variant)
            stopping.wait(_LOOK_SECONDS)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
