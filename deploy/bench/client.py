"""A lean HTTP client: what it takes of the processor is taken from what is measured."""

import http.client
import json
import secrets
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 120
_JSON = "application/json"


class AnswerError(Exception):
    """The service did not answer as a benchmark needs."""


class LeanClient:
    """One kept connection, used by one thread."""

    def __init__(self, url: str, api_key: str) -> None:
        self._connection = http.client.HTTPConnection(
            urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS
        )
        self._headers = {"Authorization": f"Bearer {api_key}"}

    def submit(self, model: str, given: dict[str, Any]) -> dict[str, Any]:
        """Submit a job; the job as it was answered.

        Raises:
            AnswerError: it was not accepted.
        """
        return self._ask("POST", "/v1/jobs", json.dumps({"model": model, "input": given}))

    def upload(self, png: bytes) -> str:
        """Send a picture; its file id.

        Raises:
            AnswerError: it was not taken.
        """
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="picture.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        body = b"%b%b\r\n--%b--\r\n" % (head.encode(), png, boundary.encode())
        kind = f"multipart/form-data; boundary={boundary}"
        uploaded: str = self._ask("POST", "/v1/files", body, kind)["id"]
        return uploaded

    def finished(self, job_id: str) -> dict[str, Any]:
        """A job once it has succeeded.

        Raises:
            AnswerError: it ended otherwise, or not within a minute.
        """
        job = self._ask("GET", f"/v1/jobs/{job_id}?wait=60")
        if job["state"] != "succeeded":
            raise AnswerError(f"a job of the benchmark is {job['state']}")
        return job

    def fetch(self, url: str) -> bytes:
        """The bytes of a result, whose address needs no key.

        Raises:
            AnswerError: they are not there.
        """
        parts = urlsplit(url)
        self._connection.request("GET", f"{parts.path}?{parts.query}")
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != http.client.OK:
            raise AnswerError(f"a result was answered {answer.status}")
        return data

    def _ask(
        self, method: str, path: str, body: str | bytes | None = None, kind: str = _JSON
    ) -> dict[str, Any]:
        headers = {**self._headers, "Content-Type": kind}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            raise AnswerError(f"{method} {path} was answered {answer.status}: {text[:200]!r}")
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._connection.close()
