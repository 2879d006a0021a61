"""Strange answers in the hub's place: the fault is one sentence, and nothing is fetched."""

import json
import time
from typing import Any

import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hub_server import HubRepository, HubServer
from workers.adapters.hub import client, fetch, listing
from workers.adapters.hub.cache import CachedRepository
from workers.adapters.hub.errors import HubError, StrangeAnswerError, TokenRefusedError
from workers.adapters.hub.listing import HubFile, parse_listing
from workers.adapters.hub.selection import Checkpoint, Layout

COMMIT = "c" * 40
REPO = "owner/painter"
PAINTER = Checkpoint(REPO, COMMIT, Layout.PIPELINE)
PAGE = b"<!doctype html><title>Sign in</title>"
SENTENCE = r"did not answer for owner/painter as a hub does: a proxy or a sign-in page.*HF_ENDPOINT"

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(COMMIT),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_sizes = _values | st.integers(-1, 2**70)
_siblings = st.fixed_dictionaries(
    {"rfilename": _values | st.sampled_from(["a", "../a", "/a", "", "a\0", "."])},
    optional={
        "size": _sizes,
        "blobId": _values | st.just("a" * 40),
        "lfs": _values | st.fixed_dictionaries({"size": _sizes, "sha256": st.just("a" * 64)}),
    },
)
_descriptions = st.fixed_dictionaries(
    {"sha": st.just(COMMIT) | _values},
    optional={"siblings": st.lists(_siblings | _values) | _values, "gated": _values},
)


@given(st.binary() | _values.map(lambda each: json.dumps(each).encode()))
def test_any_bytes_are_a_fault_of_the_hub(content: bytes) -> None:
    with pytest.raises(HubError):
        parse_listing(REPO, COMMIT, content)


@given(_descriptions)
def test_any_description_is_read_or_a_fault_of_the_hub(description: dict[str, Any]) -> None:
    try:
        found = parse_listing(REPO, "main", json.dumps(description).encode())
    except HubError:
        return
    assert listing.is_commit(found.commit)
    for file in filter(None, found.files.values()):
        assert 0 <= file.size <= listing.MAX_FILE_BYTES
        assert CachedRepository(REPO).pointer(found.commit, file.name)


def test_lists_in_thousands_of_lists_are_a_fault_of_the_hub() -> None:
    with pytest.raises(StrangeAnswerError):
        parse_listing(REPO, COMMIT, b"[" * 100_000)


@pytest.mark.parametrize("content", [PAGE, b"[]", b"", b"null", b"\xff\xfe", b'{"sha": 1}', b"{}"])
def test_a_page_in_the_hubs_place(hub: HubServer, content: bytes) -> None:
    hub.instead = content
    with pytest.raises(StrangeAnswerError, match=SENTENCE):
        fetch.fetch(PAINTER)
    assert "sign-in page" in fetch.look(PAINTER, ask_hub=True).problem
    assert not CachedRepository(REPO).folder.exists()


def test_a_page_is_told_by_the_look_at_one_file(hub: HubServer) -> None:
    hub.instead = PAGE
    with pytest.raises(StrangeAnswerError, match=SENTENCE):
        fetch.check_access(PAINTER)


@pytest.mark.parametrize("content", [b"[1]", PAGE, b"x" * 10_000_000])
def test_the_body_of_a_refusal_counts_for_nothing(hub: HubServer, content: bytes) -> None:
    hub.statuses, hub.instead = [404], content
    with pytest.raises(HubError, match=r"shows no repository owner/painter \(404\)"):
        fetch.fetch(PAINTER)


def test_a_list_without_end_is_not_read(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_LISTING_BYTES", 1000)
    hub.instead = b" " * 2000
    with pytest.raises(StrangeAnswerError):
        fetch.fetch(PAINTER)


def test_another_commit_than_was_asked_for_is_not_fetched() -> None:
    content = json.dumps({"sha": "d" * 40, "siblings": []}).encode()
    with pytest.raises(HubError, match=f"asked for {REPO} at {COMMIT}, the hub describes dddd"):
        parse_listing(REPO, COMMIT, content)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher:a", "http://["]
)
def test_redirects_to_other_schemes_are_refused_at_once(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(client, "FIRST_RETRY_SECONDS", 60.0)
    hub.redirect = target
    with pytest.raises(HubError, match="HF_ENDPOINT"):
        fetch.fetch(PAINTER)
    assert len(hub.requests) == 1


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    "endpoint", ["banana", "", "file:///etc", "http://", "http://a:b", "https://a b"]
)
def test_an_endpoint_that_is_no_url_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(client, "FIRST_RETRY_SECONDS", 60.0)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    began = time.monotonic()
    for ask in (fetch.fetch, fetch.check_access):
        with pytest.raises(HubError, match=r"HF_ENDPOINT is .*must be a URL"):
            ask(PAINTER)
    assert time.monotonic() - began < client.FIRST_RETRY_SECONDS


@pytest.mark.usefixtures("hub")
def test_a_token_of_other_letters_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_schlüssel")
    with pytest.raises(TokenRefusedError, match="characters that no token has"):
        fetch.fetch(PAINTER)


def test_an_index_that_is_none_is_told(hub: HubServer) -> None:
    hub.repositories[REPO] = HubRepository({"model_index.json": b"[1]", "vae/config.json": b"{}"})
    with pytest.raises(HubError, match=r"model_index\.json of owner/painter cannot be read"):
        fetch.fetch(PAINTER)
    assert not fetch.look(PAINTER, ask_hub=False).complete


@pytest.mark.usefixtures("hub")
def test_a_broken_note_of_a_commit_counts_for_nothing() -> None:
    cached = CachedRepository(REPO)
    cached.keep_commit("main", COMMIT)
    for content in (b"../../outside", b"\xff", b""):
        (cached.folder / "refs/main").write_bytes(content)
        assert cached.commit_of("main") is None


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("size", [-1, True, "1", 2**60])
def test_a_kept_list_with_impossible_sizes_counts_for_nothing(size: object) -> None:
    cached = CachedRepository(REPO)
    cached.keep_listing(listing.Listing(COMMIT, {"a": HubFile("a", 1, "a" * 40)}))
    path = cached.folder / "trees" / f"{COMMIT}.json"
    kept = json.loads(path.read_text())
    kept["files"]["a"]["size"] = size
    path.write_text(json.dumps(kept))
    assert cached.read_listing(COMMIT) is None
