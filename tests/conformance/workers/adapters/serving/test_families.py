"""Every family on a device, from its load to its end: on the CPU, and with `-m gpu` on a card.

The checkpoints are tiny, and the code is that of the large ones. With `-m gpu` every precision and
offload runs as well; on the CPU one quantised and offloaded model does, the rest with `make slow`.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conformance.workers.adapters.tiny_flux1 import save_tiny_flux1
from tests.conformance.workers.adapters.tiny_flux2 import save_tiny_flux2
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.device_probe import probe_here
from workers.adapters.devices import free_cache, memory
from workers.adapters.pinning import parse_device
from workers.adapters.protocol import (
    Adapter,
    OutOfMemoryError,
    Output,
    Stopped,
    Unloading,
    Work,
)
from workers.adapters.registry import make_adapter
from workers.adapters.serving.plan import ServingPlan
from workers.adapters.weights import override_variable
from workers.catalog import Variant, find
from workers.catalog.serving import Offload, Precision, ServingMode
from workers.runtime.model_cache import ModelCache, ServedModel

SIDE = 64
FAMILIES = ("flux.1-dev", "flux.2-klein-4b", "flux.2-dev", "florence-2-demo")
SAVERS: dict[str, Callable[[Path], None]] = {
    "flux.1-dev": lambda folder: save_tiny_flux1("FluxPipeline", folder),
    "flux.2-klein-4b": save_tiny_klein,
    "flux.2-dev": save_tiny_flux2,
}
PRECISIONS = (Precision.BF16, Precision.FP16, Precision.FP8, Precision.INT8, Precision.NF4)
GPU = pytest.mark.gpu
SLOW = pytest.mark.slow


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=GPU)])
def device(request: pytest.FixtureRequest) -> str:
    """Each device; without a card, `-m gpu` fails with the reason."""
    if request.param == "cuda":
        require_card()
    return str(request.param)


def require_card() -> None:
    """Fail a test that needs a card where none works."""
    fault = probe_here().first_fault
    if fault:
        pytest.fail(f"-m gpu needs a card that works: {fault}")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Model:
    """A tiny model of a family: its row, and the folder of its weights."""

    variant: Variant
    overrides: dict[str, str]

    def adapter(self, device: str, mode: ServingMode | None = None) -> Adapter:
        """Its adapter, not loaded yet."""
        return make_adapter(self.variant, device, self.overrides, mode or ServingMode())

    def work(self, seed: int = 7, **changes: Any) -> Work:
        """A small job."""
        if self.variant.id.startswith("florence"):
            parameters = self.variant.parameters(image="drawn", task="<CAPTION>", **changes)
            return Work(parameters, {"image": [Image.new("RGB", (SIDE, SIDE), "red")]})
        given = {"prompt": "a red circle", "seed": seed, "width": SIDE, "height": SIDE, "steps": 3}
        made = self.variant.parameters(**given)
        return Work(made.model_copy(update=changes))

    @property
    def too_large(self) -> Work:
        """A job that no memory holds."""
        if self.variant.id.startswith("florence"):
            parameters = self.work().parameters.model_copy(update={"num_beams": 10**13})
            return replace(self.work(), parameters=parameters)
        return self.work(width=1 << 20, height=1 << 20)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """The model of each family, written once."""
    made: dict[str, Model] = {}

    def model(name: str) -> Model:
        if name not in made:
            overrides = {}
            if name in SAVERS:
                folder = tmp_path_factory.mktemp("weights")
                SAVERS[name](folder)
                overrides[override_variable(name)] = str(folder)
            made[name] = Model(find(name), overrides)
        return made[name]

    return model


def silent(_step: int, _steps: int) -> None:
    pass


def never() -> bool:
    return False


def run(adapter: Adapter, work: Work) -> Output:
    """The output of one job."""
    [output] = adapter.run([work], silent, never)
    return output


def is_sound(output: Output) -> bool:
    """True for a picture of the requested size, or for an answer."""
    if output.images:
        return output.images[0].image.size == (SIDE, SIDE)
    return bool((output.data or {})["results"])


def difference(one: Output, other: Output) -> int:
    """The largest difference of a channel; 1000 where answers differ."""
    if not one.images:
        same = (one.data or {})["results"] == (other.data or {})["results"]
        return 0 if same else 1000
    a, b = (np.asarray(output.images[0].image, dtype=int) for output in (one, other))
    return int(np.abs(a - b).max())


def held_bytes(device: str) -> int:
    """Bytes of a device's tensors: of its allocator, and on the CPU of those that are alive."""
    gc.collect()
    if device == "cuda":
        return int(torch.cuda.memory_allocated())
    alive = (each for each in gc.get_objects() if type(each) is torch.nn.Parameter)
    return sum(parameter.nbytes for parameter in alive)


@pytest.mark.parametrize(
    ("family", "device"),
    [
        *(pytest.param(family, "cpu", marks=SLOW) for family in ("flux.1-dev", "flux.2-dev")),
        *((family, "cpu") for family in ("flux.2-klein-4b", "florence-2-demo")),
        *(pytest.param(family, "cuda", marks=GPU) for family in FAMILIES),
    ],
    indirect=["device"],
)
def test_a_family_from_its_load_to_its_end(
    family: str, device: str, models: Callable[[str], Model]
) -> None:
    model = models(family)
    before = held_bytes(device)
    adapter = model.adapter(device)
    adapter.load()
    first = run(adapter, model.work())
    assert is_sound(first)

    # It stops within a step, and is ready for the next job.
    steps: list[int] = []
    with pytest.raises(Stopped):
        adapter.run([model.work()], lambda step, _steps: steps.append(step), lambda: bool(steps))
    assert steps == [1]

    # A job that does not fit leaves room for one that does, which is painted as before.
    with pytest.raises(OutOfMemoryError):
        adapter.run([model.too_large], silent, never)
    assert difference(first, run(adapter, model.work())) <= 4

    assert memory(parse_device(device)).peak_bytes > 0
    assert isinstance(adapter, Unloading)
    held = held_bytes(device)
    adapter.unload()
    assert held_bytes(device) - before < (held - before) / 10
    adapter.load()
    assert difference(first, run(adapter, model.work())) <= 4
    adapter.unload()
    free_cache(parse_device(device))


def placed(family: str, values: tuple[Any, ...], *, refused: tuple[Any, ...] = ()) -> list[Any]:
    """Cases of one family: those that a CPU does not refuse with `make slow`, all on a card."""
    cpu = [
        pytest.param(family, "cpu", value, marks=SLOW) for value in values if value not in refused
    ]
    return cpu + [pytest.param(family, "cuda", value, marks=GPU) for value in values]


FLUX = FAMILIES[:3]


@pytest.mark.parametrize(
    ("family", "on", "precision"),
    [
        case
        for family in FLUX
        # A CPU has float16 in theory only, and its 16 bits are in the test above.
        for case in placed(family, PRECISIONS, refused=(Precision.FP16,))
    ],
)
def test_a_precision_paints(
    family: str, on: str, precision: Precision, models: Callable[[str], Model]
) -> None:
    _paints(models(family), on, ServingMode(precision))


@pytest.mark.parametrize(
    ("family", "on", "offload"),
    [case for family in FLUX for case in placed(family, (Offload.TEXT, Offload.BLOCKS))],
)
def test_an_offloaded_model_paints_as_one_that_is_not(
    family: str, on: str, offload: Offload, models: Callable[[str], Model]
) -> None:
    plain = _paints(models(family), on, ServingMode())
    offloaded = _paints(models(family), on, ServingMode(offload=offload))
    assert difference(plain, offloaded) <= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("on", "precision"),
    [
        pytest.param("cpu", Precision.INT8),
        pytest.param("cuda", Precision.NF4, marks=GPU),
        pytest.param("cuda", Precision.FP8, marks=GPU),
    ],
)
def test_a_quantised_model_is_offloaded_too(
    on: str, precision: Precision, models: Callable[[str], Model]
) -> None:
    _paints(models("flux.2-klein-4b"), on, ServingMode(precision, Offload.BLOCKS))


def _paints(model: Model, on: str, mode: ServingMode) -> Output:
    """The picture of a model that is served in a mode."""
    if on == "cuda":
        require_card()
    adapter = model.adapter(on, mode)
    adapter.load()
    output = run(adapter, model.work())
    assert is_sound(output)
    assert isinstance(adapter, Unloading)
    adapter.unload()
    return output


@pytest.mark.slow
def test_two_models_take_turns_on_a_device_that_holds_one(
    device: str, models: Callable[[str], Model]
) -> None:
    names = ("flux.1-dev", "florence-2-demo")
    plan = ServingPlan(device_bytes=6)
    served = {
        name: ServedModel(models(name).variant, models(name).adapter(device), plan)
        for name in names
    }
    cache = ModelCache(served, budget_bytes=10)
    cache.load_what_fits()
    held = []
    for name in (*names, *names):
        cache.make_ready(name)
        assert cache.ids == (name,)
        assert is_sound(run(served[name].adapter, models(name).work()))
        held.append(held_bytes(device))
    assert held[2] < 1.2 * held[0] + 1_000_000
    assert held[3] < 1.2 * held[1] + 1_000_000
    for one in served.values():
        assert isinstance(one.adapter, Unloading)
        one.adapter.unload()
