"""The lists of stored artifacts in a job's output."""

from collections.abc import Callable, Iterable
from typing import Any

from db.tables import Artifact
from db.values.artifact_kinds import ArtifactKind


def output_fields(
    rows: Iterable[Artifact], location: Callable[[Artifact], dict[str, Any]] = lambda _row: {}
) -> dict[str, list[dict[str, Any]]]:
    """The fields of a job's output that list its artifacts.

    Args:
        rows: the artifacts, in order.
        location: the fields that say where one is, such as its URL.

    Returns:
        `images`, the painted images, and `artifacts`, all others; each only if it is not empty.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        is_image = row.kind == ArtifactKind.IMAGE
        facts = {**location(row), **_facts(row)}
        entry = {**facts, **_seed(row)} if is_image else {"kind": row.kind, **row.about, **facts}
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
