"""A foreign request as it is kept with its job."""

import json

from api.compat.shared.echo import shortened


def kept_bytes(value: object) -> int:
    """The bytes of what is kept, as JSON."""
    return len(json.dumps(shortened(value), ensure_ascii=False).encode())


def test_what_a_prompt_of_the_usual_kind_has_is_kept() -> None:
    body = {"prompt": "\N{WHITE SMILING FACE}" * 5_000, "seed": 2**64 - 1, "lora_scale": 0.5}
    assert shortened(body) == body


def test_pictures_are_cut_and_what_is_not_storable_is_replaced() -> None:
    body = {"image": "data:image/png;base64," + "A" * 900, "a\x00": "\ud800"}
    kept = shortened(body)
    assert (len(kept["image"]), kept["image"][-1]) == (65, "…")
    assert kept["a\N{REPLACEMENT CHARACTER}"] == "\N{REPLACEMENT CHARACTER}"


def test_names_and_numbers_count_as_texts_do() -> None:
    """A row must not hold a megabyte because its client says so in other words."""
    for body in (
        {f"{n}" + "\N{WHITE SMILING FACE}" * 99: 1 for n in range(500)},
        {f"{n}": 10**4_200 for n in range(500)},
        {f"{n}": [-(10**4_200)] for n in range(250)},
        {f"{n}": "\N{WHITE SMILING FACE}" * 9_000 for n in range(500)},
        {f"{n}": 1e308 / 3 for n in range(500)},
    ):
        assert kept_bytes(body) < 45_000


def test_a_number_is_cut_where_no_parameter_is_as_large() -> None:
    assert shortened({"seed": 10**4_200})["seed"] == "1" + "0" * 39 + "…"
    assert shortened([True, -5, float("inf")]) == [True, -5, "inf"]
