"""Latency of the operators' pages, over loopback from an API process."""

import statistics
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from deploy.bench.client import ResponseError
from deploy.bench.plan import Goal

_TIMEOUT_SECONDS = 30.0
"""Timeout of one request."""
_MAX_SECONDS = 240.0
"""Time limit of all requests together."""

_WARM_UP = 2
_MIN_ROUNDS = 2
"""The least number of rounds for quantiles."""

_Request = tuple[str, Mapping[str, str]]
"""A path, and headers with the caller's credentials."""

_JOBS_GOAL_SECONDS = 0.3
_OVERVIEW_GOAL_SECONDS = 0.2

_JOBS = {
    "all": {},
    "of_a_model": {"model": "model-7"},
    "of_no_model": {"model": "model-none"},
    "failed": {"state": "failed"},
    "canceled": {"state": "canceled"},
    "of_a_tenant": {"tenant": "ten_7"},
    "of_an_error": {"error": "timeout"},
}

GOALS = (
    *(Goal(f"dashboard_jobs_{name}_p95_seconds", _JOBS_GOAL_SECONDS) for name in [*_JOBS, "old"]),
    Goal("dashboard_overview_p95_seconds", _OVERVIEW_GOAL_SECONDS),
    Goal("admin_jobs_p95_seconds", _JOBS_GOAL_SECONDS),
    Goal("admin_overview_p95_seconds", _OVERVIEW_GOAL_SECONDS),
)


def measure_pages(url: str, operator_key: str, *, jobs: int, requests: int) -> dict[str, float]:
    """Measure p50 and p95 of the seconds from a request to the end of its response.

    The pages are requested in turn, so that other load of the machine affects all of them.

    Args:
        url: the API's URL.
        operator_key: the operator's key.
        jobs: the number of stored jobs, one per second until now.
        requests: requests per page; fewer if all of them would take more than four minutes.

    Raises:
        deploy.bench.client.ResponseError: the response for a page is not 200.
    """
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS)) as connection:
        cookie = {"Cookie": _sign_in(connection, url, operator_key)}
        bearer = {"Authorization": f"Bearer {operator_key}"}
        pages = {f"dashboard_{name}": (path, cookie) for name, path in _pages(jobs).items()}
        pages["admin_jobs"] = ("/v1/admin/jobs", bearer)
        pages["admin_overview"] = ("/v1/admin/overview", bearer)
        rounds = _measure_rounds(connection, pages, requests)
    figures = {}
    for name in pages:
        seconds = [one[name] for one in rounds]
        figures[f"{name}_p50_seconds"] = statistics.median(seconds)
        figures[f"{name}_p95_seconds"] = statistics.quantiles(seconds, n=20)[-1]
    return figures


def _pages(jobs: int) -> dict[str, str]:
    midway = datetime.now(UTC) - timedelta(seconds=jobs / 2)
    filters = _JOBS | {"old": {"before": midway.strftime("%Y-%m-%dT%H:%M")}}
    paths = {f"jobs_{name}": f"/dashboard/jobs?{urlencode(one)}" for name, one in filters.items()}
    return {"overview": "/dashboard/"} | paths


def _sign_in(connection: HTTPConnection, url: str, operator_key: str) -> str:
    headers = {"Origin": url, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/dashboard/sign-in", urlencode({"key": operator_key}), headers)
    response = connection.getresponse()
    response.read()
    cookie = response.getheader("Set-Cookie")
    if cookie is None:
        raise ResponseError(f"the sign-in returned {response.status} without a cookie")
    return cookie.partition(";")[0]


def _measure_rounds(
    connection: HTTPConnection, pages: Mapping[str, _Request], requests: int
) -> list[dict[str, float]]:
    deadline = time.monotonic() + _MAX_SECONDS
    done: list[dict[str, float]] = []
    while len(done) < _WARM_UP + requests:
        if len(done) >= _WARM_UP + _MIN_ROUNDS and time.monotonic() > deadline:
            break
        done.append({name: _seconds(connection, *page) for name, page in pages.items()})
    return done[_WARM_UP:]


def _seconds(connection: HTTPConnection, path: str, headers: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    response.read()
    if response.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise ResponseError(f"GET {path} returned {response.status}")
    return time.perf_counter() - begun
