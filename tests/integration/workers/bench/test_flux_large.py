"""The benchmark command for accelerators, with tiny models on the processor."""

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from workers.bench import flux_large
from workers.bench.flux_roofline import Roofline, count_operations
from workers.bench.flux_sizes import KLEIN_4B, SCHNELL

COMMAND = (sys.executable, "-m", "workers.bench.flux_large")
TINY_RUN = (
    *("--tiny", "--device", "cpu", "--rounds", "1", "--no-compile", "--load"),
    *("--also", "attention=_native_math"),
    *("--side", "64", "--side", "4096", "--batch", "1", "--batch", "2"),
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=280
    )


@pytest.mark.bench
@pytest.mark.timeout(300)
@pytest.mark.parametrize("model", ["schnell", "klein-4b"])
def test_all_paths_generate_with_a_tiny_model_and_are_compared_with_the_stock_pipeline(
    model: str,
) -> None:
    done = run(*TINY_RUN, "--model", model, "--json")
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    entries = shown["entries"]
    # No variant supports a side of 4096.
    assert [(e["path"], e["side"], e["batch"]) for e in entries] == [
        ("stock", 64, 1),
        ("adapter", 64, 1),
        ("adapter", 64, 2),
        ("stock, attention _native_math", 64, 1),
        ("adapter, attention _native_math", 64, 1),
        ("adapter, attention _native_math", 64, 2),
    ]
    for entry in entries:
        assert entry["pictures_per_second"] == pytest.approx(entry["batch"] / entry["seconds"])
        assert entry["floor_seconds"] > 0
        assert entry["peak_bytes"] is None  # not measured on a processor
    assert entries[0]["over_stock_ratio"] == 1
    assert shown["load_seconds"] > 0
    assert "adapter, 64 px, 2 at a time" in done.stderr  # printed at once


def test_settings_accumulate_options() -> None:
    assert flux_large._settings({"compile": True, "precision": "fp8"}) == {
        "": {},
        ", compiled": {"compile": True},
        ", compiled, precision fp8": {"compile": True, "precision": "fp8"},
    }


def test_an_unknown_option_is_a_usage_error() -> None:
    done = run("--also", "atention=native")
    assert done.returncode == 2
    assert "'atention' is not one of precision, offload, attention, compile" in done.stderr


def test_an_unknown_device_is_a_usage_error() -> None:
    done = run("--device", "tpu")
    assert done.returncode == 2
    assert "not on tpu" in done.stderr


@pytest.mark.slow
def test_the_large_models_are_as_large_as_the_checkpoints() -> None:
    for shape, parameters in ((SCHNELL, 11.9e9), (KLEIN_4B, 3.88e9)):
        roofline = count_operations(shape, side=1024, words=512)
        assert roofline.parameters == pytest.approx(parameters, rel=0.005)
        # Most weights are applied to every token, and attention comes on top.
        assert roofline.step_flops > 2 * 4096 * 0.5 * parameters


def test_the_operations_of_a_schnell_step_match_a_calculation_by_hand() -> None:
    width, image, words = 3072, 4096, 512
    tokens = image + words
    # Matrix sizes in units of width²: in a double block each token passes one of two streams, with
    # 4 for attention and 8 for the feed-forward part; a single block has 3 in, 4 up and 5 down.
    weights = 2 * tokens * width**2 * (19 * 12 + 38 * 12)
    attention = (19 + 38) * 4 * tokens**2 * width
    assert count_operations(SCHNELL, side=1024, words=words).step_flops == pytest.approx(
        weights + attention, rel=0.01
    )


def test_the_lower_bound_contains_all_steps_and_the_decoding() -> None:
    assert Roofline(0, step_flops=3, decode_flops=2).seconds(7, steps=4, pictures=5) == 5 * 14 / 7


def test_counting_keeps_the_default_data_type() -> None:
    count_operations(KLEIN_4B, side=64, words=8)
    assert torch.get_default_dtype() is torch.float32
