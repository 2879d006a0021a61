"""The job by Replicate's clients."""

from typing import Any

from api.compat.samples.job_input import JobInput
from api.web.shared.literals import (
    KEY_VARIABLE,
    Sample,
    javascript_literal,
    python_literal,
)
from db.values.surfaces import SurfaceName

_CLIENT = "Replicate"

_PYTHON = """\
import os
{imports}
import replicate

client = replicate.Client(base_url={url}, api_token=os.environ["{variable}"])

{call}"""

_PYTHON_PAINTS = """\
output = client.run({model}, input={input})
for n, picture in enumerate(output if isinstance(output, list) else [output]):
    path, _ = urlretrieve(str(picture), f"picture-{{n}}.{suffix}")
    print(path)
"""

_PYTHON_LOOKS = """\
for question in {questions}:
    output = client.run({model}, input={{"image": {picture}, **question}})
    print(output["text"])
"""

_JAVASCRIPT = """\
import {{ writeFile }} from "node:fs/promises";
import Replicate from "replicate";

const replicate = new Replicate({{ baseUrl: {url}, auth: process.env.{variable} }});

{call}"""

_JAVASCRIPT_PAINTS = """\
const output = await replicate.run({model}, {{ input: {input} }});
for (const [n, picture] of [output].flat().entries()) {{
  const answer = await fetch(String(picture));
  await writeFile(`picture-${{n}}.{suffix}`, Buffer.from(await answer.arrayBuffer()));
  console.log(`picture-${{n}}.{suffix}`);
}}
"""

_JAVASCRIPT_LOOKS = """\
for (const question of {questions}) {{
  const output = await replicate.run({model}, {{ input: {{ image: {picture}, ...question }} }});
  console.log(output.text);
}}
"""

_NAMES = {
    "prompt": "prompt",
    "num_images": "num_outputs",
    "steps": "num_inference_steps",
    "guidance": "guidance",
    "negative_prompt": "negative_prompt",
    "true_guidance": "true_guidance",
    "seed": "seed",
    "mask": "mask",
    "strength": "prompt_strength",
    "images": "input_images",
    "image": "image",
    "control_image": "control_image",
    "output_quality": "output_quality",
}
_SUFFIXES = {"jpeg": "jpg"}


def samples(job: JobInput) -> list[Sample]:
    """The samples; none for several LoRAs, or an analysis of a region or with a least score."""
    if job.has("region", "min_score") or len(job.values.get("loras") or ()) > 1:
        return []
    python, javascript = _looking(job) if job.is_analysis else _painting(job)
    return [
        Sample("Python", "python", python, _CLIENT),
        Sample("JavaScript", "javascript", javascript, _CLIENT),
    ]


def _painting(job: JobInput) -> tuple[str, str]:
    model = job.owned_name_in(SurfaceName.REPLICATE)
    kind = str(job.output_format)
    suffix = _SUFFIXES.get(kind, kind)
    input_: dict[str, Any] = job.picked(_NAMES) | {"output_format": suffix}
    # Its own defaults are others.
    if suffix != "png":
        input_.setdefault("output_quality", job.default_of("output_quality"))
    if job.has("image") and job.usual_strength is not None:
        input_.setdefault("prompt_strength", job.usual_strength)
    if job.size is not None:
        input_ |= dict(zip(("width", "height"), job.size, strict=True))
    for lora in job.values.get("loras") or ():
        input_ |= {"lora_weights": lora.get("source"), "lora_scale": lora.get("scale", 1)}
    python = _PYTHON_PAINTS.format(
        model=python_literal(model), input=python_literal(input_), suffix=suffix
    )
    javascript = _JAVASCRIPT_PAINTS.format(
        model=javascript_literal(model), input=javascript_literal(input_), suffix=suffix
    )
    imports = "from urllib.request import urlretrieve\n"
    return _python(job, python, imports), _javascript(job, javascript)


def _looking(job: JobInput) -> tuple[str, str]:
    model = job.owned_name_in(SurfaceName.REPLICATE)
    questions = [
        {"task_input": task.token} | ({"text_input": text} if text else {})
        for task, text in job.questions
    ]
    values = (questions, model, job.values.get("image", ""))
    names = ("questions", "model", "picture")
    python = dict(zip(names, map(python_literal, values), strict=True))
    javascript = dict(zip(names, map(javascript_literal, values), strict=True))
    return (
        _python(job, _PYTHON_LOOKS.format(**python), ""),
        _javascript(job, _JAVASCRIPT_LOOKS.format(**javascript)),
    )


def _python(job: JobInput, call: str, imports: str) -> str:
    # This client adds /v1 itself.
    url = python_literal(f"{job.base}/replicate")
    return _PYTHON.format(imports=imports, url=url, variable=KEY_VARIABLE, call=call)


def _javascript(job: JobInput, call: str) -> str:
    url = javascript_literal(f"{job.base}/replicate/v1")
    text = _JAVASCRIPT.format(url=url, variable=KEY_VARIABLE, call=call)
    return text if "writeFile(" in call else text.partition("\n")[2]
