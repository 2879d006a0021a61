"""A minimal HTTP client: it shares the processor with the service that is measured."""

import http.client
import json
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 120
_JSON = "application/json"


class ResponseError(Exception):
    """The service's response is not the one that a benchmark needs."""


class BenchClient:
    """A client with one persistent connection, for one thread."""

    def __init__(self, url: str, api_key: str) -> None:
        self._connection = http.client.HTTPConnection(
            urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS
        )
        self._headers = {"Authorization": f"Bearer {api_key}"}

    def submit(self, model: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Submit a job; returns the job of the response.

        Raises:
            ResponseError: the job was not accepted.
        """
        return self._request("POST", "/v1/jobs", json.dumps({"model": model, "input": inputs}))

    def post(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Send JSON to a call of any API, with further headers; returns the body of the response.

        Raises:
            ResponseError: the call was refused.
        """
        return self._exchange("POST", path, json.dumps(body), headers=headers)

    def upload(self, png: bytes) -> str:
        """Upload a picture; returns its file id.

        Raises:
            ResponseError: the picture was not accepted.
        """
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="picture.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        body = b"%b%b\r\n--%b--\r\n" % (head.encode(), png, boundary.encode())
        content_type = f"multipart/form-data; boundary={boundary}"
        file_id: str = self._request("POST", "/v1/files", body, content_type)["id"]
        return file_id

    def wait_for_success(self, job_id: str) -> dict[str, Any]:
        """Wait until a job has succeeded, and return it.

        Raises:
            ResponseError: the job did not succeed within a minute.
        """
        job = self._request("GET", f"/v1/jobs/{job_id}?wait=60")
        if job["state"] != "succeeded":
            raise ResponseError(f"the benchmark's job {job_id} is {job['state']}")
        return job

    def fetch(self, url: str) -> bytes:
        """Download a result, whose URL needs no key.

        Raises:
            ResponseError: the response is not 200.
        """
        parts = urlsplit(url)
        self._connection.request("GET", f"{parts.path}?{parts.query}")
        response = self._connection.getresponse()
        data = response.read()
        if response.status != http.client.OK:
            raise ResponseError(f"GET {parts.path} returned {response.status}")
        return data

    def _request(
        self, method: str, path: str, body: str | bytes | None = None, content_type: str = _JSON
    ) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self._exchange(method, path, body, content_type))
        return parsed

    def _exchange(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        content_type: str = _JSON,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        sent = {**self._headers, "Content-Type": content_type, **(headers or {})}
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise ResponseError(f"{method} {path} returned {response.status}: {text[:200]!r}")
        return text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._connection.close()
