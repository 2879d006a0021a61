"""Code samples that submit the form's job through the service's own API, ready to paste and run."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from textwrap import indent
from typing import Any

from api.web.shared.literals import (
    KEY_VARIABLE,
    Sample,
    json_escape,
    python_literal,
    shortened,
    visible,
)

ClientSamples = Callable[[str, Mapping[str, Any]], Sequence[Sample]]
"""Further samples of the same job, by the clients of other services; from its base URL and body."""

_CURL = """\
# export {variable}=your-key
curl -sS {url} \\
  -H "Authorization: Bearer ${variable}" \\
  -H 'Content-Type: application/json' \\
  -H 'Prefer: wait=60' \\
  -o job.json --data-binary @- <<'JSON'
{body}
JSON

# Wait until the job has ended.
job=$(grep -o '"self":"[^"]*"' job.json | cut -d '"' -f 4)
while grep -qE '"state":"(queued|running)"' job.json; do
  curl -sS "$job?wait=60" -H "Authorization: Bearer ${variable}" -o job.json
done
for file in $(grep -o '"url":"[^"]*"' job.json | cut -d '"' -f 4); do
  curl -sS -O "$file"
done
cat job.json
"""

_PYTHON = """\
import os
from pathlib import Path

import requests

bottega = requests.Session()
bottega.headers["Authorization"] = "Bearer " + os.environ["{variable}"]

response = bottega.post(
    {url},
    headers={{"Prefer": "wait=60"}},
    json={body},
    timeout=90,
)
while response.ok and response.json()["state"] in ("queued", "running"):
    response = bottega.get(response.json()["urls"]["self"], params={{"wait": 60}}, timeout=90)

job = response.json()
if job.get("state") != "succeeded":
    raise SystemExit(job)
{end}"""

_PYTHON_SAVES = """\
for n, image in enumerate(job["output"]["images"]):
    picture = requests.get(image["url"], timeout=60)
    path = Path(f"picture-{n}." + image["media_type"].removeprefix("image/"))
    path.write_bytes(picture.content)
    print(path)
"""

_PYTHON_PRINTS = """\
for result in job["output"]["results"]:
    print(result["task"], result.get("text", result["result"]))
"""


def code_samples(base_url: str, body: Mapping[str, Any]) -> list[Sample]:
    """Samples that submit a job, wait for its end, and save its pictures or print its answers.

    Args:
        base_url: the service's URL, without a trailing slash.
        body: the body of `POST /v1/jobs`; pictures as data URIs are shortened.
    """
    url, shown_body = f"{base_url}/v1/jobs", shortened(dict(body))
    is_analysis = not shown_body["input"].keys().isdisjoint({"task", "tasks"})
    curl = _CURL.format(
        variable=KEY_VARIABLE,
        url=shlex.quote(url),
        body=visible(json.dumps(shown_body, ensure_ascii=False, indent=2), json_escape),
    )
    python = _PYTHON.format(
        variable=KEY_VARIABLE,
        url=python_literal(url),
        body=indent(python_literal(shown_body), " " * 4).lstrip(),
        end=_PYTHON_PRINTS if is_analysis else _PYTHON_SAVES,
    )
    return [Sample("curl", "sh", curl), Sample("Python", "python", python)]
