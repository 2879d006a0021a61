"""Florence-2 is served in 16 bits, whole; everything else is refused in one sentence."""

import pytest

from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.serving.layers import QUANTIZING
from workers.adapters.weights import WeightsError
from workers.catalog import find
from workers.catalog.serving import Precision, ServingMode

DEMO = find("florence-2-demo")


@pytest.mark.parametrize("precision", [*sorted(QUANTIZING), Precision.STORED])
def test_precisions_that_it_does_not_have_are_refused_at_load(precision: Precision) -> None:
    with pytest.raises(WeightsError, match=r"^florence-2-demo: .* served in 16 bits alone: prec"):
        Florence2Adapter(DEMO, "cpu", {}, ServingMode(precision)).load()


@pytest.mark.slow
def test_float16_is_served_where_it_is_asked() -> None:
    adapter = Florence2Adapter(DEMO, "cpu", {}, ServingMode(Precision.FP16))
    adapter.load()
    assert str(adapter._model.dtype) == "torch.float16"
