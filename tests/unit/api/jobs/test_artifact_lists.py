"""The artifacts in a job's output."""

from typing import Any

from db.artifacts.listing import output_fields
from db.tables import Artifact
from db.values.artifact_kinds import SUFFIXES, ArtifactKind
from db.values.pictures import MEDIA_TYPES


def row(kind: ArtifactKind, n: int = 0, **changes: Any) -> Artifact:
    plain = {
        "n": n,
        "about": {},
        "media_type": "image/png",
        "bytes": 12,
        "sha256": "ab",
        "width": 4,
        "height": 3,
        "seed": None,
    }
    return Artifact(kind=kind, **{**plain, **changes})


FACTS = {"width": 4, "height": 3, "media_type": "image/png", "bytes": 12, "sha256": "ab"}


def test_painted_pictures_are_images_with_their_seeds() -> None:
    rows = [row(ArtifactKind.IMAGE, seed=str(2**64 - 1)), row(ArtifactKind.IMAGE)]
    images = [{**FACTS, "seed": 2**64 - 1}, {**FACTS, "seed": None}]
    assert output_fields(rows) == {"images": images}


def test_all_else_is_an_artifact_of_its_kind() -> None:
    mask = row(ArtifactKind.MASK, about={"label": "cat"})
    told = output_fields([mask, row(ArtifactKind.COCO)], lambda artifact: {"url": f"/{artifact.n}"})
    assert told == {
        "artifacts": [
            {"kind": "mask", "label": "cat", "url": "/0", **FACTS},
            {"kind": "coco", "url": "/0", **FACTS},
        ]
    }


def test_what_a_result_is_about_hides_no_fact_of_it() -> None:
    mask = row(ArtifactKind.MASK, about={"url": "elsewhere", "bytes": 1})
    [told] = output_fields([mask], lambda _artifact: {"url": "/here"})["artifacts"]
    assert (told["url"], told["bytes"]) == ("/here", 12)


def test_nothing_stored_is_nothing_listed() -> None:
    assert output_fields([]) == {}


def test_every_media_type_has_a_suffix() -> None:
    assert SUFFIXES.keys() == {*MEDIA_TYPES.values(), "application/json"}
