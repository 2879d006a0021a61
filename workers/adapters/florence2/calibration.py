"""The calibration of a model's scores: its row's, or the file's that lies beside its weights."""

from pydantic import ValidationError

from workers.adapters.weights import Source, WeightsError
from workers.catalog.florence2.calibration import FILE, Calibration, read_calibration
from workers.catalog.variant import Variant


def calibration_of(variant: Variant, source: Source) -> Calibration:
    """The calibration for weights from this source; empty where none is known.

    Raises:
        WeightsError: the file beside the weights is none.
    """
    of_row: Calibration | None = variant.options.get("calibration")
    if of_row is not None or source.path is None:
        return of_row or {}
    try:
        return read_calibration(source.path)
    except (OSError, ValueError) as error:
        fault = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            fault = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        path = source.path / FILE
        remedy = f"write it anew with `bottega catalog calibrate --variant {variant.id}`"
        raise WeightsError(f"{variant.id}: {path}: {fault}; {remedy}") from error
