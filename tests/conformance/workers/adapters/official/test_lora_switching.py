"""LoRAs of all kinds one after the other on one model: each paints as on a fresh one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel

from tests.conformance.workers.adapters.official import lora_makers
from tests.conformance.workers.adapters.official.checkpoints import load_stock, one_thread
from tests.conformance.workers.adapters.official.memory import MEGABYTE, ROOT
from tests.conformance.workers.adapters.tiny_flux1 import save_tiny_flux1
from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.flux.loras import PipelineLoras, fuse_loras
from workers.adapters.protocol import InvalidLoraError


@pytest.fixture(scope="module", autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def klein(tmp_path: Path) -> Any:
    save_tiny_klein(tmp_path / "model")
    return load_stock("Flux2KleinPipeline", tmp_path / "model", is_distilled=True)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def output(transformer: Any) -> torch.Tensor:
    """The transformer's output for fixed numbers."""
    draw = lora_makers.drawn(9)
    is_flux2 = not isinstance(transformer, FluxTransformer2DModel)
    width = transformer.config.joint_attention_dim
    ids = torch.zeros(6, 4 if is_flux2 else 3)
    ids[:, 1] = torch.arange(6)
    arguments = {
        "hidden_states": draw(1, 6, transformer.config.in_channels),
        "encoder_hidden_states": draw(1, 6, width),
        "timestep": torch.tensor([0.5]),
        "img_ids": ids,
        "txt_ids": ids,
        "guidance": torch.tensor([3.5]),
    }
    if not is_flux2:
        arguments["pooled_projections"] = draw(1, transformer.config.pooled_projection_dim)
    with torch.no_grad():
        made: torch.Tensor = transformer(**arguments, return_dict=False)[0]
    return made


def test_every_kind_follows_every_other(klein: Any, tmp_path: Path) -> None:
    makers = {
        "plain": lora_makers.plain,
        "lokr": lora_makers.lokr,
        "fused": lora_makers.lokr_fused,
        "alpha": lora_makers.alpha_in_metadata,
    }
    files = {
        name: nullcontext(written(tmp_path, name, make(klein.transformer)))
        for name, make in makers.items()
    }
    bare = output(klein.transformer)
    loras = PipelineLoras(klein)
    alone = {}
    for name in files:
        fresh = PipelineLoras(klein)
        fresh.activate([(name, 0.5)], files.__getitem__)
        alone[name] = output(klein.transformer)
        klein.transformer.unload_lora()
        klein.transformer.unfuse_qkv_projections()
        assert torch.equal(output(klein.transformer), bare)
    order = ("plain", "lokr", "plain", "fused", "alpha", "fused", "lokr", "alpha", "lokr", "fused")
    for name in order:
        loras.activate([(name, 0.5)], files.__getitem__)
        assert torch.equal(output(klein.transformer), alone[name]), name
        loras.activate([], files.__getitem__)
        assert torch.equal(output(klein.transformer), bare), name
    for pair in (("plain", "lokr"), ("fused", "plain")):
        with pytest.raises(InvalidLoraError, match="cannot be used together"):
            loras.activate([(name, 1.0) for name in pair], files.__getitem__)
    loras.activate([("plain", 0.5)], files.__getitem__)
    assert torch.equal(output(klein.transformer), alone["plain"])


def test_norms_are_put_back_and_the_last_one_named_wins(tmp_path: Path) -> None:
    save_tiny_flux1("FluxPipeline", tmp_path / "model")
    pipeline = load_stock("FluxPipeline", tmp_path / "model")
    transformer = pipeline.transformer
    own = {name for name, _ in transformer.named_parameters() if name.endswith("norm_q.weight")}
    data = {
        "norms": lora_makers.norms(transformer),
        "alone": lora_makers.save({f"transformer.{name}": torch.full((16,), 2.0) for name in own}),
        "plain": lora_makers.plain(transformer),
    }
    files = {name: nullcontext(written(tmp_path, name, each)) for name, each in data.items()}
    loras, bare = PipelineLoras(pipeline), output(transformer)

    def weights() -> list[float]:
        named = dict(transformer.named_parameters())
        return [float(named[name].detach().mean()) for name in sorted(own)]

    before = weights()
    loras.activate([("norms", 1.0), ("alone", 1.0)], files.__getitem__)
    assert weights() == [2.0] * len(own)
    loras.activate([("alone", 1.0), ("norms", 1.0)], files.__getitem__)
    assert weights() not in ([2.0] * len(own), before)
    loras.activate([("plain", 1.0)], files.__getitem__)
    assert weights() == before
    loras.activate([], files.__getitem__)
    assert torch.equal(output(transformer), bare)


def test_a_rows_lokr_of_fused_projections_leaves_them_to_jobs_loras(
    klein: Any, tmp_path: Path
) -> None:
    files = {
        name: written(tmp_path, name, make(klein.transformer))
        for name, make in (("row", lora_makers.lokr_fused), ("job", lora_makers.plain))
    }
    bare = output(klein.transformer)
    fuse_loras(klein, [(files["row"], 0.5)])
    fused = output(klein.transformer)
    assert not torch.allclose(fused, bare)
    loras = PipelineLoras(klein)
    loras.activate([("row", 0.5)], lambda _key: nullcontext(files["row"]))
    twice = output(klein.transformer)
    loras.activate([("job", 1.0)], lambda _key: nullcontext(files["job"]))
    assert not torch.allclose(output(klein.transformer), fused)
    assert not torch.allclose(twice, fused)
    loras.activate([], lambda _key: nullcontext(files["job"]))
    assert torch.equal(output(klein.transformer), fused)


def test_no_more_bytes_stay_loaded_than_the_limit(klein: Any, tmp_path: Path) -> None:
    data = lora_makers.plain(klein.transformer)
    files = {name: nullcontext(written(tmp_path, name, data)) for name in "abcd"}
    loras = PipelineLoras(klein, max_bytes=2 * len(data))
    for name in files:
        loras.activate([(name, 1.0)], files.__getitem__)
    assert list(loras._loaded) == ["c", "d"]
    loras.activate([(name, 1.0) for name in "abc"], files.__getitem__)
    assert {*"abc"} <= set(loras._loaded)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_lora_of_a_gigabyte_loads_in_its_own_memory_and_paints_as_diffusers_loads_it(
    tmp_path: Path,
) -> None:
    """In a process of its own, which measures itself: the file is read as it is used."""
    script = "tests.conformance.workers.adapters.official.memory"
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", script, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr
    file_bytes, peak_bytes, equal = map(int, done.stdout.split())
    assert file_bytes >= 1024 * MEGABYTE
    assert peak_bytes <= 0.25 * file_bytes
    assert equal
