"""The demonstration: a client of the HTTP API, and nothing else."""

import io
import json
from pathlib import Path
from typing import Any

import click
import httpx
from PIL import Image

_TIMEOUT_SECONDS = 60
_BAR_WIDTH = 24

Json = dict[str, Any]


class DemoError(click.ClickException):
    """The demonstration failed; the message says why."""


def run_demo(url: str, api_key: str, prompt: str, out: Path) -> None:
    """Paint the prompt, analyze the picture, print both jobs and the account, write `out`.

    Args:
        url: the API's address.
        api_key: a tenant's key.
        prompt: the picture to paint.
        out: folder for picture.png, overlay.png, painted.json and seen.json; created when missing.

    Raises:
        DemoError: a job did not succeed, or the API did not respond.
    """
    try:
        painting, analysis, pictures, account = _run_jobs(url, api_key, prompt)
    except httpx.HTTPStatusError as error:
        raise DemoError(f"the API refused: {_detail_of(error.response)}") from error
    except httpx.HTTPError as error:
        raise DemoError(f"the API did not answer: {error}") from error
    _write(out, pictures, {"painted": painting, "seen": analysis})
    _print_findings(analysis)
    _print_bill([painting, analysis], account)
    click.echo(f"\nsee {out}/picture.png and {out}/overlay.png")


def submit_and_wait(client: httpx.Client, model: str, parameters: Json) -> Json:
    """Submit one job and wait for its end, without output.

    Raises:
        DemoError: it did not succeed within the longest wait.
    """
    body = {"model": model, "input": parameters}
    response = client.post("/v1/jobs", json=body, headers={"Prefer": f"wait={_TIMEOUT_SECONDS}"})
    return _require_success(response.raise_for_status().json())


def _require_success(job: Json) -> Json:
    if job["state"] != "succeeded":
        raise DemoError(f"the job ended {job['state']}: {job['error']}")
    return job


def _detail_of(response: httpx.Response) -> str:
    response.read()
    return str(response.json()["detail"])


def _run_jobs(url: str, api_key: str, prompt: str) -> tuple[Json, Json, dict[str, bytes], Json]:
    headers = {"Authorization": f"Bearer {api_key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        painting = _run_job(client, "flux.1-demo", {"prompt": prompt, "seed": 7})
        image_url = painting["output"]["images"][0]["url"]
        request = {"image": image_url, "tasks": ["<CAPTION>", "<OD>"], "artifacts": ["overlay"]}
        analysis = _run_job(client, "florence-2-demo", request)
        pictures = {"picture": fetch(client, image_url), "overlay": fetch_overlay(client, analysis)}
        account = client.get("/v1/account").raise_for_status().json()
    return painting, analysis, pictures, account


def _run_job(client: httpx.Client, model: str, parameters: Json) -> Json:
    """Submit one job and follow its events to the end."""
    shown = {name: value for name, value in parameters.items() if name != "image"}
    click.echo(f"\n{model} {json.dumps(shown)}")
    submitted = client.post("/v1/jobs", json={"model": model, "input": parameters})
    job = submitted.raise_for_status().json()
    return _require_success(_follow(client, job["urls"]["events"]))


def _follow(client: httpx.Client, events_url: str) -> Json:
    kind = ""
    with client.stream("GET", events_url) as response:
        for line in response.raise_for_status().iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                kind = value
            elif field == "data":
                data: Json = json.loads(value)
                if kind == "done":
                    return data
                _print_event(kind, data)
    raise DemoError("the event stream ended early")


def _print_event(kind: str, data: Json) -> None:
    if kind == "progress":
        filled = round(_BAR_WIDTH * data["fraction"])
        bar = "#" * filled + "." * (_BAR_WIDTH - filled)
        click.echo(f"  [{bar}] step {data['step']} of {data['steps']}")
    else:
        click.echo(f"  {data['state']}")


def fetch(client: httpx.Client, url: str) -> bytes:
    """Download an artifact."""
    return client.get(url).raise_for_status().content


def upload(client: httpx.Client, picture: Image.Image) -> str:
    """Upload a picture as a file of the tenant; returns the file's id."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    files = {"file": ("picture.png", buffer.getvalue(), "image/png")}
    return str(client.post("/v1/files", files=files).raise_for_status().json()["id"])


def fetch_overlay(client: httpx.Client, analysis: Json) -> bytes:
    """Download the overlay of a succeeded Florence-2 job, a PNG."""
    overlay = next(each for each in analysis["output"]["artifacts"] if each["kind"] == "overlay")
    return fetch(client, overlay["url"])


def _write(out: Path, pictures: dict[str, bytes], jobs: dict[str, Json]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (out / f"{name}.png").write_bytes(picture)
    for name, job in jobs.items():
        (out / f"{name}.json").write_text(json.dumps(job, indent=2) + "\n")


def task_result(analysis: Json, task: str) -> Any:
    """The result of one task of a succeeded Florence-2 job."""
    return next(r["result"][task] for r in analysis["output"]["results"] if r["task"] == task)


def _print_findings(analysis: Json) -> None:
    click.echo(f"\nflorence-2-demo says: {task_result(analysis, '<CAPTION>')}")
    objects = task_result(analysis, "<OD>")
    for label, box in zip(objects["labels"], objects["bboxes"], strict=True):
        click.echo(f"  {label} at {[round(edge) for edge in box]}")


def _print_bill(jobs: list[Json], account: Json) -> None:
    click.echo("\njob                              waited    ran       stored    price")
    for job in jobs:
        timings, price = job["timings"], job["price"]
        spent = "  ".join(
            f"{timings[name]:6.3f} s" for name in ("queued_seconds", "run_seconds", "store_seconds")
        )
        dollars = price["amount_micros"] / 1_000_000
        click.echo(f"{job['id']}  {spent}  ${dollars:.4f} from the {price['covered_by']}")
    left = account["allowances"]
    click.echo(
        f"left this month: {left['images']['left']} of {left['images']['granted']} images, "
        f"{left['analyses']['left']} of {left['analyses']['granted']} analyses "
        f"(until {account['allowances_reset_at']})"
    )
