"""The choice of how a model is served: by memory, by request, and by what a machine can do."""

from dataclasses import replace

import pytest

from workers.adapters.serving.checkpoint_sizes import components_of
from workers.adapters.serving.choose import (
    Abilities,
    Budget,
    DoesNotFitError,
    RequestError,
    candidates_for,
    choose,
)
from workers.adapters.serving.device_budget import of_card
from workers.adapters.serving.memory_plan import is_mixed, plan_variant
from workers.adapters.serving.plan import UNPLANNED, ServingPlan
from workers.catalog import find, variants
from workers.catalog.serving import OPEN_REQUEST, Compile, Offload, Precision, ServingRequest

GIGABYTE = 10**9
FLUX1 = ("flux.1-schnell", "flux.1-dev", "flux.1-kontext-dev", "flux.1-fill-dev")
KLEIN_4B, KLEIN_9B, DEV2 = "flux.2-klein-4b", "flux.2-klein-9b", "flux.2-dev"

# What people with such a card should have. Differences, and why they are right:
# - 12 GB, FLUX.1 in nf4: 9.9 GB and not 8.5, as AdaLN's 3.2 billion weights stay in 8 bits.
# - 12 GB, [klein] 9B: nf4; fp8 takes 12.4 GB with a reference picture, of 11.4 that are left.
# - 24 GB, FLUX.1 in fp8: its text encoders fit beside it, so none waits.
# - 48 GB: FLUX.1 and [klein] 9B whole in 16 bits, so that fp8 is not needed.
# - 8 GB is not in the survey: FLUX.1 block by block, slowly, and [klein] in fp8 and nf4.
SHOULD = {
    8: {
        FLUX1: "fp8 blocks",
        (KLEIN_4B,): "fp8 text",
        (KLEIN_9B,): "nf4 text",
        (DEV2,): "fp8 blocks",
    },
    12: {FLUX1: "nf4 text", (KLEIN_4B,): "bf16 text", (KLEIN_9B,): "nf4 text"},
    16: {FLUX1: "fp8 text", (KLEIN_4B,): "bf16 text", (KLEIN_9B,): "fp8 text"},
    24: {
        FLUX1: "fp8 none",
        (KLEIN_4B,): "bf16 none",
        (KLEIN_9B,): "bf16 text",
        (DEV2,): "nf4 text",
    },
    32: {FLUX1: "bf16 text", (KLEIN_4B,): "bf16 none", (KLEIN_9B,): "bf16 text"},
    48: {FLUX1: "bf16 none", (KLEIN_4B, KLEIN_9B): "bf16 none", (DEV2,): "fp8 text"},
    80: {FLUX1: "bf16 none", (KLEIN_4B, KLEIN_9B): "bf16 none", (DEV2,): "bf16 text"},
    141: {(*FLUX1, KLEIN_4B, KLEIN_9B, DEV2): "bf16 none"},
}
TABLE = [
    (gigabytes, name, way)
    for gigabytes, ways in SHOULD.items()
    for names, way in ways.items()
    for name in names
]

# Gigabytes that a survey of published figures gives for a megapixel: whole, with the text encoders
# offloaded, in fp8 and in nf4 with them offloaded.
SURVEY = {
    "flux.1-dev": (35.3, 25.6, 14.0, None),
    KLEIN_4B: (17.6, 9.5, None, None),
    KLEIN_9B: (36.3, 20.0, 11.0, None),
    DEV2: (115.0, 67.0, 35.0, 21.0),
}


def plan_on(gigabytes: float, name: str, **asked: object) -> ServingPlan:
    """The plan of a model on a card of so many gigabytes."""
    return plan_variant(find(name), of_card(int(gigabytes * GIGABYTE)), ServingRequest(**asked))  # type: ignore[arg-type]


def way_of(plan: ServingPlan) -> str:
    return f"{plan.mode.precision.value} {plan.mode.offload.value}"


@pytest.mark.parametrize(("gigabytes", "name", "way"), TABLE)
def test_each_card_serves_a_model_as_it_should(gigabytes: int, name: str, way: str) -> None:
    plan = plan_on(gigabytes, name)
    assert way_of(plan) == way
    assert plan.peak_bytes <= gigabytes * GIGABYTE
    assert plan.slowdown >= 1


def test_every_open_model_fits_every_card_from_8_gigabytes() -> None:
    for variant in variants():
        if variant.weights is not None:
            plan_on(8, variant.id)


@pytest.mark.parametrize("name", [row.id for row in variants() if row.id.startswith("florence")])
def test_florence_is_served_whole_in_16_bits(name: str) -> None:
    assert way_of(plan_on(8, name)) == "fp16 none"
    row = replace(find(name), serving=ServingRequest(Precision.NF4))
    with pytest.raises(RequestError, match="not for Florence-2"):
        plan_variant(row, of_card(8 * GIGABYTE))
    asked = ServingRequest(Precision.NF4, Offload.TEXT)
    card, own = of_card(8 * GIGABYTE), find(name)
    # A worker that serves it beside a FLUX says what the FLUX needs, and its plan tells so.
    plan = plan_variant(own, card, asked, mixed=is_mixed([own, find("flux.1-demo")]))
    assert way_of(plan) == "fp16 none"
    assert plan.reason.endswith("; precision nf4 and offload text is not for Florence-2")
    with pytest.raises(RequestError, match="precision nf4 and offload text is not for Florence-2"):
        plan_variant(own, card, asked, mixed=is_mixed([own, find("flux.2-pro")]))


@pytest.mark.parametrize(
    "asked", [ServingRequest(attention="_native_cudnn"), ServingRequest(compile=Compile.ON)]
)
def test_florence_alone_refuses_what_it_would_ignore(asked: ServingRequest) -> None:
    with pytest.raises(RequestError, match="is not for Florence-2"):
        plan_variant(find("florence-2-demo"), of_card(8 * GIGABYTE), asked)
    auto = ServingRequest(compile=Compile.OFF)
    assert plan_variant(find("florence-2-demo"), of_card(8 * GIGABYTE), auto).mode.compile is False


@pytest.mark.parametrize(("name", "figures"), SURVEY.items())
def test_figures_are_those_of_the_survey(name: str, figures: tuple[float | None, ...]) -> None:
    found = {
        (each.precision, each.offload): each.peak_bytes / GIGABYTE
        for each in candidates_for(find(name), components_of(find(name), {}))
    }
    ways = [
        (Precision.BF16, Offload.NONE),
        (Precision.BF16, Offload.TEXT),
        (Precision.FP8, Offload.TEXT),
        (Precision.NF4, Offload.TEXT),
    ]
    for way, figure in zip(ways, figures, strict=True):
        if figure is not None:
            # Above them: with a reference picture, cached prompts and what fragmentation takes.
            assert figure * 0.99 <= found[way] <= figure * 1.14, (way, found[way])


def test_more_memory_never_makes_it_worse() -> None:
    order = ["bf16 none", "bf16 text", "fp8 none", "fp8 text", "nf4 none", "nf4 text"]
    order += ["fp8 blocks", "nf4 blocks"]
    for name in (*FLUX1, KLEIN_4B, KLEIN_9B, DEV2):
        ranks = [order.index(way_of(plan_on(gigabytes, name))) for gigabytes in range(9, 142)]
        assert ranks == sorted(ranks, reverse=True), name


def test_what_is_asked_for_is_kept() -> None:
    plan = plan_on(80, "flux.1-dev", precision=Precision.NF4, offload=Offload.BLOCKS)
    assert way_of(plan) == "nf4 blocks"
    assert way_of(plan_on(24, "flux.1-dev", precision=Precision.INT8)) == "int8 none"
    assert way_of(plan_on(24, "flux.1-dev", offload=Offload.TEXT)) == "fp8 text"
    plan = plan_on(24, "flux.1-dev", attention="_flash_3", compile=Compile.ON)
    assert (plan.mode.attention, plan.mode.compile) == ("_flash_3", True)


def test_a_rows_request_yields_to_the_workers() -> None:
    row = replace(find("flux.1-dev"), serving=ServingRequest(Precision.INT8, Offload.TEXT))
    card = of_card(80 * GIGABYTE)
    assert way_of(plan_variant(row, card)) == "int8 text"
    assert way_of(plan_variant(row, card, ServingRequest(Precision.FP8))) == "fp8 text"


@pytest.mark.parametrize(
    ("gigabytes", "asked", "words"),
    [
        (1, {}, ["takes 2.6 GB of device memory as nf4", "400 MB are free", "catalog plan"]),
        (12, {"precision": Precision.BF16, "offload": Offload.NONE}, ["35.7 GB", "fits as nf4"]),
        (12, {"precision": Precision.FP8, "offload": Offload.TEXT}, ["14.1 GB", "11.4 GB"]),
        (80, {"precision": Precision.STORED}, ["in 16 bits", "choose bf16"]),
    ],
)
def test_what_does_not_fit_is_a_sentence(
    gigabytes: float, asked: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(DoesNotFitError) as caught:
        plan_on(gigabytes, "flux.1-dev", **asked)
    text = str(caught.value)
    assert text.startswith("flux.1-dev")
    assert "\n" not in text
    assert [word for word in words if word not in text] == []


def test_a_smaller_model_is_named_where_none_of_the_ways_fits() -> None:
    with pytest.raises(DoesNotFitError, match=r"flux.2-dev takes .*; flux.1-\S+ fits, for one"):
        plan_on(5, DEV2)


def test_host_memory_counts_for_what_waits_there() -> None:
    variant = find(DEV2)
    components = components_of(variant, {})
    poor = Budget(80 * GIGABYTE, host_bytes=30 * GIGABYTE)
    plan = choose(variant, components, poor, OPEN_REQUEST)
    assert way_of(plan) == "fp8 none"  # not bf16 text: 48 GB would wait
    asked = ServingRequest(Precision.BF16, Offload.TEXT)
    with pytest.raises(DoesNotFitError, match=r"takes 48.0 GB of the host's memory, and 30.0 GB"):
        choose(variant, components, poor, asked)


def test_an_older_card_computes_in_its_own_formats() -> None:
    variant = find("flux.1-dev")
    turing = Abilities(bfloat16=False, float8=False)
    components = components_of(variant, {})
    ampere = choose(
        variant, components, Budget(24 * GIGABYTE), OPEN_REQUEST, Abilities(float8=False)
    )
    assert way_of(ampere) == "int8 none"
    assert way_of(choose(variant, components, Budget(80 * GIGABYTE), OPEN_REQUEST, turing)) == (
        "fp16 none"
    )


def test_a_way_whose_library_is_missing_is_not_taken_and_named_where_it_alone_fits() -> None:
    variant = find("flux.1-dev")
    components = components_of(variant, {})
    bare = Abilities(precisions=frozenset({Precision.FP8, Precision.INT8}))
    plan = choose(variant, components, Budget(11 * GIGABYTE), OPEN_REQUEST, bare)
    assert way_of(plan) == "fp8 blocks"
    better = "; better with pip install 'bottega[quantization]': nf4, text encoders in the host's"
    assert better in plan.reason
    with pytest.raises(DoesNotFitError, match=r"a library is missing: pip install 'bottega\["):
        choose(variant, components, Budget(11 * GIGABYTE), ServingRequest(Precision.NF4), bare)


def test_on_a_cpu_nothing_waits_beside_itself() -> None:
    variant = find("flux.1-dev")
    components = components_of(variant, {})
    cpu = Abilities(is_cpu=True, float8=False, number_bytes=lambda _variant: 4)
    asked = OPEN_REQUEST
    assert way_of(choose(variant, components, Budget(90 * GIGABYTE), asked, cpu)) == "bf16 none"
    assert "float32" in choose(variant, components, Budget(90 * GIGABYTE), asked, cpu).reason
    assert way_of(choose(variant, components, Budget(40 * GIGABYTE), asked, cpu)) == "int8 none"
    with pytest.raises(DoesNotFitError, match=r"GB of memory as nf4, all of it on the device"):
        choose(variant, components, Budget(8 * GIGABYTE), asked, cpu)


def test_the_reason_tells_what_larger_pictures_need() -> None:
    assert "megapixels" not in plan_on(141, DEV2).reason
    assert "pictures above 3.0 megapixels may not fit" in plan_on(24, DEV2).reason


def test_a_hosted_model_takes_nothing() -> None:
    assert plan_variant(find("flux.2-pro"), of_card(0)) == UNPLANNED
