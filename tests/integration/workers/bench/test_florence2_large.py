"""The benchmark command for accelerators, with a tiny model on the processor."""

import json
import subprocess
import sys
from typing import Any

import pytest

from workers.bench.florence2_comparison import AnswerLengthError, Comparison
from workers.bench.florence2_roofline import count_operations
from workers.bench.florence2_sizes import LARGE, TINY

COMMAND = (sys.executable, "-m", "workers.bench.florence2_large")
TINY_RUN = (
    *("--tiny", "--device", "cpu", "--tokens", "6", "--rounds", "1"),
    *("--batch", "1", "--batch", "2", "--stock-pictures", "1"),
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=90
    )


@pytest.mark.slow
def test_all_paths_caption_with_a_tiny_model_and_are_compared_with_the_stock_classes() -> None:
    done = run(*TINY_RUN, "--json")
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    entries = shown["entries"]
    assert [(e["path"], e["beams"], e["batch"]) for e in entries] == [
        ("stock", 3, 1),
        ("adapter", 3, 1),
        ("adapter", 3, 2),
        ("stock", 1, 1),
        ("adapter", 1, 1),
        ("adapter", 1, 2),
    ]
    for entry in entries:
        assert entry["captions_per_second"] >= entry["captions_per_second_prepared_in_turn"] > 0
        # A processor has no peaks here, and its memory is not measured.
        assert entry["over_floor_ratio"] is entry["peak_bytes"] is None
    assert [e["over_stock_ratio"] for e in entries if e["path"] == "stock"] == [1, 1]


def test_an_unknown_device_is_a_usage_error() -> None:
    done = run("--device", "tpu")
    assert done.returncode == 2
    assert "not on tpu" in done.stderr


def test_an_answer_that_ends_early_is_an_error() -> None:
    comparison = Comparison(TINY, "cpu", 6, compiled=False)
    settings = comparison._model.generation_config
    settings.min_new_tokens = None
    # Every token after the forced first one ends the answer.
    settings.eos_token_id = list(range(1, TINY.vocabulary))
    with pytest.raises(AnswerLengthError):
        comparison.measure((1,), 1, 1)


@pytest.mark.slow
def test_the_large_model_is_as_large_as_the_checkpoint() -> None:
    roofline = count_operations(LARGE, 64)
    assert LARGE.picture_tokens == 577
    assert roofline.parameters == pytest.approx(771e6, rel=0.005)  # as on its model page
    # The product of a vector and a matrix has two operations per element.
    assert roofline.token_flops == pytest.approx(roofline.decoder_bytes, rel=0.15)
