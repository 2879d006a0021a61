"""The job by fal's clients."""

from typing import Any
from urllib.parse import urlsplit

from api.compat.fal.names import FLORENCE2_PATHS
from api.compat.samples.job_input import JobInput
from api.web.shared.literals import (
    KEY_VARIABLE,
    Sample,
    javascript_literal,
    python_literal,
)
from db.values.surfaces import SurfaceName

_CLIENT = "fal"

_PYTHON = """\
import os
{imports}
{note}os.environ["FAL_QUEUE_RUN_HOST"] = {queue}
os.environ["FAL_RUN_HOST"] = {run}
os.environ["FAL_KEY"] = os.environ["{variable}"]

import fal_client  # reads the variables

{call}"""

_NOTE = """\
# This client speaks https alone: `bottega up --tls` prints the address and the authority's file.
"""

_PYTHON_PAINTS = """\
result = fal_client.subscribe({app}, arguments={input})
for n, image in enumerate(result["images"]):
    path, _ = urlretrieve(image["url"], f"picture-{{n}}.{suffix}")
    print(path)
"""

_PYTHON_LOOKS = """\
for app, arguments in {questions}.items():
    print(app, fal_client.subscribe(app, arguments=arguments)["results"])
"""

_JAVASCRIPT = """\
import {{ writeFile }} from "node:fs/promises";
import {{ createFalClient }} from "@fal-ai/client";

const fal = createFalClient({{
  credentials: process.env.{variable},
  proxyUrl: {{ url: {url}, when: "always" }},
}});

{call}"""

_JAVASCRIPT_PAINTS = """\
const {{ data }} = await fal.subscribe({app}, {{ input: {input} }});
for (const [n, image] of data.images.entries()) {{
  const answer = await fetch(image.url);
  await writeFile(`picture-${{n}}.{suffix}`, Buffer.from(await answer.arrayBuffer()));
  console.log(`picture-${{n}}.{suffix}`);
}}
"""

_JAVASCRIPT_LOOKS = """\
for (const [app, input] of Object.entries({questions})) {{
  const {{ data }} = await fal.subscribe(app, {{ input }});
  console.log(app, data.results);
}}
"""

_NAMES = {
    "prompt": "prompt",
    "num_images": "num_images",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "true_guidance": "true_cfg_scale",
    "seed": "seed",
    "image": "image_url",
    "mask": "mask_url",
    "images": "image_urls",
    "strength": "strength",
    "control_image": "control_image_url",
    "safety_tolerance": "safety_tolerance",
    "prompt_upsampling": "enhance_prompt",
    "raw": "raw",
}
_PATHS = {task.token: path for path, task in FLORENCE2_PATHS.items()}


def samples(job: JobInput) -> list[Sample]:
    """The samples; none for what fal has no application or field for."""
    if job.has("region", "min_score") or any(task.token not in _PATHS for task, _ in job.questions):
        return []
    python, javascript = _looking(job) if job.is_analysis else _painting(job)
    return [
        Sample("Python", "python", python, _CLIENT),
        Sample("JavaScript", "javascript", javascript, _CLIENT),
    ]


def _painting(job: JobInput) -> tuple[str, str]:
    input_: dict[str, Any] = job.picked(_NAMES) | {"output_format": job.output_format}
    if job.size is not None:
        input_["image_size"] = dict(zip(("width", "height"), job.size, strict=True))
    if job.has("loras"):
        input_["loras"] = [_lora(each) for each in job.values["loras"]]
    app, suffix = job.owned_name_in(SurfaceName.FAL), job.output_format
    python = _PYTHON_PAINTS.format(
        app=python_literal(app), input=python_literal(input_), suffix=suffix
    )
    javascript = _JAVASCRIPT_PAINTS.format(
        app=javascript_literal(app), input=javascript_literal(input_), suffix=suffix
    )
    imports = "from urllib.request import urlretrieve\n"
    return _python(job, python, imports), _javascript(job, javascript)


def _lora(lora: dict[str, Any]) -> dict[str, Any]:
    scale = lora.get("scale")
    return {"path": lora.get("source")} | ({} if scale is None else {"scale": scale})


def _looking(job: JobInput) -> tuple[str, str]:
    app = job.owned_name_in(SurfaceName.FAL)
    questions = {
        f"{app}/{_PATHS[task.token]}": {"image_url": job.values.get("image", "")}
        | ({"text_input": text} if text else {})
        for task, text in job.questions
    }
    python = _PYTHON_LOOKS.format(questions=python_literal(questions))
    javascript = _JAVASCRIPT_LOOKS.format(questions=javascript_literal(questions))
    return _python(job, python, ""), _javascript(job, javascript)


def _python(job: JobInput, call: str, imports: str) -> str:
    parts = urlsplit(job.base)
    place = f"{parts.netloc}{parts.path}"
    return _PYTHON.format(
        imports=imports,
        note="" if parts.scheme == "https" else _NOTE,
        queue=python_literal(f"{place}/fal/queue"),
        run=python_literal(f"{place}/fal/run"),
        variable=KEY_VARIABLE,
        call=call,
    )


def _javascript(job: JobInput, call: str) -> str:
    url = javascript_literal(f"{job.base}/fal/proxy")
    text = _JAVASCRIPT.format(url=url, variable=KEY_VARIABLE, call=call)
    return text if "writeFile(" in call else text.partition("\n")[2]
