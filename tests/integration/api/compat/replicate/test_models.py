"""Models, versions, deployments, collections and the account, as Replicate's clients read them."""

import re

from api.compat.replicate.version_ids import version_id
from tests.integration.api.compat.replicate.conftest import Client

OWN = "models/bottega/flux.1-demo"


def test_each_model_is_listed_once_and_found_by_words(client: Client) -> None:
    listed = client.get("models")
    names = [f"{model['owner']}/{model['name']}" for model in listed["results"]]
    assert len(set(names)) == len(names)
    assert {"black-forest-labs/flux-dev", "bottega/flux.1-demo"} <= set(names)
    assert listed["next"] is listed["previous"] is None
    for model in listed["results"][:3]:
        assert client.get(model["url"]) == model
        assert model["visibility"] == "public"

    _check_search(client)


def _check_search(client: Client) -> None:
    plain = {"Content-Type": "text/plain"}
    for words in ("FLUX demo", '"FLUX demo"'):
        answer = client.call("QUERY", "models", content=words, headers=plain)
        names = [model["name"] for model in answer.json()["results"]]
        assert "flux.1-demo" in names
        assert not [name for name in names if "florence" in name]
    long = client.call("QUERY", "models", content="x" * 3_000, headers=plain)
    assert (long.status_code, long.json()["status"]) == (413, 413)


def test_versions_deployments_and_collections(client: Client) -> None:
    [version] = client.get(f"{OWN}/versions")["results"]
    assert version["id"] == version_id("flux.1-demo")
    assert client.get(f"{OWN}/versions/{version['id']}") == version
    schemas = version["openapi_schema"]["components"]["schemas"]
    assert schemas["Input"]["required"] == ["prompt"]
    assert schemas["Output"]["type"] == "array"
    wrong = client.call("GET", f"{OWN}/versions/{'0' * 64}")
    assert (wrong.status_code, wrong.json()["title"]) == (404, "Invalid version or not permitted")
    assert client.get(f"{OWN}/examples")["results"] == []
    listed = client.get("deployments")["results"]
    own = client.get("deployments/bottega/flux.1-demo")
    assert own in listed
    assert own["current_release"]["version"] == version_id("flux.1-demo")
    slugs = [each["slug"] for each in client.get("collections")["results"]]
    models = [model for slug in slugs for model in client.get(f"collections/{slug}")["models"]]
    assert len(models) == len(client.get("models")["results"])
    assert client.call("GET", "collections/none").status_code == 404
    answer = client.call("GET", "hardware")
    assert [each.keys() for each in answer.json()] == [{"name", "sku"}]


def test_account_and_secret(client: Client) -> None:
    account = client.get("account")
    assert (account["type"], account["username"]) == ("organization", client.tenant_id)
    key = client.get("webhooks/default/secret")["key"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+=*", key)
    native = client.http.get("/v1/webhooks/secret", headers={"x-key": client.key}).json()
    assert native["secret"] == key
    # Bases with a `/v1` too many or too few are forgiven.
    for path in ("/replicate/v1/v1/account", "/replicate/account"):
        answer = client.http.get(path, headers={"Authorization": f"Token {client.key}"})
        assert answer.json()["username"] == client.tenant_id


def test_what_is_not_offered(client: Client) -> None:
    for method, path, status in REFUSED:
        answer = client.call(method, path, json={} if method in {"POST", "PATCH"} else None)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    for path in ("models", "account", "predictions", "files", "v1/models", "hardware"):
        answer = client.http.get(f"/replicate/v1/{path}")
        assert (answer.status_code, answer.json()["title"]) == (401, "Unauthenticated")


REFUSED = [
    ("POST", "models", 403),
    ("PATCH", OWN, 403),
    ("DELETE", OWN, 403),
    ("DELETE", f"{OWN}/versions/{'0' * 64}", 403),
    ("POST", "deployments", 403),
    ("PATCH", "deployments/bottega/flux.1-demo", 403),
    ("GET", "trainings", 404),
    ("POST", f"{OWN}/versions/{'0' * 64}/trainings", 404),
    ("GET", "nothing", 404),
    ("PUT", "models", 405),
    ("GET", "models/bottega/none", 404),
]
