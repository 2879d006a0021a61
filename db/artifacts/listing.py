"""How a job lists its stored results."""

from collections.abc import Callable, Iterable
from typing import Any

from db.tables import Artifact
from db.values.artifact_kinds import ArtifactKind


def listed(
    rows: Iterable[Artifact], place: Callable[[Artifact], dict[str, Any]] = lambda _row: {}
) -> dict[str, list[dict[str, Any]]]:
    """A job's stored results as its output lists them.

    Args:
        rows: the results, in order.
        place: what to say of where one is.

    Returns:
        `images`, what was painted, and `artifacts`, everything else; each only if there is any.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        is_image = row.kind == ArtifactKind.IMAGE
        told = {**place(row), **_facts(row)}
        entry = {**told, **_seed(row)} if is_image else {"kind": row.kind, **row.about, **told}
        found.setdefault("images" if is_image else "artifacts", []).append(entry)
    return found


def _facts(row: Artifact) -> dict[str, Any]:
    return {
        "width": row.width,
        "height": row.height,
        "media_type": row.media_type,
        "bytes": row.bytes,
        "sha256": row.sha256,
    }


def _seed(row: Artifact) -> dict[str, int | None]:
    return {"seed": None if row.seed is None else int(row.seed)}
