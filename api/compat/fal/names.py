"""fal's application names: `owner/name`, and a path below it that says what is done."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.compat.shared.names import FAL, OWNER, find_variant
from api.core.domain_errors import ModelNotOfferedError
from db.values.surfaces import SurfaceName
from workers.catalog import Catalogue, Variant
from workers.catalog.florence2.tasks import TASKS, Florence2Task
from workers.catalog.variant import Family

IMAGE_TO_IMAGE = "image-to-image"
INPAINTING = "inpainting"
EDIT = "edit"
_MODES = (IMAGE_TO_IMAGE, INPAINTING, EDIT)

FLORENCE2_PATHS: Mapping[str, Florence2Task] = {
    task.name.replace("_", "-"): task for task in TASKS if task.name != "region_to_ocr"
}
"""The tasks of Florence-2 by the last segment of their path."""

_NAME_PARTS = 2


@dataclass(frozen=True)
class FalApp:
    """An application that a request names.

    Attributes:
        name: the whole name as the request has it.
        variant: the model that it stands for.
        path: what is done: "", "image-to-image", "inpainting", "edit", or a task of Florence-2.
    """

    name: str
    variant: Variant
    path: str

    @property
    def short_name(self) -> str:
        """`owner/name`: URLs of a request name its application so."""
        return short_name(self.name)

    @property
    def is_florence2(self) -> bool:
        """True for a model that looks at pictures."""
        return self.variant.family == Family.FLORENCE2


def short_name(name: str) -> str:
    """The first two segments of a name; a name of one segment is one of ours."""
    parts = name.split("/")
    return "/".join(parts[:_NAME_PARTS]) if len(parts) > 1 else f"{OWNER}/{name}"


def find_app(catalogue: Catalogue, name: str) -> FalApp:
    """The application that a name stands for: the exact name, or a known one and a path below it.

    Raises:
        api.core.domain_errors.ModelNotOfferedError: it stands for none, or its model has no such
            path, or is not offered here.
    """
    name = name.strip("/")
    variant, path = _split(catalogue, name)
    app = FalApp(name, variant, path)
    _require_path(app)
    return app


def _split(catalogue: Catalogue, name: str) -> tuple[Variant, str]:
    base, _, last = name.rpartition("/")
    try:
        variant = find_variant(catalogue, SurfaceName.FAL, name)
    except ModelNotOfferedError:
        is_task = last in FLORENCE2_PATHS
        is_mode = last in _MODES and name not in FAL and base not in FAL
        if not base or not (is_task or is_mode):
            raise
        return find_variant(catalogue, SurfaceName.FAL, base), last
    return variant, last if name in FAL and last in _MODES else ""


def _require_path(app: FalApp) -> None:
    fields = app.variant.parameters.model_fields
    if app.is_florence2:
        known = app.path in FLORENCE2_PATHS
        reason = f"name a task below it: {', '.join(FLORENCE2_PATHS)}"
    else:
        known = {
            "": True,
            IMAGE_TO_IMAGE: "image" in fields,
            INPAINTING: "mask" in fields,
            EDIT: "images" in fields or "image" in fields,
        }.get(app.path, False)
        reason = f"{app.variant.id} does nothing of that name"
    if not known:
        raise ModelNotOfferedError(app.name, reason)
