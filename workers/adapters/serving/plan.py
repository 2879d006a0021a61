"""The memory plan of one model on one device: how it is served there, and what that takes."""

from dataclasses import asdict, dataclass
from typing import Any

from workers.catalog.serving import PLAIN, ServingMode


@dataclass(frozen=True)
class ServingPlan:
    """The way in which a worker serves a model, and the bytes and time that this takes.

    Attributes:
        mode: how it is served.
        device_bytes: the weights on the device while the model is loaded.
        working_bytes: the most that a call takes beside them.
        host_bytes: the weights that wait in the host's memory.
        slowdown: factor on the row's times, 1 for a model whole on its device in 16 bits; a job's
            deadline is extended by it.
        reason: one sentence for people: what was chosen, and why.
        number_format: the word for people and programs for the format of the large weights:
            the mode's precision, or "float32" on a CPU that computes in it.
    """

    mode: ServingMode = PLAIN
    device_bytes: int = 0
    working_bytes: int = 0
    host_bytes: int = 0
    slowdown: float = 1.0
    reason: str = ""
    number_format: str = ""

    @property
    def peak_bytes(self) -> int:
        """The most device memory that the model takes."""
        return self.device_bytes + self.working_bytes

    def as_json(self) -> dict[str, Any]:
        """The plan as the worker's row stores it."""
        return asdict(self)


UNPLANNED = ServingPlan()
"""The plan of a model that takes no memory of a device, such as a hosted one."""
