"""The device that `auto` chooses, and the warning about large models on a CPU."""

from typing import Any

import pytest

from tests.support.stub_torch import stub_environment
from workers import catalog
from workers.adapters.cuda_check import Card
from workers.adapters.device_choice import DeviceChoice, choose_device, cpu_warning
from workers.adapters.device_probe import Probe, ProbedDevice, probe
from workers.adapters.nvidia_driver import Machine
from workers.adapters.pinning import DeviceError

LARGE, SMALL, DEMO, HOSTED = "flux.2-klein-4b", "florence-2-base", "flux.1-demo", "flux.2-pro"
WITH_CARD = Machine(cards=1, driver="580.65.06")


def device(number: int, free: int, fault: str = "") -> ProbedDevice:
    """A device with free memory, or with a fault."""
    card = Card(f"Card {number}", (8, 6), "", free, 24_000_000_000)
    return ProbedDevice(number, None if fault else card, fault)


def choose(
    *variants: str, probe: Probe | None = None, machine: Machine = WITH_CARD, name: str = "auto"
) -> DeviceChoice:
    """The choice for these models; a probe that is not given must not be asked for."""

    def asked() -> Probe:
        assert probe is not None
        return probe

    rows = [catalog.find(variant) for variant in variants]
    return choose_device(name, rows, probe_devices=asked, machine=lambda: machine)


def test_the_working_device_with_most_free_memory_is_chosen() -> None:
    found = Probe((device(0, 3), device(1, 23_000_000_000), device(2, 0, "busy")))
    choice = choose(LARGE, probe=found)
    assert choice.name == "cuda:1"
    assert "23.0 GB of memory free, of 3 devices the one with most" in choice.reason


@pytest.mark.parametrize("variants", [(DEMO,), (HOSTED,), (DEMO, HOSTED)])
def test_demo_and_hosted_models_stay_on_the_cpu_without_a_look(variants: tuple[str, ...]) -> None:
    assert choose(*variants).name == "cpu"


def test_a_machine_without_a_card_takes_the_cpu_and_says_why() -> None:
    choice = choose(LARGE, machine=Machine(0, None))
    assert choice == DeviceChoice("cpu", "auto: cpu, as this machine has no NVIDIA GPU")


def test_a_card_that_does_not_work_ends_a_large_model_with_its_fault() -> None:
    with pytest.raises(DeviceError, match="auto found no working GPU: the driver is too old"):
        choose(LARGE, probe=Probe(fault="the driver is too old"))
    with pytest.raises(DeviceError, match="auto found no working GPU: busy"):
        choose(LARGE, probe=Probe((device(0, 0, "busy"),)))


def test_a_small_model_goes_on_without_the_card_and_says_why() -> None:
    choice = choose(SMALL, probe=Probe(fault="the driver is too old"))
    assert choice == DeviceChoice("cpu", "auto: cpu, as no GPU can be used: the driver is too old")


def test_a_named_device_is_taken_as_it_is() -> None:
    assert choose(LARGE, name="cuda:3") == DeviceChoice("cuda:3")
    with pytest.raises(DeviceError, match="not on mps"):
        choose(LARGE, name="mps")


def test_a_large_model_on_the_cpu_is_warned_about() -> None:
    rows = [catalog.find(name) for name in (LARGE, SMALL, DEMO, HOSTED)]
    assert cpu_warning(rows).startswith(f"{LARGE} on a CPU: a job takes many minutes or hours")
    assert cpu_warning(rows[1:]) == ""


def probed(monkeypatch: pytest.MonkeyPatch, **told: Any) -> Probe:
    """The probe of the stand-in's devices, by a process of its own."""
    for name, value in stub_environment(**told).items():
        monkeypatch.setenv(name, value)
    return probe()


def test_the_probe_reads_every_device_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = [
        {"name": "A", "free": 5, "total": 9, "uuid": "6f"},
        {"error": "CUDA error: out of memory"},
    ]
    found = probed(monkeypatch, cards=cards)
    assert found.devices[0].card == Card("A", (8, 6), "GPU-6f", 5, 9)
    assert "no memory is free" in found.devices[1].fault
    assert (found.cuda, found.first_fault) == ("13.0", "")


def test_a_probe_that_fails_tells_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is a build for CPUs" in probed(monkeypatch, cuda=None).first_fault
    monkeypatch.setenv("STUB_TORCH", "no JSON")
    assert "ended with status 1" in probe().first_fault
