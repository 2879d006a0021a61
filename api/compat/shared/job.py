"""A job as the compatible APIs render it, without HTTP: the courier renders webhooks from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.schemas.jobs import JobView
from db.values.job_state import TERMINAL
from db.values.surfaces import SurfaceName

Json = dict[str, Any]


@dataclass(frozen=True)
class ForeignJob:
    """A job for any surface, whichever one it came by.

    Attributes:
        view: the job as the service's own API shows it, with direct URLs of its pictures.
        input: its validated input; pictures in it are storage keys, never to be shown.
        request: what the surface kept that it came by; empty if none.
    """

    view: JobView
    input: Mapping[str, Any]
    request: Mapping[str, Any]

    def request_by(self, surface: SurfaceName) -> Mapping[str, Any]:
        """The kept request of a surface; empty for a job that came by another one."""
        return self.request if self.view.surface == surface else {}

    @property
    def is_over(self) -> bool:
        """True in a terminal state."""
        return self.view.state in TERMINAL

    @property
    def images(self) -> Sequence[Json]:
        """The painted pictures: `url`, `width`, `height`, `media_type`, `bytes`, `seed`."""
        found: Sequence[Json] = (self.view.output or {}).get("images", ())
        return found

    @property
    def artifacts(self) -> Sequence[Json]:
        """The other stored results: masks, overlays, COCO files, with their `kind`."""
        found: Sequence[Json] = (self.view.output or {}).get("artifacts", ())
        return found

    @property
    def prompt(self) -> str:
        """The prompt; empty where there is none, or the contents were removed."""
        return str(self.input.get("prompt") or "")

    @property
    def seed(self) -> int | None:
        """The seed of the first picture."""
        seed: int | None = self.input.get("seed")
        return seed
