"""Florence-2 is served in 16 bits, whole; everything else is refused in one sentence."""

import pytest

from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.weights import WeightsError
from workers.catalog import find
from workers.catalog.serving import Offload, Precision, ServingMode

DEMO = find("florence-2-demo")


@pytest.mark.parametrize(
    ("mode", "named"),
    [
        (ServingMode(Precision.NF4), "precision=nf4"),
        (ServingMode(Precision.STORED), "precision=stored"),
        (ServingMode(offload=Offload.TEXT), "offload=text"),
        (ServingMode(attention="sage"), "attention=sage"),
        (ServingMode(compile=True), "compile=on"),
    ],
)
def test_what_it_does_not_have_is_refused_at_load(mode: ServingMode, named: str) -> None:
    with pytest.raises(
        WeightsError, match=rf"^florence-2-demo: {named} is not supported by Florence-2: choose .*"
    ):
        Florence2Adapter(DEMO, "cpu", {}, mode).load()


def test_float16_is_served_where_it_is_asked() -> None:
    adapter = Florence2Adapter(DEMO, "cpu", {}, ServingMode(Precision.FP16))
    adapter.load()
    assert str(adapter._model.dtype) == "torch.float16"
