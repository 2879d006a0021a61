"""The hosted adapter's promises by `workers.adapters.protocol`, against the vendor's contract."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from tests.servers.vendor import KEY, Plan, Vendor, running_vendor
from workers.adapters.hosted.adapter import HostedAdapter
from workers.adapters.hosted.settings import HostedSettings
from workers.adapters.protocol import Adapter, Output, Stopped, Work
from workers.adapters.registry import make_adapter
from workers.catalog import Variant, find, variants

HOSTED = [row for row in variants() if row.adapter == "hosted"]
PAINTER = find("flux.2-pro")


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as running:
        yield running


def loaded(vendor: Vendor, variant: Variant = PAINTER) -> Adapter:
    settings = HostedSettings(url=vendor.url, key=SecretStr(KEY))
    adapter = HostedAdapter(variant, "cpu", {}, settings)
    adapter.load()
    return adapter


@pytest.fixture
def adapter(vendor: Vendor) -> Adapter:
    return loaded(vendor)


def works(count: int, **changes: Any) -> list[Work]:
    prompts = ("a red circle", "a green star", "a blue square", "a white triangle")
    size = {"width": 64, "height": 64}
    return [
        Work(PAINTER.parameters(prompt=prompts[i % 4], seed=100 + i, **size, **changes))
        for i in range(count)
    ]


def never() -> bool:
    return False


def unreported(_step: int, _steps: int) -> None:
    pass


def pixels(output: Output) -> Any:
    [painted] = output.images
    return np.asarray(painted.image)


@pytest.mark.parametrize("variant", HOSTED, ids=lambda row: row.id)
def test_every_hosted_variant_is_painted_by_its_own_endpoint(
    vendor: Vendor, variant: Variant
) -> None:
    parameters = variant.parameters(prompt="a red circle", seed=7)
    [output] = loaded(vendor, variant).run([Work(parameters)], unreported, never)
    [task] = vendor.submitted
    [painted] = output.images
    assert task.endpoint == variant.options["endpoint"]
    assert (painted.seed, painted.image.mode) == (7, "RGB")
    assert painted.image.tobytes() == task.picture.tobytes()


def test_there_is_one_output_per_work_in_order(vendor: Vendor, adapter: Adapter) -> None:
    outputs = adapter.run(works(3), unreported, never)
    assert [output.images[0].seed for output in outputs] == [100, 101, 102]
    assert [task.body["prompt"] for task in vendor.submitted] == [
        *("a red circle", "a green star", "a blue square")
    ]


def test_the_same_seed_gives_the_same_picture_whatever_the_mates(adapter: Adapter) -> None:
    [alone] = adapter.run(works(1), unreported, never)
    mated, other = adapter.run(works(2), unreported, never)
    assert (pixels(alone) == pixels(mated)).all()
    assert (pixels(mated) != pixels(other)).any()


def test_pictures_have_the_size_asked_for(adapter: Adapter) -> None:
    parameters = PAINTER.parameters(prompt="a", width=96, height=64)
    [output] = adapter.run([Work(parameters)], unreported, never)
    assert output.images[0].image.size == (96, 64)


def test_a_seed_that_nobody_gave_is_drawn_sent_and_told(vendor: Vendor, adapter: Adapter) -> None:
    [output] = adapter.run([Work(PAINTER.parameters(prompt="a"))], unreported, never)
    assert output.images[0].seed == vendor.submitted[0].body["seed"]


def test_progress_rises_in_hundredths_to_the_end(vendor: Vendor, adapter: Adapter) -> None:
    vendor.plans["slow"] = Plan(seconds=1.5)
    seen: list[tuple[int, int]] = []
    adapter.run(
        [Work(PAINTER.parameters(prompt="slow", width=64, height=64))],
        lambda *at: seen.append(at),
        never,
    )
    steps = [step for step, _ in seen]
    assert len(steps) > 2
    assert steps == sorted(set(steps))
    assert (seen[0][0] > 0, seen[-1]) == (True, (100, 100))
    assert {of for _, of in seen} == {100}


def test_a_stop_before_the_start_sends_nothing(vendor: Vendor, adapter: Adapter) -> None:
    with pytest.raises(Stopped):
        adapter.run(works(1), unreported, lambda: True)
    assert vendor.submitted == []


def test_a_stop_ends_the_wait_and_the_next_job_is_right(vendor: Vendor, adapter: Adapter) -> None:
    vendor.plans["slow"] = Plan(seconds=60)
    slow = Work(PAINTER.parameters(prompt="slow", width=64, height=64))
    with pytest.raises(Stopped):
        adapter.run([slow], unreported, lambda: bool(vendor.submitted))
    [output] = adapter.run(works(1), unreported, never)
    assert output.images[0].seed == 100


def test_nothing_is_written_to_the_terminal(
    adapter: Adapter, capfd: pytest.CaptureFixture[str]
) -> None:
    adapter.run(works(1), unreported, never)
    assert capfd.readouterr() == ("", "")


def test_pictures_are_sent_in_the_order_given(vendor: Vendor, adapter: Adapter) -> None:
    references = [Image.new("RGB", (48 + 16 * n, 32), "red") for n in range(3)]
    parameters = PAINTER.parameters(prompt="a", images=["one", "two", "three"])
    [output] = adapter.run([Work(parameters, {"images": references})], unreported, never)
    sent = vendor.submitted[0].pictures
    assert {name: picture.size for name, picture in sent.items()} == {
        "input_image": (48, 32),
        "input_image_2": (64, 32),
        "input_image_3": (80, 32),
    }
    assert output.images[0].image.size == (48, 32), "the first one's size, which the vendor chose"


def test_a_picture_beside_the_prompt_goes_with_its_strength(vendor: Vendor) -> None:
    ultra = find("flux.1.1-pro-ultra")
    parameters = ultra.parameters(prompt="a", image="one", strength=0.4, raw=True)
    pictures = {"image": [Image.new("RGB", (32, 32))]}
    loaded(vendor, ultra).run([Work(parameters, pictures)], unreported, never)
    body = vendor.submitted[0].body
    assert vendor.submitted[0].pictures["image_prompt"].size == (32, 32)
    assert (body["image_prompt_strength"], body["raw"]) == (0.4, True)
    assert (body["aspect_ratio"], body["output_format"]) == ("16:9", "png")


def test_what_is_sent_bears_the_vendors_names_alone(vendor: Vendor) -> None:
    flex = find("flux.2-flex")
    parameters = flex.parameters(prompt="a", seed=2**64 - 1, steps=7, guidance=2.5)
    loaded(vendor, flex).run([Work(parameters)], unreported, never)
    assert vendor.submitted[0].body == {
        "prompt": "a",
        "seed": 2**64 - 1,
        "safety_tolerance": 2,
        "width": 1024,
        "height": 1024,
        "prompt_upsampling": True,
        "steps": 7,
        "guidance": 2.5,
        "output_format": "png",
    }


def test_the_registry_makes_it_and_it_reads_the_environment(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTEGA_RELAY_URL", f"{vendor.url}/")
    monkeypatch.setenv("BOTTEGA_RELAY_KEY", KEY)
    made = make_adapter(PAINTER, "cpu", {})
    made.load()
    [output] = made.run(works(1), unreported, never)
    assert json.loads(json.dumps(output.data)) is None
    assert vendor.keys_seen["submit"] == [KEY]
