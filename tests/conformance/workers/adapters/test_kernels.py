"""The record of compiled kernels: by card, model and way to serve, in torch's own folder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workers.adapters.pinning import Device
from workers.adapters.serving.kernels import KERNELS_FOLDER, kernels_are_kept, record_kernels
from workers.catalog.serving import Offload, Precision, ServingMode

CARD = Device("cuda")
COMPILED = ServingMode(Precision.INT8, compile=True)


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The name of the card, which no test machine has."""
    names = ["one card"]
    monkeypatch.setenv(KERNELS_FOLDER, str(tmp_path / "kernels"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _index: names[-1])
    return names


def test_kernels_are_kept_for_that_card_model_and_way_alone(cards: list[str]) -> None:
    assert not kernels_are_kept("flux.1-dev", COMPILED, CARD)
    record_kernels("flux.1-dev", COMPILED, CARD)
    assert kernels_are_kept("flux.1-dev", COMPILED, CARD)
    assert kernels_are_kept("flux.1-dev", replace(COMPILED, offload=Offload.TEXT), CARD)
    assert not kernels_are_kept("flux.1-schnell", COMPILED, CARD)
    assert not kernels_are_kept("flux.1-dev", replace(COMPILED, precision=Precision.FP8), CARD)
    cards.append("another card")
    assert not kernels_are_kept("flux.1-dev", COMPILED, CARD)


def test_nothing_is_kept_without_a_folder_or_a_card(
    cards: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cards
    record_kernels("flux.1-dev", COMPILED, Device("cpu"))
    assert not (tmp_path / "kernels").exists()
    monkeypatch.delenv(KERNELS_FOLDER)
    record_kernels("flux.1-dev", COMPILED, CARD)
    assert not kernels_are_kept("flux.1-dev", COMPILED, CARD)
