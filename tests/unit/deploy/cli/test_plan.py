"""`bottega catalog plan`: cards, ways, and sentences about what cannot be."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.cli.models.device_budgets import budget_here, budget_of
from deploy.cli.models.fits import Fit, of_worker, on_devices
from deploy.cli.models.library_note import NOTE
from deploy.local.fleet import FleetWorker
from tests.support.commands import Commands
from workers.adapters.cuda_check import Card
from workers.adapters.device_probe import Probe, ProbedDevice
from workers.adapters.pinning import DeviceError
from workers.adapters.serving.device_budget import of_device, of_free_card
from workers.adapters.serving.memory_plan import plan_variant
from workers.catalog import find
from workers.catalog.serving import Precision

CARD = Card("NVIDIA GeForce RTX 3060", (8, 6), "GPU-0a1b", 11_500_000_000, 12_600_000_000)
MACHINE = Probe((ProbedDevice(0, None, "cuda:0 is broken"), ProbedDevice(1, CARD, "")))


@pytest.fixture
def bottega() -> Commands:
    return Commands()


def test_every_model_on_every_card(bottega: Commands) -> None:
    [row] = bottega.rows("catalog", "plan", "--variant", "flux.1-dev")
    assert row == {
        "model": "flux.1-dev",
        "8 GB": "fp8 blocks (18)",
        "12 GB": "nf4 text (4)",
        "16 GB": "fp8 text (6)",
        "24 GB": "fp8",
        "32 GB": "bf16 text (10)",
        "48 GB": "bf16",
        "80 GB": "bf16",
        "141 GB": "bf16",
    }
    everything = bottega.run("catalog", "plan")
    assert "florence-2-large-ft" in everything
    assert "flux.2-pro" not in everything  # its vendor runs it


def test_every_way_on_one_card_with_the_chosen_one_marked(bottega: Commands) -> None:
    options = ("catalog", "plan", "--memory", "24GB", "--variant", "flux.2-klein-9b")
    rows = bottega.rows(*options)
    [chosen] = [row for row in rows if row["chosen"]]
    assert (chosen["precision"], chosen["offload"], chosen["fits"]) == ("bf16", "text", True)
    assert chosen["peak_bytes"] == chosen["weights_bytes"] + chosen["working_bytes"]
    assert chosen["peak_bytes"] < 23_400_000_000 < rows[0]["peak_bytes"]
    text = bottega.run(*options)
    assert text.startswith("23.4 GB of device memory for models; the host's memory is not counted")
    [marked] = [line for line in text.splitlines() if line.startswith("*")]
    assert marked.split()[1:5] == ["flux.2-klein-9b", "bf16", "text", "yes"]


def test_a_request_leaves_fewer_ways(bottega: Commands) -> None:
    asked = ("--memory", "12GB", "--precision", "nf4", "--variant", "flux.1-dev")
    rows = bottega.rows("catalog", "plan", *asked)
    assert [row["offload"] for row in rows] == ["none", "text", "blocks"]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--memory", "much"), 2, "'much' is no size"),
        (("--memory", "nanGB"), 2, "'nanGB' is no size"),
        (("--memory", "12"), 2, "12 has no unit; write 12GB"),
        (("--memory", "0GB"), 2, "0GB is no memory"),
        (("--memory", "8GB", "--host-memory", "32"), 2, "32 has no unit"),
        (("--device", "cpu", "--host-memory", "32GB"), 2, "leave --device out"),
        (("--precision", "nf4", "--variant", "florence-2-demo"), 1, "not for Florence-2"),
        (("--device", "cpu", "--precision", "nf4", "--variant", "florence-2-demo"), 1, "not for"),
        (("--memory", "8GB", "--device", "cpu"), 2, "not both"),
        (("--precision", "fp7"), 2, "fp7"),
        (("--device", "gpu0"), 1, "not a device"),
        (("--variant", "flux.1-dem"), 1, "Did you mean flux.1-demo?"),
        (("--memory", "8GB", "--precision", "stored", "--variant", "flux.1-dev"), 1, "in 16 bits"),
    ],
)
def test_a_wrong_question_is_a_sentence(
    bottega: Commands, options: tuple[str, ...], code: int, says: str
) -> None:
    assert says in bottega.run("catalog", "plan", *options, code=code)


def test_the_hosts_memory_counts_where_it_is_named(bottega: Commands) -> None:
    [row] = bottega.rows("catalog", "plan", "--variant", "flux.2-dev", "--host-memory", "32GB")
    assert (row["8 GB"], row["24 GB"]) == ("nf4 blocks (32)", "nf4 text (15)")
    asked = ("--memory", "8GB", "--host-memory", "32GB", "--variant", "flux.2-dev")
    fitting = {
        (r["precision"], r["offload"]) for r in bottega.rows("catalog", "plan", *asked) if r["fits"]
    }
    assert fitting == {("nf4", "blocks")}
    assert "7.4 GB of device memory for models, 32.0 GB of the host's" in bottega.run(
        "catalog", "plan", *asked
    )


def test_a_hosted_model_needs_no_device(bottega: Commands) -> None:
    for options in ((), ("--memory", "8GB"), ("--device", "cpu")):
        text = bottega.run("catalog", "plan", "--variant", "flux.2-pro", *options)
        assert text == "flux.2-pro: its vendor runs it: it needs no device\n"


def test_auto_is_the_device_that_a_worker_would_take(bottega: Commands) -> None:
    text = bottega.run("catalog", "plan", "--device", "auto", "--variant", "florence-2-demo")
    assert text.startswith("auto: cpu, ")
    assert "florence-2-demo" in text


def test_one_word_for_a_number_format_everywhere(
    bottega: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "workers.adapters.serving.device_budget.cpu_number_bytes", lambda: lambda _row: 4
    )
    [row, *_] = bottega.rows("catalog", "plan", "--device", "cpu", "--variant", "flux.1-demo")
    assert row["precision"] == "float32"
    plan = plan_variant(find("flux.1-demo"), of_device("cpu"))
    assert plan.reason.startswith("float32, ")
    assert plan.as_json()["number_format"] == "float32"


def test_a_library_that_is_missing_is_told(
    bottega: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("catalog", "plan", "--variant", "flux.1-dev")
    without = frozenset({Precision.FP8, Precision.INT8})
    for module in ("workers.adapters.serving.device_budget", "deploy.cli.models.library_note"):
        monkeypatch.setattr(f"{module}.installed_precisions", lambda: without)
    for options in ((), ("--memory", "12GB")):
        assert "pip install 'bottega[quantization]'" in bottega.run(*asked, *options)
    found = of_free_card(11_400_000_000, (8, 9))
    card = replace(found, budget=replace(found.budget, host_bytes=None))
    monkeypatch.setattr("deploy.cli.models.device_budgets.budget_here", lambda _device: card)
    text = bottega.run(*asked, "--device", "cuda:0")
    [marked] = [line for line in text.splitlines() if line.startswith("*")]
    assert marked.split()[1:5] == ["flux.1-dev", "fp8", "blocks", "yes"]
    assert "nf4        text     library missing" in text
    worker = FleetWorker(device="cuda:0", variants=["flux.1-dev"], memory="12GB")
    [fit] = of_worker(worker)
    assert "nf4" in fit.text
    assert NOTE in fit.text


@pytest.mark.parametrize("memory", ["12", 12, "0GB", "nan", "-5GB"])
def test_a_fleets_memory_names_its_unit(memory: object) -> None:
    with pytest.raises(ValidationError, match="write "):
        FleetWorker(device="cpu", variants=["flux.1-demo"], memory=memory)


def test_a_device_of_this_machine_by_number_and_by_uuid() -> None:
    for name in ("cuda:1", "cuda:GPU-0a1b", "GPU-0a"):
        found = budget_of(name, 0, lambda: MACHINE)
        assert found.budget.device_bytes == CARD.free_bytes
        assert not found.abilities.float8
    with pytest.raises(DeviceError, match="cuda:0: cuda:0 is broken"):
        budget_of("cuda:0", 0, lambda: MACHINE)
    with pytest.raises(DeviceError, match="cuda:7 is not on this machine"):
        budget_of("cuda:7", 0, lambda: MACHINE)
    assert budget_of("cuda:7", 10**10, lambda: MACHINE).budget.device_bytes == 10**10


def test_the_memory_that_a_worker_here_may_take_counts(
    bottega: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTEGA_DEVICE_MEMORY_BYTES", "8000000000")
    assert budget_here("cuda:1", lambda: MACHINE).budget.device_bytes == 8_000_000_000
    text = bottega.run("catalog", "plan", "--device", "cpu", "--variant", "flux.1-demo")
    assert text.startswith("8.0 GB of device memory")
    monkeypatch.setenv("BOTTEGA_DEVICE_MEMORY_BYTES", "80000000000")
    assert budget_here("cuda:1", lambda: MACHINE).budget.device_bytes == CARD.free_bytes
    monkeypatch.setenv("BOTTEGA_DEVICE_MEMORY_BYTES", "banana")
    text = bottega.run("catalog", "plan", "--device", "cpu", code=1)
    assert "BOTTEGA_DEVICE_MEMORY_BYTES: should be" in text


def test_a_model_whose_weights_are_broken_leaves_the_others_in_the_table(
    bottega: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOTTEGA_WEIGHTS_FLUX_1_DEV", str(tmp_path))
    text = bottega.run("catalog", "plan", "--variant", "flux.1-dev", "--variant", "flux.1-demo")
    assert "has no weights to be read" in text
    assert "flux.1-demo" in text
    assert "has no weights" in bottega.run("catalog", "plan", "--variant", "flux.1-dev", code=1)


def test_a_fleets_worker_by_the_free_memory_of_its_device() -> None:
    asked = {"variants": ["flux.1-dev", "flux.2-pro"], "precision": "int8", "offload": "text"}
    [fit] = of_worker(FleetWorker(device="cuda:1", **asked), lambda: MACHINE)
    assert fit.ok is False
    assert "14.1 GB of device memory as int8, text encoders in the host's memory" in fit.text
    [unknown] = of_worker(FleetWorker(device="cuda:5", **asked), lambda: MACHINE)
    assert unknown.line.startswith("not known: cuda:5 is not on this machine")
    assert list(of_worker(FleetWorker(device="cpu", variants=["flux.2-pro"]))) == []


def test_the_doctor_asks_every_device() -> None:
    [fit] = on_devices([find("florence-2-large")], lambda: MACHINE)
    assert fit == Fit(
        ok=True,
        text="cuda:1: florence-2-large: fp16, all of it on the device: 3.2 GB of 11.5 GB",
    )
