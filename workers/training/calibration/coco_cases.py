"""Cases from a COCO file and its pictures: an operator's own."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image
from pydantic import BaseModel, TypeAdapter, ValidationError

from db.values.pictures import PictureError, PictureLimits, decode
from workers.catalog.florence2.instances import Box
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.training.calibration.cases import Case, Target
from workers.training.calibration.judgement import normal
from workers.training.scenes.palette import enumerated, seeded_random

TASKS = tuple(
    BY_TOKEN[token]
    for token in (
        "<OD>",
        "<CAPTION_TO_PHRASE_GROUNDING>",
        "<OPEN_VOCABULARY_DETECTION>",
        "<REFERRING_EXPRESSION_SEGMENTATION>",
        "<REGION_TO_SEGMENTATION>",
        "<REGION_TO_CATEGORY>",
    )
)
"""The tasks that names, boxes and outlines can judge."""

_LEAST_CORNERS = 3


class CocoFileError(Exception):
    """The file, or a picture that it names, cannot be used; the message says which and why."""


class _Image(BaseModel):
    id: int
    file_name: str


class _Category(BaseModel):
    id: int
    name: str


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    segmentation: list[list[float]] | dict[str, Any] = []
    iscrowd: int = 0


class CocoFile(BaseModel):
    """A COCO file of instances; fields that are not needed here are left aside."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]

    @property
    def names(self) -> Mapping[int, str]:
        """The categories' names by their id."""
        return {each.id: each.name for each in self.categories}


def read_coco(path: Path) -> CocoFile:
    """Read a COCO file.

    Raises:
        CocoFileError: it is none, or names what it does not have.
    """
    try:
        file = TypeAdapter(CocoFile).validate_json(path.read_bytes())
    except OSError as error:
        raise CocoFileError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CocoFileError(f"{path}: {place or 'file'}: {first['msg']}") from error
    unknown = {each.category_id for each in file.annotations} - file.names.keys()
    if unknown:
        raise CocoFileError(f"{path}: annotations are of category {min(unknown)}, which is missing")
    return file


def coco_cases(file: CocoFile, folder: Path, seed: int = 0) -> Iterator[Case]:
    """The cases of a file's pictures, a question of each task about each.

    Pictures with a crowd are left out: its members are not told one by one.

    Args:
        file: the file.
        folder: the folder of its pictures.
        seed: of the choice of the objects and names that are asked about.

    Raises:
        CocoFileError: a picture is missing, or cannot be read.
    """
    rng = seeded_random(seed)
    of_image: dict[int, list[_Annotation]] = defaultdict(list)
    for annotation in file.annotations:
        of_image[annotation.image_id].append(annotation)
    for number, image in enumerate(file.images):
        annotations = of_image[image.id]
        if any(each.iscrowd for each in annotations):
            continue
        targets = [_target(file, annotation) for annotation in annotations]
        yield from _PictureCases(file, number, _open(folder / image.file_name), targets).all(rng)


def _target(file: CocoFile, annotation: _Annotation) -> Target:
    left, top, width, height = annotation.bbox
    polygons = annotation.segmentation if isinstance(annotation.segmentation, list) else []
    outlines = tuple(points for points in polygons if len(points) >= 2 * _LEAST_CORNERS)
    box = (left, top, left + width, top + height)
    return Target(file.names[annotation.category_id], box, outlines)


def _open(path: Path) -> Image.Image:
    try:
        return decode(path.read_bytes(), PictureLimits())
    except OSError as error:
        raise CocoFileError(f"{path}: {error.strerror or error}") from error
    except PictureError as error:
        raise CocoFileError(f"{path}: {error}") from error


class _PictureCases:
    """The cases of one picture."""

    def __init__(
        self, file: CocoFile, number: int, image: Image.Image, targets: Sequence[Target]
    ) -> None:
        self._number = number
        self._image = image
        self._targets = targets
        self._names = sorted({each.name for each in file.categories})
        self._labels = frozenset(map(normal, self._names))

    def all(self, rng: Random) -> Iterator[Case]:
        present = sorted({target.label for target in self._targets})
        absent = [name for name in self._names if name not in present]
        yield self._case("<OD>", {}, self._targets)
        if present:
            caption = {"text": f"{enumerated(present)}."}
            yield self._case("<CAPTION_TO_PHRASE_GROUNDING>", caption, self._targets)
        for names in filter(None, (present, absent)):
            yield self._of_class("<OPEN_VOCABULARY_DETECTION>", rng.choice(names))
        yield from self._outlined(rng)
        yield from self._in_regions(rng)

    def _case(self, task: str, inputs: Mapping[str, Any], targets: Sequence[Target]) -> Case:
        return Case(self._number, self._image, BY_TOKEN[task], inputs, tuple(targets), self._labels)

    def _of_class(self, task: str, name: str) -> Case:
        targets = [target for target in self._targets if target.label == name]
        return self._case(task, {"text": name}, targets)

    def _outlined(self, rng: Random) -> Iterator[Case]:
        """A phrase that fits one instance alone, which has an outline."""
        counts = Counter(target.label for target in self._targets)
        single = [each for each in self._targets if each.outlines and counts[each.label] == 1]
        if single:
            yield self._of_class("<REFERRING_EXPRESSION_SEGMENTATION>", rng.choice(single).label)

    def _in_regions(self, rng: Random) -> Iterator[Case]:
        regions = [(self._inside(each.box), each) for each in self._targets]
        outlined = [(region, each) for region, each in regions if each.outlines]
        if outlined:
            region, target = rng.choice(outlined)
            nameless = Target("", target.box, target.outlines)
            yield self._case("<REGION_TO_SEGMENTATION>", {"region": list(region)}, [nameless])
        if regions:
            region, target = rng.choice(regions)
            named = Target(target.label, region)
            yield self._case("<REGION_TO_CATEGORY>", {"region": list(region)}, [named])

    def _inside(self, box: Box) -> Box:
        width, height = self._image.size
        left, top, right, bottom = box
        return max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
