"""Any file: a catalogue, or a `CatalogueFileError`, and never another error."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.catalog import json_schema
from workers.catalog.operator_file import CatalogueFileError
from workers.catalog.operator_file.reading import catalogue_of
from workers.catalog.operator_file.schema import TABLES, ModelTable

_SCALARS = st.one_of(
    st.booleans().map(lambda value: str(value).lower()),
    st.integers(-5, 5).map(str),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["2026-01-01", "07:32:00", "0x_f", "[]", "{}", "''", '"a.gguf"', '"nf4"']),
    st.sampled_from(["flux.1-dev", "florence-2-base", "flux.2-pro", "a/b", "x"]).map('"{}"'.format),
    st.sampled_from(['"\\u0000"', '"~nobody/x.safetensors"', '"\\n"', '"' + "x" * 600 + '"']),
)
_KEYS = st.sampled_from(
    sorted(
        {*ModelTable.model_fields, *(key for each in TABLES.values() for key in each.model_fields)}
    )
)


def _tables(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    entries = st.dictionaries(_KEYS, values, max_size=4)
    return entries.map(
        lambda table: "{ " + ", ".join(f"{key} = {value}" for key, value in table.items()) + " }"
    )


_VALUES = st.recursive(
    _SCALARS,
    lambda inner: _tables(inner) | st.lists(inner, max_size=3).map(lambda v: f"[{', '.join(v)}]"),
    max_leaves=8,
)
_MODELS = st.dictionaries(
    st.sampled_from(["flux.1-dev", "flux.2-pro", "florence-2-base", "ours", "o w n", "flux-1-dev"]),
    st.dictionaries(_KEYS, _VALUES, max_size=5),
    max_size=3,
)


def _as_toml(models: dict[str, dict[str, str]]) -> str:
    return "\n".join(
        f'[models."{name}"]\n' + "".join(f"{key} = {value}\n" for key, value in table.items())
        for name, table in models.items()
    )


def _read(text: str) -> Any:
    try:
        return catalogue_of(Path("/etc/models.toml"), text)
    except CatalogueFileError as error:
        assert str(error)  # noqa: PT017 - that it can be told is the claim
        return None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    _read(text)


@settings(deadline=None)
@given(_MODELS)
def test_any_tables(models: dict[str, dict[str, str]]) -> None:
    known = _read(_as_toml(models))
    for row in known.variants() if known else ():
        assert json_schema(row)["properties"]
