"""Data URIs in every spelling that browsers take."""

import base64
import textwrap
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.compat.shared.pictures import as_native
from api.core.json_meter import JsonLimits, JsonMeter, data_uri_chars
from api.jobs.data_uris import decode, is_data_uri
from db.values.pictures import PictureError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2 + b"?>"
TEXT = base64.b64encode(PNG).decode()
URL_SAFE = base64.urlsafe_b64encode(PNG).decode()


@pytest.mark.parametrize(
    "uri",
    [
        f"data:image/png;base64,{TEXT}",
        f"DATA:IMAGE/PNG;BASE64,{TEXT}",
        f"data:image/png;charset=utf-8;base64,{TEXT}",
        f"data:image/png;name=a.png;charset=x;base64,{TEXT}",
        f'data:image/png;name="a b.png"; base64,{TEXT}',
        f"data:;base64,{TEXT}",
        f"data:application/octet-stream;base64,{TEXT}",
        f"data:text/plain;base64,{TEXT}",
        f"data: image/png ;base64 ,{TEXT}",
        f"data:image/png;base64, {TEXT}\n",
        f"data:image/png;base64,{TEXT}#part",
        "data:image/png;base64," + "\n".join(textwrap.wrap(TEXT, 76)),
        "data:image/png;base64," + "\r\n\t".join(textwrap.wrap(TEXT, 64)),
        "data:image/png;base64," + TEXT.rstrip("="),
        "data:image/png;base64," + urllib.parse.quote(TEXT, safe=""),
        "data:image/png;base64," + "%0A".join(textwrap.wrap(TEXT, 76)),
        f"data:image/png;base64,{URL_SAFE}",
        "data:image/png;base64," + URL_SAFE.rstrip("="),
        "data:image/png," + urllib.parse.quote_from_bytes(PNG, safe=""),
        "data:," + urllib.parse.quote_from_bytes(PNG).lower().replace("%2f", "/"),
    ],
)
def test_every_spelling_has_the_same_bytes(uri: str) -> None:
    assert is_data_uri(uri)
    if uri.startswith("data:,"):
        assert decode(uri).lower() == PNG.lower()
    else:
        assert decode(uri) == PNG


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("data:image/png;base64", "no comma"),
        (f"data:image/png;base64 {TEXT}", "no comma"),
        ("data:image/png;base64,", "holds no data"),
        ("data:image/png;base64, \n==", "holds no data"),
        ("data:,", "holds no data"),
        (f"data:image/png,{TEXT}", "lacks ;base64"),
        (f"data:image/png;base64,{TEXT.rstrip('=')[:-3]}", "missing"),
        (f"data:image/png;base64,{TEXT[:8]}*{TEXT[8:]}", "character 9"),
        (f"data:image/png;base64,{TEXT[:4]}=={TEXT[4:]}", "character 5"),
        (f"data:image/png;base64,é{TEXT}", "character 1"),
        ("data:image/png," + "%41" * 2_000_001, "too many"),
    ],
)
def test_what_holds_no_whole_data_is_refused_with_the_reason(uri: str, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        decode(uri)


@given(st.binary(min_size=1, max_size=200), st.integers(1, 80), st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_bytes_come_back(data: bytes, width: int, safe: bool, quoted: bool) -> None:  # noqa: FBT001
    text = (base64.urlsafe_b64encode if safe else base64.b64encode)(data).decode()
    lines = "\n".join(textwrap.wrap(text, width))
    shown = urllib.parse.quote(lines, safe="") if quoted else lines
    assert decode(f"data:image/png;base64,{shown}") == data


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_escapes_are_not_cut_between_pieces(data: bytes) -> None:
    padding = "A" * (65_536 - 150)
    uri = f"data:image/png,{padding}" + "".join(f"%{byte:02x}" for byte in data)
    assert decode(uri) == padding.encode() + data


@pytest.mark.parametrize(
    "data",
    [
        PNG,
        b"\xff\xd8\xff\xe0" + PNG,
        b"RIFF\x00\x00\x00\x00WEBP",
        b"GIF89a" + PNG,
        b"II*\x00\x08\x00\x00\x00",
        b"\x00\x00\x00\x20ftypavif",
    ],
)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_bare_base64_of_a_picture_is_one(data: bytes, encode: object) -> None:
    text = encode(data).decode()  # type: ignore[operator]
    native = as_native(f"\n{text} ")
    assert is_data_uri(native)
    assert decode(native) == data


@pytest.mark.parametrize("start", ["", "data:image/jpeg;base64,", " \\n Data:;base64,", "  \\t"])
@pytest.mark.parametrize("slash", ["/", r"\/", "_"])
def test_a_picture_is_no_other_json_however_it_is_written(start: str, slash: str) -> None:
    limits = JsonLimits(max_bytes=1_000, max_picture_chars=data_uri_chars(10_000))
    data = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 30
    lines = r"\n".join(textwrap.wrap(base64.b64encode(data).decode(), 76)).replace("/", slash)
    for piece in (1, 1_000, 200_000):
        meter = JsonMeter(limits)
        body = f'{{"image": "{start}{lines}"}}'.encode()
        for at in range(0, len(body), piece):
            meter.feed(body[at : at + piece])
