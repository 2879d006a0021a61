"""The plans of a worker that serves Florence-2, alone and beside others."""

from pathlib import Path

import pytest

from workers.adapters.serving.choose import RequestError
from workers.adapters.serving.plan import UNPLANNED
from workers.adapters.weights import WeightsError
from workers.catalog import find
from workers.catalog.serving import OPEN_REQUEST, Precision, ServingRequest
from workers.runtime.models.planning import plan_models

INT8 = ServingRequest(Precision.INT8)
FLORENCE = find("florence-2-demo")


def test_a_worker_of_florence_alone_refuses_what_it_would_ignore() -> None:
    with pytest.raises(RequestError, match="florence-2-demo: precision int8 is not for Florence-2"):
        plan_models([FLORENCE], "cpu", INT8, {})
    with pytest.raises(RequestError):  # a hosted model takes no request
        plan_models([FLORENCE, find("flux.2-pro")], "cpu", INT8, {})


def test_a_mixed_worker_says_what_florence_ignores() -> None:
    plans = plan_models([FLORENCE, find("flux.1-demo")], "cpu", INT8, {}).by_variant
    assert plans["flux.1-demo"].mode.precision is Precision.INT8
    assert plans[FLORENCE.id].mode.precision is not Precision.INT8
    assert plans[FLORENCE.id].reason.endswith("; precision int8 is not for Florence-2")


def test_a_broken_one_of_several_is_left_to_its_load(tmp_path: Path) -> None:
    gone = {"BOTTEGA_WEIGHTS_FLUX_1_DEMO": str(tmp_path / "gone")}
    broken = find("flux.1-demo")
    plans = plan_models([broken, FLORENCE], "cpu", OPEN_REQUEST, gone).by_variant
    assert plans[broken.id] == UNPLANNED
    assert plans[FLORENCE.id].device_bytes > 0
    with pytest.raises(WeightsError, match="gone"):
        plan_models([broken], "cpu", OPEN_REQUEST, gone)
