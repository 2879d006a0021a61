"""Sizes that a model does not paint as they were asked for, told in the job's warnings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from db.jobs.types import RequestWarning
from workers.catalog import PictureSize
from workers.catalog.flux.parameters import SIZE_SOURCES

IGNORED = "parameter_ignored"
"""The code of a warning about a field without effect."""

ADJUSTED = "parameter_adjusted"
"""The code of a warning about a value that another one replaces."""

_SIDES = ("width", "height")


def size_adjustments(
    asked: Mapping[str, Any],
    parameters: BaseModel,
    sizes: Mapping[str, Sequence[PictureSize]],
) -> list[RequestWarning]:
    """The warnings about a job's size, one for each field that gave it, see `in_words_of`.

    A picture that gives the size is told of only where it does not fit: a few pixels less, for the
    model's step, change nothing that is seen.

    Args:
        asked: the input as it was sent.
        parameters: the parsed input, whose size is the one that is painted.
        sizes: the sizes of the input pictures, by the parameter that names them.
    """
    width, height = (getattr(parameters, side, None) for side in _SIDES)
    if width is None or height is None:
        return []
    painted = (width, height)
    given = [(side, asked[side]) for side in _SIDES if _is_side(asked.get(side))]
    if given:
        found = _of_sides(given, dict(zip(_SIDES, painted, strict=True)))
    elif asked.get("aspect_ratio") is None:
        step = getattr(getattr(parameters, "limits", None), "step", 1)
        found = _of_picture(sizes, painted, step)
    else:
        found = iter(())
    return [RequestWarning(ADJUSTED, native, text) for native, text in found]


def in_words_of(
    names: Mapping[str, str], warnings: Iterable[RequestWarning]
) -> tuple[RequestWarning, ...]:
    """Warnings whose messages name the parameter, as the client's API names it; each once.

    Args:
        names: the fields by the native parameters that they stand for, where these differ.
        warnings: about native parameters, with messages that do not name them.
    """
    told: dict[tuple[str, str], RequestWarning] = {}
    for warning in warnings:
        name = names.get(warning.parameter, warning.parameter)
        verb = " is ignored:" if warning.code == IGNORED else ":"
        told[warning.code, name] = RequestWarning(
            warning.code, name, f"{name}{verb} {warning.message}"
        )
    return tuple(told.values())


def _is_side(value: Any) -> bool:
    return type(value) is int and value > 0


def _of_sides(
    given: Sequence[tuple[str, int]], painted: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    both = " x ".join(str(value) for _, value in given)
    result = " x ".join(str(painted[side]) for side, _ in given)
    for side, value in given:
        if value != painted[side]:
            yield side, f"{both} is painted as {result}"


def _of_picture(
    sizes: Mapping[str, Sequence[PictureSize]], painted: Sequence[int], step: int
) -> Iterator[tuple[str, str]]:
    for name in SIZE_SOURCES:
        for size in list(sizes.get(name, ()))[:1]:
            if any(abs(own - side) >= step for own, side in zip(size, painted, strict=True)):
                shown = f"{size[0]} x {size[1]}"
                yield name, f"a picture of {shown} is painted as {painted[0]} x {painted[1]}"
            return
