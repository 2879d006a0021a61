"""Rows that the catalogue file changes and adds."""

import itertools
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import ValidationError

from db.values.pricing import Measure, PerMegapixel, PerUnit
from workers.catalog import STANDARD, Catalogue, DisabledVariantError, json_schema
from workers.catalog.florence2.calibration import TaskCalibration
from workers.catalog.flux.loras import RowLora
from workers.catalog.operator_file.local_files import missing_files
from workers.catalog.operator_file.reading import catalogue_of
from workers.catalog.serving import Compile, Offload, Precision, ServingRequest
from workers.catalog.variant import Variant, Weights

FILE = Path("/etc/bottega/models.toml")


def read(text: str) -> Catalogue:
    return catalogue_of(FILE, text)


@pytest.mark.parametrize(
    "alias", ["gpt-image-1", "stability-ai/sdxl", "fal-ai/flux-2/klein/4b/edit", "a/" * 4 + "Z_9.x"]
)
def test_a_name_of_another_service_may_be_an_alias(alias: str) -> None:
    known = read(f'[models."flux.1-dev"]\naliases = ["{alias}"]\n')
    assert known.find(alias).id == "flux.1-dev"


def test_an_empty_file_changes_nothing_and_has_a_digest() -> None:
    known = read("")
    assert known.variants() == STANDARD.variants()
    assert len(known.digest) == 16
    assert STANDARD.digest == ""


def test_a_changed_row_keeps_everything_else() -> None:
    row = read('[models."flux.1-schnell"]\nprice = { per_image = 0.004 }\n').find("flux.1-schnell")
    built_in = STANDARD.find("flux.1-schnell")
    differing = {
        each.name
        for each in fields(Variant)
        if getattr(row, each.name) != getattr(built_in, each.name)
    }
    assert differing == {"price"}
    assert row.price == PerUnit(4_000)
    assert row.base == ""


def test_a_fine_tune_with_everything() -> None:
    row = read(
        """
        [models."flux.1-studio"]
        base = "flux.1-dev"
        title = "FLUX.1 [dev], in our style"
        weights = { folder = "studio" }
        loras = [{ file = "/l/style.safetensors", scale = 0.8 }]
        defaults = { steps = 20, guidance = 3.0, side = 768 }
        limits = { max_pixels = 1048576, max_side = 1536, max_steps = 30, max_guidance = 5 }
        licence = { name = "Ours", commercial_use = true, content_filter_required = false }
        price = { per_megapixel = { first = 0.01, more = 0.005 } }
        deadline_seconds = 600
        longest_deadline_seconds = 7200
        max_batch = 1
        aliases = ["studio"]
        precision = "int8"
        offload = "text"
        compile = true
        idle_seconds = 900
        """
    ).find("studio")
    assert (row.id, row.base, row.title) == (
        "flux.1-studio",
        "flux.1-dev",
        "FLUX.1 [dev], in our style",
    )
    # A relative path is beside the file.
    assert row.weights == Weights("", folder="/etc/bottega/studio")
    assert row.options["loras"] == (RowLora(Weights("", folder="/l"), "style.safetensors", 0.8),)
    assert row.price == PerMegapixel(10_000, 5_000)
    assert row.serving == ServingRequest(Precision.INT8, Offload.TEXT, "auto", Compile.ON)
    assert (row.deadline_seconds, row.max_batch, row.idle_seconds) == (600, 1, 900)
    assert row.longest_deadline == 7200
    assert (row.licence.name, row.licence.url, row.licence.commercial_use) == ("Ours", "", True)
    properties = json_schema(row)["properties"]
    assert (properties["steps"]["default"], properties["steps"]["maximum"]) == (20, 30)
    assert (properties["guidance"]["default"], properties["guidance"]["maximum"]) == (3.0, 5.0)
    assert json_schema(row)["title"] == "Flux1StudioParameters"
    parsed = row.parameters.model_validate({"prompt": "x"})
    assert parsed.size == (768, 768)  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="1048576"):
        row.parameters.model_validate({"prompt": "x", "width": 1536, "height": 1536})


def test_jobs_of_a_fine_tune_never_share_a_batch_with_its_base() -> None:
    known = read('[models."flux.ours"]\nbase = "flux.1-demo"\n')
    parameters = known.find("flux.ours").parameters.model_validate({"prompt": "x"})
    keys = {known.find(name).batch_key(parameters) for name in ("flux.ours", "flux.1-demo")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ('{ repo = "a/b", revision = "c0ffee" }', Weights("a/b", "c0ffee")),
        ('{ repo = "a/b" }', Weights("a/b", "main")),
        ('{ repo = "a/b", file = "x.gguf" }', Weights("a/b", "main", file="x.gguf")),
        ('{ file = "/w/x.safetensors" }', Weights("", file="/w/x.safetensors")),
        ('{ file = "x.gguf" }', Weights("", file="/etc/bottega/x.gguf")),
    ],
)
def test_places_of_weights(text: str, weights: Weights) -> None:
    row = read(f'[models."flux.ours"]\nbase = "flux.1-dev"\nweights = {text}\n').find("flux.ours")
    assert row.weights == weights


def test_a_model_of_redux_needs_no_prompt_still() -> None:
    own = read('[models."flux.ours"]\nbase = "flux.1-redux-dev"\ndefaults.steps = 20\n').find(
        "flux.ours"
    )
    assert "prompt" not in json_schema(own).get("required", [])


def test_smaller_limits_hold_where_a_picture_gives_the_size() -> None:
    text = "defaults.side = 512\nlimits = { max_pixels = 262144, max_side = 1024 }\n"
    kontext = read(f'[models."flux.ours"]\nbase = "flux.1-kontext-dev"\n{text}').find("flux.ours")
    klein = read(f'[models."flux.ours"]\nbase = "flux.2-klein-4b"\n{text}').find("flux.ours")
    for row, name in itertools.product((kontext, klein), ("image", "mask")):
        given = {"prompt": "x", "image": "https://example.org/a.png"}
        sizes = {"image": [(2000, 1000)]}
        if name == "mask":
            given["mask"] = "https://example.org/b.png"
            sizes["mask"] = [(2000, 1000)]
        sized = row.resolve_sizes(row.parameters.model_validate(given), sizes)
        assert sized.pixels <= 262_144  # type: ignore[attr-defined]


def test_a_florence_2_fine_tune() -> None:
    row = read(
        '[models.florence-ours]\nbase = "florence-2-large-ft"\nweights.repo = "a/b"\n'
        "defaults.num_beams = 1\nlimits.max_new_tokens = 500\nprice.per_analysis = 0.002\n"
        'precision = "fp16"\n'
    ).find("florence-ours")
    properties = json_schema(row)["properties"]
    assert properties["num_beams"]["default"] == 1
    assert (properties["max_new_tokens"]["default"], properties["max_new_tokens"]["maximum"]) == (
        500,
        500,
    )
    assert row.price == PerUnit(2_000)
    assert row.tasks == STANDARD.find("florence-2-large-ft").tasks


@pytest.mark.parametrize("name", ["florence-2-base", "florence-2-demo", "florence-ours"])
def test_a_calibration_is_the_rows_own(name: str) -> None:
    base = 'base = "florence-2-large"\n' if name == "florence-ours" else ""
    row = read(
        f"[models.{name}]\n{base}[models.{name}.calibration]\n"
        "object_detection = { bias = 0.25, label = 1, place = -1.5 }\n"
        "region_to_ocr = { bias = -1, label = 2.5 }\n"
    ).find(name)
    assert row.options["calibration"] == {
        "<OD>": TaskCalibration(bias=0.25, label=1.0, place=-1.5),
        "<REGION_TO_OCR>": TaskCalibration(bias=-1.0, label=2.5),
    }
    assert row.options["picture_cache"] == STANDARD.find("florence-2-base").options["picture_cache"]
    assert "calibration" not in read(f"[models.{name}]\n{base}").find(name).options


def test_a_hosted_row_of_another_price_and_vendors_price() -> None:
    row = read(
        '[models."flux.2-pro"]\nprice.per_megapixel = 0.05\ncalls_at_once = 6\n'
        "vendor_price.per_megapixel = { first = 0.02, more = 0.01 }\n"
    ).find("flux.2-pro")
    measure = Measure(units=1, output_pixels=2 * 1024 * 1024)
    assert row.price.amount_micros(measure) == 100_000
    assert row.vendor_micros(measure) == 30_000
    usual = STANDARD.find("flux.2-pro")
    parameters = row.parameters.model_validate({"prompt": "x"})
    for inputs in ((), (1024 * 1024,)):
        cost = usual.cost_seconds(parameters, inputs)
        assert row.cost_seconds(parameters, inputs) == pytest.approx(4 * cost)


def test_a_disabled_row_is_refused_to_clients_and_stays_for_workers() -> None:
    known = read('[models."flux.1-dev"]\nenabled = false\naliases = ["dev"]\n')
    assert known.find("flux.1-dev").enabled is False
    offered = known.offered()
    assert not offered.has("flux.1-dev")
    with pytest.raises(DisabledVariantError, match=r"^The model flux.1-dev is disabled") as caught:
        offered.restricted_to(["flux.1-schnell"]).find("dev")
    assert caught.value.id == "flux.1-dev"
    assert offered.digest == known.digest


def test_names_lead_to_ids() -> None:
    known = read('[models."flux.1-schnell"]\naliases = ["schnell", "fast"]\n')
    assert known.id_of("fast") == known.find("schnell").id == "flux.1-schnell"
    assert known.id_of("flux.1-gone") == "flux.1-gone"
    assert [row.id for row in known.restricted_to(["fast"]).variants()] == ["flux.1-schnell"]


def test_the_digest_follows_what_the_file_says() -> None:
    one = read('[models."flux.1-dev"]\nmax_batch = 1\nenabled = true\n')
    same = read('# ours\nmodels."flux.1-dev" = { enabled = true, max_batch = 1 }\n')
    other = read('[models."flux.1-dev"]\nmax_batch = 2\nenabled = true\n')
    assert one.digest == same.digest != other.digest


def test_amounts_never_pass_through_a_binary_fraction() -> None:
    # 0.000035 x 10^6 is 34.99… in doubles.
    row = read('[models."flux.1-dev"]\nprice.per_image = 0.000035\n').find("flux.1-dev")
    assert row.price == PerUnit(35)


def test_missing_local_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "here.safetensors").touch()
    known = catalogue_of(
        tmp_path / "models.toml",
        '[models."flux.ours"]\nbase = "flux.1-dev"\nweights.folder = "gone"\n'
        'loras = [{ file = "here.safetensors" }, { file = "away.safetensors" }]\n',
    )
    missing = missing_files(known.find("flux.ours"))
    assert missing == [tmp_path / "gone", tmp_path / "away.safetensors"]
