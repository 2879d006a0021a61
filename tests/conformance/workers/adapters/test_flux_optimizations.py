"""Ways to serve FLUX that leave its pictures as they are, or are refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from tests.conformance.workers.adapters.tiny_flux1 import save_tiny_flux1
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.adapter import FluxAdapter
from workers.adapters.flux.optimizations import OptionError
from workers.adapters.protocol import OutOfMemoryError, Work
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.serving import PLAIN, Offload

IDS = ("flux.1-schnell", "flux.2-klein-4b")
SAME_LEVELS = 4


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A tiny checkpoint of either line, by the variable that names it."""
    saved = {}
    for id_ in IDS:
        folder = tmp_path_factory.mktemp(id_)
        if id_ == "flux.1-schnell":
            save_tiny_flux1("FluxPipeline", folder)
        else:
            save_tiny_klein(folder)
        saved[override_variable(id_)] = str(folder)
    return saved


def made(id_: str, folders: dict[str, str], **mode: Any) -> FluxAdapter:
    """A variant with small numbers in 32 bits, whose default picture is small too."""
    row = find(id_)
    small = replace(row.parameters.limits, side=64)
    parameters = type("Small", (row.parameters,), {"limits": small})
    changed = replace(
        row,
        dtype={"cpu": "float32"},
        parameters=parameters,
        options={**row.options, "max_sequence_length": 32},
    )
    return FluxAdapter(changed, "cpu", folders, replace(PLAIN, **mode))


def loaded(id_: str, folders: dict[str, str], **mode: Any) -> FluxAdapter:
    adapter = made(id_, folders, **mode)
    adapter.load()
    return adapter


def paint(adapter: FluxAdapter, count: int = 1, **given: Any) -> np.ndarray:
    asked = {"prompt": "a red circle", "seed": 3, "steps": 1, "width": 64, "height": 64, **given}
    works = [Work(adapter._variant.parameters(**asked)) for _ in range(count)]
    outputs = adapter.run(works, lambda _step, _steps: None, lambda: False)
    return np.asarray(outputs[0].images[0].image, dtype=int)


@pytest.fixture(scope="module")
def plain(folders: dict[str, str]) -> dict[str, np.ndarray]:
    """The picture of each variant, served plainly."""
    return {id_: paint(loaded(id_, folders)) for id_ in IDS}


@pytest.mark.parametrize("id_", IDS)
def test_other_kernels_of_attention_paint_the_same_picture(
    id_: str, folders: dict[str, str], plain: dict[str, np.ndarray]
) -> None:
    painted = paint(loaded(id_, folders, attention="_native_math"))
    assert np.abs(painted - plain[id_]).max() <= SAME_LEVELS


@pytest.mark.parametrize("offload", [Offload.TEXT, Offload.BLOCKS])
@pytest.mark.parametrize("id_", IDS)
def test_parts_on_the_host_compute_the_same(
    id_: str, offload: Offload, folders: dict[str, str], plain: dict[str, np.ndarray]
) -> None:
    adapter = loaded(id_, folders, offload=offload)
    assert np.array_equal(paint(adapter), plain[id_])
    adapter.unload()
    adapter.load()
    assert np.array_equal(paint(adapter), plain[id_])


@pytest.mark.parametrize("name", ["sage", "flash", "_native_cudnn"])
def test_unsupported_attention_is_refused_when_it_is_loaded(
    name: str, folders: dict[str, str]
) -> None:
    with pytest.raises(OptionError, match=rf"^flux\.1-schnell: attention='{name}' is not supp"):
        made(IDS[0], folders, attention=name).load()


def test_unknown_attention_is_refused_with_the_names_to_choose_from(
    folders: dict[str, str],
) -> None:
    with pytest.raises(OptionError, match=r"'fast' is not known: choose one of .*native.*"):
        made(IDS[0], folders, attention="fast").load()


def test_compiled_blocks_cannot_wait_on_the_host(folders: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="choose compile=off, or offload=text"):
        made(IDS[0], folders, compile=True, offload=Offload.BLOCKS).load()


def test_one_variants_attention_is_not_anothers(folders: dict[str, str]) -> None:
    loaded(IDS[0], folders, attention="_native_math")
    other = loaded(IDS[1], folders)._pipeline.transformer
    assert {
        module.processor._attention_backend.value
        for module in other.modules()
        if hasattr(module, "processor")
    } == {"native"}


def graphs() -> int:
    """The number of graphs that torch has compiled so far."""
    return int(counters["stats"]["unique_graphs"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_compiled_model_takes_any_size_and_number_without_being_compiled_again(
    folders: dict[str, str], plain: dict[str, np.ndarray]
) -> None:
    torch._dynamo.reset()
    before = graphs()
    # What is compiled is run as it was traced: making kernels of it takes minutes.
    with torch.compiler.set_stance("default", force_backend="eager"):
        adapter = loaded(IDS[0], folders, compile=True)
        compiled = graphs()
        assert compiled > before
        assert np.abs(paint(adapter) - plain[IDS[0]]).max() <= SAME_LEVELS
        paint(adapter, width=96, height=128)
        paint(adapter, 3, width=128, height=80)
        assert graphs() == compiled


def test_a_batch_that_does_not_fit_raises_and_the_next_is_painted(
    folders: dict[str, str], plain: dict[str, np.ndarray]
) -> None:
    adapter = loaded(IDS[0], folders)

    def exhaust(*_arguments: object) -> None:
        torch.empty(2**62, dtype=torch.uint8)  # more than any machine's

    hook = adapter._pipeline.transformer.register_forward_pre_hook(exhaust)
    with pytest.raises(OutOfMemoryError):
        paint(adapter, 2)
    hook.remove()
    assert np.array_equal(paint(adapter), plain[IDS[0]])
