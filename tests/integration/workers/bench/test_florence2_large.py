"""The command for machines with an accelerator, with a tiny model on this one's processor."""

import json
import subprocess
import sys
from typing import Any

import pytest

from workers.bench.florence2_contest import Contest, LengthError
from workers.bench.florence2_floor import count
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
def test_everyone_captions_with_a_tiny_model_and_is_compared_with_the_stock_classes() -> None:
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
        # A processor has no data sheet here, and does not tell what memory a call took.
        assert entry["over_floor_ratio"] is entry["peak_bytes"] is None
    assert [e["over_stock_ratio"] for e in entries if e["path"] == "stock"] == [1, 1]


def test_a_device_that_is_none_is_refused_in_words() -> None:
    done = run("--device", "tpu")
    assert done.returncode == 2
    assert "is not a device" in done.stderr


def test_an_answer_that_ends_early_spoils_the_comparison() -> None:
    contest = Contest(TINY, "cpu", 6, compiled=False)
    settings = contest._model.generation_config
    settings.min_new_tokens = None
    # Whatever it says after the token that it must begin with is its last.
    settings.eos_token_id = list(range(1, TINY.vocabulary))
    with pytest.raises(LengthError):
        contest.entries((1,), 1, 1)


def test_the_large_model_is_as_large_as_the_checkpoint() -> None:
    floor = count(LARGE, 64)
    assert LARGE.picture_tokens == 577
    assert floor.parameters == pytest.approx(771e6, rel=0.005)  # as its page states it
    # A product of a vector with a matrix is two operations for each of its numbers.
    assert floor.token_flops == pytest.approx(floor.decoder_bytes, rel=0.15)
