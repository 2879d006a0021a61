"""Code samples that submit the form's job: the same values, ready to paste and run.

A prompt may contain anything: quotes, line breaks, `$(…)`, characters that change the direction
of writing. In both samples it is data. The key comes from the environment, so that it is never
in a file or in the shell's history.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Any

KEY_VARIABLE = "BOTTEGA_API_KEY"
_MAX_DATA = 200
_SHOWN_DATA = 48

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


@dataclass(frozen=True)
class Sample:
    """One code sample: its name, its language as highlighters name it, and the code."""

    name: str
    language: str
    text: str


def code_samples(base_url: str, body: Mapping[str, Any]) -> list[Sample]:
    """Samples that submit a job, wait for its end, and save its pictures or print its answers.

    Args:
        base_url: the service's URL, without a trailing slash.
        body: the body of `POST /v1/jobs`; pictures as data URIs are shortened.
    """
    url, shown_body = f"{base_url}/v1/jobs", _shortened(dict(body))
    is_analysis = not shown_body["input"].keys().isdisjoint({"task", "tasks"})
    curl = _CURL.format(
        variable=KEY_VARIABLE,
        url=shlex.quote(url),
        body=_visible(json.dumps(shown_body, ensure_ascii=False, indent=2), _json_escape),
    )
    python = _PYTHON.format(
        variable=KEY_VARIABLE,
        url=_literal(url),
        body=indent(_literal(shown_body), " " * 4).lstrip(),
        end=_PYTHON_PRINTS if is_analysis else _PYTHON_SAVES,
    )
    return [Sample("curl", "sh", curl), Sample("Python", "python", python)]


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shortened(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(each) for each in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > _MAX_DATA:
        return f"{value[:_SHOWN_DATA]}…"
    return value


def _literal(value: Any) -> str:
    """A JSON value as a Python literal, objects with one field per line."""
    if isinstance(value, dict):
        fields = (f"{_literal(name)}: {_literal(each)}," for name, each in value.items())
        return "{\n" + indent("\n".join(fields), " " * 4) + "\n}" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, str):
        # A JSON string is also a Python string, except for escaped surrogate pairs.
        return _visible(json.dumps(value, ensure_ascii=False), _python_escape)
    return repr(value)


def _visible(text: str, escape: Callable[[str], str]) -> str:
    """The text with every invisible character escaped, except line breaks."""
    return "".join(each if each.isprintable() or each == "\n" else escape(each) for each in text)


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _python_escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
