"""`bottega catalog test`: a model's trial, with its own weights and with random ones."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from diffusers import Flux2Transformer2DModel
from safetensors import safe_open

from deploy.cli.main import main
from deploy.cli.models import trial as command
from workers import catalog
from workers.adapters.serving.choose import DoesNotFitError
from workers.adapters.serving.plan import ServingPlan
from workers.adapters.weights import override_variable
from workers.bench import trial as trials
from workers.bench.flux_sizes import TINY_KLEIN, TINY_SCHNELL, new_pipeline
from workers.bench.random_checkpoints import (
    SHAPES,
    ScratchError,
    _size,
    _tensors,
    write_checkpoint,
)
from workers.bench.trial import Trial, run_trial
from workers.catalog.flux.sizes import FluxLimits

KLEIN = catalog.find("flux.2-klein-4b")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(variant: catalog.Variant) -> catalog.Variant:
    """The row with small pictures, so that a test does not paint a megapixel."""
    limits: FluxLimits = variant.parameters.limits  # type: ignore[attr-defined]
    named = {"limits": replace(limits, side=64)}
    return replace(variant, parameters=type("Small", (variant.parameters,), named))


def verdicts(trial: Trial) -> dict[str, bool]:
    """Each finding's verdict by its name."""
    return {finding.name: finding.ok for finding in trial.findings}


@pytest.mark.parametrize("shape", [TINY_KLEIN, TINY_SCHNELL])
def test_random_weights_of_a_model_s_shape_load_and_paint(shape: Any, tmp_path: Path) -> None:
    assert write_checkpoint(shape, tmp_path) > 0
    variant = small(catalog.find(shape.variant))
    overrides = {override_variable(variant.id): str(tmp_path)}
    trial = run_trial(variant, "cpu", ServingPlan(), overrides, has_random_weights=True)
    assert trial.ok, trial.findings
    assert list(verdicts(trial)) == [
        "load",
        "first job",
        "second job",
        "same seed",
        "picture",
        "memory",
    ]
    assert trial.load_seconds is not None
    assert trial.peak_bytes is None


def test_a_large_component_is_written_in_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.bench.random_checkpoints.SHARD_BYTES", 20_000)
    write_checkpoint(TINY_KLEIN, tmp_path)
    folder = tmp_path / "transformer"
    index = json.loads((folder / "diffusion_pytorch_model.safetensors.index.json").read_text())
    files = set(index["weight_map"].values())
    assert len(files) > 1
    for file in files:
        with safe_open(folder / file, framework="pt") as opened:
            assert set(opened.keys()) == {n for n, f in index["weight_map"].items() if f == file}
    loaded = Flux2Transformer2DModel.from_pretrained(folder, torch_dtype=torch.bfloat16)
    assert all(bool(parameter.isfinite().all()) for parameter in loaded.parameters())


def test_a_disk_that_is_too_small_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    with pytest.raises(ScratchError, match="--scratch"):
        write_checkpoint(TINY_KLEIN, tmp_path)


@pytest.mark.parametrize(
    ("name", "gigabytes"), [("flux.2-klein-4b", 16.0), ("flux.1-schnell", 33.7)]
)
def test_the_true_sizes_are_those_of_the_published_checkpoints(name: str, gigabytes: float) -> None:
    pipeline = new_pipeline(SHAPES[name], device="meta", dtype=torch.bfloat16)
    models = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    total = sum(_size(tensor) for model in models for tensor in _tensors(model))
    assert total / 1e9 == pytest.approx(gigabytes, rel=0.01)


def test_a_demo_model_paints_what_is_expected() -> None:
    trial = run_trial(catalog.find("flux.2-demo"), "cpu", ServingPlan(), {})
    assert trial.ok, trial.findings
    assert verdicts(trial)["expected"]


def test_another_picture_than_the_expected_one_fails() -> None:
    trial = Trial("flux.1-demo", "cpu", ServingPlan())
    trials._judge_thumbnail(trial, trials.drawn_picture(256), bytes.fromhex("00" * 48))
    assert not trial.ok


@pytest.mark.parametrize(
    ("peak", "ok"), [(None, True), (10_900, True), (9_100, True), (11_100, False), (8_900, False)]
)
def test_the_measured_peak_may_be_a_tenth_off_its_plan(peak: int | None, *, ok: bool) -> None:
    trial = Trial("x", "cuda", ServingPlan(device_bytes=8_000, working_bytes=2_000))
    trial.peak_bytes = peak
    trials._judge_memory(trial)
    assert trial.ok is ok


def run(*arguments: str) -> tuple[int, str]:
    """The command's exit code and output, in a process that has torch already."""
    done = CliRunner().invoke(command.try_model, arguments)
    return done.exit_code, done.output


def test_the_command_prints_a_line_for_each_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(*_arguments: Any, **_options: Any) -> Trial:
        trial = Trial("flux.1-demo", "cpu", ServingPlan(reason="all of it"))
        trial.judge("load", True, "1.0 s")  # noqa: FBT003
        trial.judge("picture", False, "flat")  # noqa: FBT003
        return trial

    monkeypatch.setattr(command, "pin", lambda *_arguments: "cpu")
    monkeypatch.setattr(trials, "run_trial", tried)
    code, output = run("--variant", "flux.1-demo")
    assert code == 1
    assert "PASS  load        1.0 s" in output
    assert "FAIL  picture     flat" in output
    code, output = run("--variant", "flux.1-demo", "--json")
    assert json.loads(output)["ok"] is False


@pytest.mark.slow
def test_the_command_writes_random_weights_tries_them_and_removes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "pin", lambda *_arguments: "cpu")
    monkeypatch.setattr("workers.bench.random_checkpoints.SHAPES", {KLEIN.id: TINY_KLEIN})
    monkeypatch.setenv("BOTTEGA_DEVICE_MEMORY_BYTES", "100000000000")  # the plan's, not the test's
    code, output = run(
        *("--variant", KLEIN.id, "--random-weights", "--precision", "bf16"),
        *("--offload", "none", "--scratch", str(tmp_path)),
    )
    assert code == 0, output
    assert output.rstrip().endswith("PASS")
    assert list(tmp_path.iterdir()) == []


def test_random_weights_that_do_not_fit_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_arguments: object) -> int:
        raise AssertionError("it wrote them")

    monkeypatch.setattr(command, "pin", lambda *_arguments: "cpu")
    monkeypatch.setattr("workers.bench.random_checkpoints.write_checkpoint", write)
    monkeypatch.setenv("BOTTEGA_DEVICE_MEMORY_BYTES", "1000000000")
    asked = ("--variant", KLEIN.id, "--random-weights", "--scratch", str(tmp_path))
    done = CliRunner().invoke(command.try_model, asked)
    assert isinstance(done.exception, DoesNotFitError)
    assert "1.0 GB are free" in str(done.exception)


@pytest.mark.parametrize("memory", ["banana", "nan", "-5"])
def test_a_setting_of_memory_that_is_none_is_a_sentence(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "pin", lambda *_arguments: "cpu")
    monkeypatch.setenv("BOTTEGA_DEVICE_MEMORY_BYTES", memory)
    done = CliRunner().invoke(main, ["catalog", "test", "--variant", "flux.1-demo"])
    assert done.exit_code == 1
    assert "BOTTEGA_DEVICE_MEMORY_BYTES" in done.output
    assert "Traceback" not in done.output


def test_a_precision_that_florence_does_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "pin", lambda *_arguments: "cpu")
    asked = ["catalog", "test", "--variant", "florence-2-demo", "--precision", "nf4"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 1
    assert "florence-2-demo: precision nf4 is not for Florence-2" in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--variant", "flux.2-pro"), "hosted by its vendor"),
        (("--variant", "flux.1-demo", "--precision", "fp7"), "fp7"),
        (("--variant", "florence-2-base", "--random-weights"), "can be written for flux.1-schnell"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "pin", lambda *_arguments: "cpu")
    code, output = run(*arguments)
    assert code == 2
    assert sentence in output


def test_weights_that_are_missing_are_a_finding(tmp_path: Path) -> None:
    overrides = {override_variable(KLEIN.id): str(tmp_path / "nowhere")}
    trial = run_trial(KLEIN, "cpu", ServingPlan(), overrides)
    assert [(finding.name, finding.ok) for finding in trial.findings] == [("load", False)]
    assert "nowhere" in trial.findings[0].detail
