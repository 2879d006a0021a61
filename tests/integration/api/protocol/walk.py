"""Every path of the assembled application, and a client that may ask for each."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api.web.dashboard import app as dashboard
from api.web.playground import app as playground
from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from tests.support.surfaces import DOORS

ORIGIN = "https://app.example"
PAGES = ("/dashboard", "/playground")
OUTSIDE_DOCUMENTS = ("/", "/docs", "/healthz", "/openapi.json", "/artifacts/x/0.png")
STATIC = (
    *("/docs/assets/swagger-ui.css", "/dashboard/static/app.css", "/dashboard/static/none.css"),
    *("/playground/static/none.css", "/docs/assets/none.css"),
)


@dataclass(frozen=True)
class Path:
    """A path with its parameters filled in, and the methods that its routes have."""

    path: str
    methods: frozenset[str]


@dataclass(frozen=True)
class Walker:
    """A client with the keys of a tenant and of an operator."""

    http: TestClient
    tenant: str
    operator: str

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """One request with the key that the path needs."""
        is_operator = path.startswith(("/v1/admin", "/metrics"))
        key = self.operator if is_operator else self.tenant
        scheme = "Key" if path.startswith("/fal") else "Bearer"
        sent = {"Authorization": f"{scheme} {key}", **headers}
        return self.http.request(method, path, headers=sent)

    def paths(self) -> Sequence[Path]:
        """Every path that is documented, a page, a file or a document itself."""
        if not _known:
            _known.extend([*self._documented(), *_of_pages(), *_others()])
        return _known

    def _documented(self) -> Iterator[Path]:
        for prefix in ("", *(door.prefix for door in DOORS)):
            document = self.http.get(f"{prefix}/openapi.json").json()
            for path, found in document["paths"].items():
                methods = frozenset(method.upper() for method in found)
                yield Path(_filled(prefix + path), methods)


_known: list[Path] = []
"""The same for every application: the documents are made once."""


@contextmanager
def walking(app: FastAPI, database: Database, tenant_id: str) -> Iterator[Walker]:
    """A client of an application, with a key of each kind."""
    with database.transaction() as session:
        _, tenant = api_keys.create(session, tenant_id=tenant_id, name="")
        _, operator = api_keys.create(session, tenant_id=None, name="", role=OperatorRole.OPERATOR)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as http:
        yield Walker(http, tenant, operator)


def _of_pages() -> Iterator[Path]:
    for site in (dashboard, playground):
        found: dict[str, set[str]] = {}
        for router in site.ROUTERS:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                found.setdefault(route.path, set()).update(route.methods or ())
        for path, methods in found.items():
            yield Path(_filled(site.PATH + path), frozenset(methods))


def _others() -> Iterator[Path]:
    for path in (*OUTSIDE_DOCUMENTS, *STATIC):
        yield Path(path, frozenset({"GET"}))


def _filled(path: str) -> str:
    named = path.replace("{action}", "cancel").replace("{name}.", "0.")
    return re.sub(r"\{[^}]*\}", "x", named)
