"""`bottega catalog plan`: cards, ways, and sentences about what cannot be."""

import pytest

from deploy.cli.models.device_budgets import budget_of
from deploy.cli.models.fits import Fit, of_worker, on_devices
from deploy.local.fleet import FleetWorker
from tests.support.commands import Commands
from workers.adapters.cuda_check import Card
from workers.adapters.device_probe import Probe, ProbedDevice
from workers.adapters.pinning import DeviceError
from workers.catalog import find

CARD = Card("NVIDIA GeForce RTX 3060", (8, 6), "GPU-0a1b", 11_500_000_000, 12_600_000_000)
MACHINE = Probe((ProbedDevice(0, None, "cuda:0 is broken"), ProbedDevice(1, CARD, "")))


@pytest.fixture
def bottega() -> Commands:
    return Commands()


def test_every_model_on_every_card(bottega: Commands) -> None:
    [row] = bottega.rows("catalog", "plan", "--variant", "flux.1-dev")
    assert row == {
        "model": "flux.1-dev",
        "8 GB": "fp8 blocks",
        "12 GB": "nf4 text",
        "16 GB": "fp8 text",
        "24 GB": "fp8",
        "32 GB": "bf16 text",
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
    assert text.startswith("23.4 GB of device memory for models\n")
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
        text="cuda:1: florence-2-large: bf16, all of it on the device: 3.2 GB of 11.5 GB",
    )
