"""The other addresses of the vendor's calls, and what none of them takes from the native API."""

import pytest

from api.app import GUARDED
from api.compat.bfl.app import REWRITES


def canonical(path: str, method: str) -> str | None:
    """The path that an address stands for."""
    for rewrite in REWRITES:
        if rewrite.methods and method not in rewrite.methods:
            continue
        if (found := rewrite.pattern.fullmatch(path)) is not None:
            return found.expand(rewrite.path)
    return None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/flux-dev", "/bfl/v1/flux-dev"),
        ("POST", "/v1/flux.2-klein-4b", "/bfl/v1/flux.2-klein-4b"),
        ("POST", "/v1/studio", "/bfl/v1/studio"),
        ("GET", "/v1/get_result", "/bfl/v1/get_result"),
        ("GET", "/v1/credits", "/bfl/v1/credits"),
        ("POST", "/v1/licenses/models/flux-dev/usage", "/bfl/v1/licenses/models/flux-dev/usage"),
        ("POST", "/proxy/bfl/flux-2-pro/generate", "/bfl/v1/flux-2-pro"),
        ("POST", "/bfl/proxy/bfl/flux-2-pro/generate", "/bfl/v1/flux-2-pro"),
        ("GET", "/v1/flux-dev", None),
        ("POST", "/v1/flux-dev/", None),
        ("POST", "/v1/flux dev", None),
    ],
)
def test_an_address_at_the_root_is_the_same_call(
    method: str, path: str, expected: str | None
) -> None:
    assert canonical(path, method) == expected


@pytest.mark.parametrize("segment", [*GUARDED, "models", "artifacts", "images", "chat"])
def test_calls_of_other_apis_are_left_alone(segment: str) -> None:
    for method in ("GET", "POST"):
        assert canonical(f"/v1/{segment}", method) is None
        assert canonical(f"/v1/{segment}/generations", method) is None
