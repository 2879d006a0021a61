"""Free memory of a machine and of its container, and the CPU's formats."""

from pathlib import Path

import pytest

from workers.adapters.serving.device_budget import (
    HOST_SHARE,
    cpu_number_bytes,
    host_free_bytes,
    installed_precisions,
    of_card,
    of_device,
    of_free_card,
)
from workers.adapters.serving.working_set import CONTEXT_BYTES
from workers.catalog import find
from workers.catalog.serving import Precision

KIB = 1024
MEMINFO = "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\nHugePages_Total: 0\n"


@pytest.mark.parametrize(
    ("limit", "used", "inactive", "free"),
    [
        (None, 0, 0, 8_000_000 * KIB),
        ("max", 0, 0, 8_000_000 * KIB),
        (str(4_000_000 * KIB), 1_000_000 * KIB, 500_000 * KIB, 3_500_000 * KIB),
        (str(1_000), 2_000, 0, 0),
    ],
)
def test_the_containers_limit_counts(
    tmp_path: Path, limit: str | None, used: int, inactive: int, free: int
) -> None:
    (tmp_path / "meminfo").write_text(MEMINFO)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
        (tmp_path / "memory.stat").write_text(f"anon 7\ninactive_file {inactive}\n")
    assert host_free_bytes(tmp_path / "meminfo", tmp_path) == int(HOST_SHARE * free)


def test_a_cpu_without_bfloat16_computes_in_float32(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name : some\nflags : sse avx512_bf16 fpu\n")
    assert cpu_number_bytes(cpuinfo)(find("flux.1-dev")) == 2
    assert cpu_number_bytes(cpuinfo)(find("florence-2-large")) == 4
    cpuinfo.write_text("model name : bf16\nflags : sse avx2\n")
    assert cpu_number_bytes(cpuinfo)(find("flux.1-dev")) == 4


def test_memory_on_the_cpu_stands_for_a_card() -> None:
    card = of_device("cpu", 12 * 10**9)
    assert (card.budget.device_bytes, card.abilities.is_cpu) == (12 * 10**9, False)
    cpu = of_device("cpu")
    assert cpu.abilities.is_cpu
    assert cpu.budget.device_bytes > 0


def test_a_card_by_its_size_gives_cuda_its_part() -> None:
    assert of_card(24 * 10**9).budget.device_bytes == 24 * 10**9 - CONTEXT_BYTES
    assert of_card(1).budget.device_bytes == 0


@pytest.mark.parametrize(
    ("capability", "formats"),
    [((7, 5), set()), ((8, 6), {"16"}), ((8, 9), {"16", "8"}), ((12, 0), {"16", "8"})],
)
def test_a_card_by_its_capability(capability: tuple[int, int], formats: set[str]) -> None:
    found = of_free_card(10**9, capability).abilities
    assert (found.bfloat16, found.float8) == ("16" in formats, "8" in formats)


def test_8_bits_need_no_library() -> None:
    assert {Precision.FP8, Precision.INT8} <= installed_precisions()
