"""A row's options for FLUX: the picture stays the same, or the option is refused."""

import sys
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
from workers.adapters.flux.optimizations import FluxOptimizations, OptionError
from workers.adapters.protocol import InvalidLoraError, OutOfMemoryError, Work
from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.flux.row_parts import OPTIMIZATIONS

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


def made(id_: str, folders: dict[str, str], **options: Any) -> FluxAdapter:
    """A variant with small numbers in 32 bits, whose default picture is small too."""
    row = find(id_)
    small = replace(row.parameters.limits, side=64)
    parameters = type("Small", (row.parameters,), {"limits": small})
    changed = replace(
        row,
        dtype={"cpu": "float32"},
        parameters=parameters,
        options={**row.options, "max_sequence_length": 32, **options},
    )
    return FluxAdapter(changed, "cpu", folders)


def loaded(id_: str, folders: dict[str, str], **options: Any) -> FluxAdapter:
    adapter = made(id_, folders, **options)
    adapter.load()
    return adapter


def paint(adapter: FluxAdapter, count: int = 1, **given: Any) -> np.ndarray:
    asked = {"prompt": "a red circle", "seed": 3, "steps": 1, "width": 64, "height": 64, **given}
    works = [Work(adapter._variant.parameters(**asked)) for _ in range(count)]
    outputs = adapter.run(works, lambda _step, _steps: None, lambda: False)
    return np.asarray(outputs[0].images[0].image, dtype=int)


@pytest.fixture(scope="module")
def plain(folders: dict[str, str]) -> dict[str, np.ndarray]:
    """The picture of each variant with its row's own options."""
    return {id_: paint(loaded(id_, folders)) for id_ in IDS}


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize(
    "option",
    [{"attention": "_native_math"}, {"fuse_qkv": True}, {"channels_last": True}],
    ids=lambda option: next(iter(option)),
)
def test_an_option_paints_the_same_picture(
    id_: str, option: dict[str, Any], folders: dict[str, str], plain: dict[str, np.ndarray]
) -> None:
    assert np.abs(paint(loaded(id_, folders, **option)) - plain[id_]).max() <= SAME_LEVELS


@pytest.mark.parametrize("id_", IDS)
def test_text_encoders_on_the_host_read_the_same(
    id_: str, folders: dict[str, str], plain: dict[str, np.ndarray]
) -> None:
    adapter = loaded(id_, folders, offload_text=True)
    assert np.array_equal(paint(adapter), plain[id_])
    adapter.unload()
    adapter.load()
    assert np.array_equal(paint(adapter), plain[id_])


def test_what_was_fused_is_not_kept_beside_what_it_became(folders: dict[str, str]) -> None:
    fused, apart = (
        loaded(IDS[0], folders, fuse_qkv=fuse)._pipeline.transformer for fuse in (True, False)
    )
    assert sum(p.numel() for p in fused.parameters()) == sum(p.numel() for p in apart.parameters())


def test_fused_weights_take_no_lora(folders: dict[str, str]) -> None:
    adapter = loaded(IDS[0], folders, fuse_qkv=True)
    with pytest.raises(InvalidLoraError, match="take no LoRA"):
        paint(adapter, loras=[{"source": "some", "scale": 1.0}])


@pytest.mark.parametrize("name", ["sage", "flash", "_native_cudnn", "none of them"])
def test_unsupported_attention_is_refused_when_it_is_loaded(
    name: str, folders: dict[str, str]
) -> None:
    with pytest.raises(OptionError, match=r"flux\.1-schnell: attention="):
        made(IDS[0], folders, attention=name).load()


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


def test_8_bits_are_refused_in_words_where_they_cannot_be_had(
    folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match=r"flux\.1-schnell: fp8='unheard of'.*choose one of"):
        made(IDS[0], folders, fp8="unheard of").load()
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)  # as where it is not installed
    with pytest.raises(OptionError, match=r"flux\.1-schnell: fp8='weights'.*torchao"):
        made(IDS[0], folders, fp8="weights").load()


def test_weights_of_8_bits_paint_nearly_the_same_in_less_memory(
    folders: dict[str, str], plain: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(f"{sys.prefix}/torchao")  # where make puts it, aside
    adapter = loaded(IDS[0], folders, fp8="weights")
    weights = adapter._pipeline.transformer.transformer_blocks[0].attn.to_q.weight
    assert weights.qdata.dtype is torch.float8_e4m3fn
    assert np.abs(paint(adapter) - plain[IDS[0]]).mean() < SAME_LEVELS
    with pytest.raises(OptionError, match="compute capability"):
        made(IDS[0], folders, fp8="dynamic").load()


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


def test_a_row_says_what_it_asks_for() -> None:
    asked = FluxOptimizations.from_options("flux.1-schnell", find("flux.1-schnell").options)
    assert asked == FluxOptimizations("flux.1-schnell", **OPTIMIZATIONS)
    assert asked.supports_loras
