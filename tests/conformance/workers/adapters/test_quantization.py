"""Layers in 8 and 4 bits: how near they come, what they take, what moves them, what they keep."""

import copy
import sys

import pytest
import torch

from workers.adapters.serving import quantization
from workers.adapters.serving.layers import LayerFormat, format_bytes
from workers.adapters.serving.quantization import (
    Fp8Linear,
    MissingLibraryError,
    QuantizedLinear,
    multiplies_in_fp8,
    quantize,
)

CPU = torch.device("cpu")
FORMATS = {LayerFormat.INT8: 0.008, LayerFormat.FP8: 0.04, LayerFormat.NF4: 0.12}
"""Each format with the largest relative difference that it may make to a product."""


def layer(
    inputs: int = 192, outputs: int = 320, dtype: torch.dtype = torch.float32
) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(inputs, outputs).to(dtype).requires_grad_(requires_grad=False)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).norm() / other.float().norm())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("stored", FORMATS)
def test_a_quantised_layer_answers_nearly_the_same(stored: LayerFormat, dtype: torch.dtype) -> None:
    plain = layer(dtype=dtype)
    some = torch.randn(2, 7, 192, dtype=dtype)
    answer = quantize(plain, stored, CPU, dtype)(some)
    assert answer.dtype is dtype
    assert difference(answer, plain(some)) < FORMATS[stored]


@pytest.mark.parametrize("chunk", [2**22, 1])
@pytest.mark.parametrize("stored", FORMATS)
def test_it_is_the_same_in_one_piece_and_in_many(
    stored: LayerFormat, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = quantize(layer(), stored, CPU, torch.float32)
    monkeypatch.setattr(quantization, "CHUNK", chunk)
    pieces = quantize(layer(), stored, CPU, torch.float32)
    assert torch.equal(pieces.dequantized(torch.float32), whole.dequantized(torch.float32))


@pytest.mark.parametrize("stored", FORMATS)
def test_it_takes_the_bytes_that_the_plan_counts(stored: LayerFormat) -> None:
    made = quantize(layer(), stored, CPU, torch.float32)
    tensors = [*made.parameters(), *made.buffers()]
    taken = sum(tensor.nbytes for tensor in tensors) - made.bias.nbytes
    assert taken == format_bytes(stored, 320, 192 * 320)


@pytest.mark.parametrize("stored", FORMATS)
def test_all_of_it_moves_and_none_of_it_is_cast(stored: LayerFormat) -> None:
    made = quantize(layer(), stored, CPU, torch.float32)
    moved = copy.deepcopy(made).to("meta")
    assert {each.device.type for each in (*moved.parameters(), *moved.buffers())} == {"meta"}
    again = copy.deepcopy(made)
    again.weight.data = again.weight.data.clone()
    assert again.to(torch.bfloat16).weight.dtype is torch.int8


def test_rows_of_zeros_stay_zeros() -> None:
    plain = layer()
    plain.weight.data.zero_()
    for stored in FORMATS:
        weights = quantize(plain, stored, CPU, torch.float32).dequantized(torch.float32)
        assert not weights.any(), stored


def test_an_odd_number_of_inputs_is_stored_in_8_bits_instead_of_4() -> None:
    made = quantize(layer(inputs=63), LayerFormat.NF4, CPU, torch.float32)
    assert made(torch.ones(1, 63)).isfinite().all()
    assert isinstance(made, quantization.Int8Linear)


def test_4_bits_without_their_library_are_refused_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'bottega\[quantization\]'"):
        quantize(layer(), LayerFormat.NF4, CPU, torch.float32)


def test_products_in_8_bits_are_near_those_of_16() -> None:
    plain = layer(dtype=torch.bfloat16)
    made = quantize(plain, LayerFormat.FP8, CPU, torch.bfloat16)
    assert isinstance(made, Fp8Linear)
    made.dynamic = True
    some = torch.randn(2, 7, 192, dtype=torch.bfloat16)
    some[0, 0] = 0  # an empty row has no scale of its own
    assert difference(made(some), plain(some)) < 0.06
    assert not multiplies_in_fp8(CPU)


@pytest.mark.gpu
def test_products_in_8_bits_on_a_gpu_are_near_those_of_16() -> None:
    cuda = torch.device("cuda")
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs capability 8.9")
    assert multiplies_in_fp8(cuda)
    plain = layer(1024, 2048, torch.bfloat16).to(cuda)
    made = quantize(plain, LayerFormat.FP8, cuda, torch.bfloat16)
    assert isinstance(made, Fp8Linear)
    made.dynamic = True
    some = torch.randn(300, 1024, dtype=torch.bfloat16, device=cuda)
    assert difference(made(some), plain(some)) < 0.06


@pytest.mark.gpu
@pytest.mark.parametrize("stored", FORMATS)
def test_a_gpu_answers_as_the_cpu_does(stored: LayerFormat) -> None:
    plain = layer(dtype=torch.bfloat16)
    some = torch.randn(5, 192, dtype=torch.bfloat16)
    here = quantize(plain, stored, CPU, torch.bfloat16)
    there = quantize(plain, stored, torch.device("cuda"), torch.bfloat16)
    assert isinstance(there, QuantizedLinear)
    assert difference(there(some.cuda()).cpu(), here(some)) < 0.01
    assert difference(there.cpu()(some), here(some)) < 0.01
