"""Weights are located, and errors name the remedy where they are missing or wrong."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from workers.adapters.registry import make_adapter
from workers.adapters.weights import WeightsError, locate, locate_lora, override_variable
from workers.catalog import find
from workers.catalog.flux.loras import RowLora
from workers.catalog.variant import Weights
from workers.demo import weights_folder

DEMO = find("florence-2-demo")
VARIABLE = "BOTTEGA_WEIGHTS_FLORENCE_2_DEMO"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the demo's weights that a test may damage."""
    folder = tmp_path / "weights"
    shutil.copytree(weights_folder(DEMO.id), folder)
    for file in folder.iterdir():
        file.chmod(0o600)
    return folder


def shorten(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def widen(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["decoder_ffn_dim"] += 1
    (folder / "config.json").write_text(json.dumps(config))


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def test_the_variable_is_named_after_the_variant() -> None:
    assert override_variable("flux.2-klein-4b") == "BOTTEGA_WEIGHTS_FLUX_2_KLEIN_4B"


def test_bundled_weights_are_found_beside_the_package() -> None:
    assert locate(DEMO, {}).name == str(weights_folder(DEMO.id))


def test_hub_weights_are_requested_at_the_pinned_revision() -> None:
    variant = find("flux.1-schnell")
    source = locate(variant, {})
    assert (source.name, source.revision) == (variant.weights.repo, variant.weights.revision)


def test_an_override_comes_before_both(copied: Path) -> None:
    for variant in (DEMO, find("flux.1-schnell")):
        overrides = {override_variable(variant.id): str(copied)}
        source = locate(variant, overrides)
        assert (source.name, source.revision) == (str(copied), None)


def test_a_folder_of_the_catalogue_file_comes_before_the_hub(copied: Path) -> None:
    own = replace(find("flux.1-schnell"), weights=Weights("", folder=str(copied)))
    assert locate(own, {}).name == str(copied)
    gone = replace(own, id="flux.1-ours", weights=Weights("", folder=f"{copied}/gone"))
    with pytest.raises(WeightsError, match=r"there is no folder .*/gone; "):
        locate(gone, {})
    overrides = {override_variable(gone.id): str(copied)}
    assert locate(gone, overrides).name == str(copied)


def test_a_local_lora_of_the_catalogue_file_is_read_where_it_is(tmp_path: Path) -> None:
    lora = RowLora(Weights("", folder=str(tmp_path)), "style.safetensors")
    row = replace(find("flux.1-demo"), options={"loras": (lora,)})
    with pytest.raises(WeightsError, match=rf"no file {tmp_path}/style.safetensors; `loras` in"):
        locate_lora(row, 1, {})
    (tmp_path / "style.safetensors").touch()
    assert locate_lora(row, 1, {}) == tmp_path / "style.safetensors"


def test_a_model_loads_from_an_override(copied: Path) -> None:
    make_adapter(DEMO, "cpu", {VARIABLE: str(copied)}).load()


def test_an_override_that_names_no_folder_is_reported_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"no folder {tmp_path}/gone; {VARIABLE}"):
        locate(DEMO, {VARIABLE: str(tmp_path / "gone")})


def test_missing_bundled_weights_ask_for_a_new_installation() -> None:
    broken = replace(DEMO, weights=Weights("gone", bundled=True))
    with pytest.raises(WeightsError, match="install it again"):
        locate(broken, {})


@pytest.mark.parametrize(
    "damage",
    [
        remove("model.safetensors"),
        remove("config.json"),
        remove("tokenizer.json"),
        remove("processor_config.json"),
        shorten,
        widen,
        lambda folder: (folder / "config.json").write_text("{"),
    ],
)
def test_damaged_weights_are_reported_with_the_variable_to_check(
    copied: Path, damage: Callable[[Path], None]
) -> None:
    damage(copied)
    with pytest.raises(WeightsError, match=f"florence-2-demo: .*{copied}.*{VARIABLE}"):
        make_adapter(DEMO, "cpu", {VARIABLE: str(copied)}).load()


def test_the_weights_of_another_model_are_recognised(copied: Path) -> None:
    variant = find("flux.1-demo")
    (copied / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(WeightsError, match="holds a StableDiffusionPipeline, not a FluxPipeline"):
        make_adapter(variant, "cpu", {override_variable(variant.id): str(copied)}).load()


def test_weights_that_only_pickle_can_read_are_refused(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"safetensors"):
        make_adapter(DEMO, "cpu", {VARIABLE: str(copied)}).load()


def test_code_beside_the_weights_is_not_run(copied: Path) -> None:
    witness = copied / "ran"
    (copied / "evil.py").write_text(f"open({str(witness)!r}, 'w')")
    for name in ("config.json", "processor_config.json"):
        content = json.loads((copied / name).read_text())
        content["auto_map"] = {"AutoModel": "evil.Evil", "AutoProcessor": "evil.Evil"}
        (copied / name).write_text(json.dumps(content))
    make_adapter(DEMO, "cpu", {VARIABLE: str(copied)}).load()
    assert not witness.exists()


def test_a_file_cut_short_is_named_once_with_the_remedy_for_it(copied: Path) -> None:
    shorten(copied)
    with pytest.raises(WeightsError) as raised:
        make_adapter(DEMO, "cpu", {VARIABLE: str(copied)}).load()
    told = str(raised.value)
    assert told.count(str(copied)) == 1
    assert "is cut short: it has " in told
    assert told.endswith(f"; fetch or copy it again, into the folder that {VARIABLE} names")


def test_a_component_that_is_missing_is_named(tmp_path: Path) -> None:
    variant, folder = find("flux.1-demo"), tmp_path / "painter"
    shutil.copytree(weights_folder(variant.id), folder)
    shutil.rmtree(folder / "vae")
    with pytest.raises(WeightsError, match="lacks the folder vae, a component of its pipeline; "):
        make_adapter(variant, "cpu", {override_variable(variant.id): str(folder)}).load()


def test_a_broken_single_file_has_its_own_remedy(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(b"<html>")
    weights = Weights("", file=str(file))
    own = replace(find("flux.1-demo"), id="flux.1-mine", base="flux.1-demo", weights=weights)
    with pytest.raises(WeightsError, match=r"mine\.safetensors is a web page.*; fetch or copy it"):
        make_adapter(own, "cpu", {}).load()
