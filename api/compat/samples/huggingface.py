"""The job by Hugging Face's inference clients."""

from typing import Any

from api.compat.samples.job_input import JobInput
from api.web.shared.literals import (
    KEY_VARIABLE,
    Sample,
    javascript_literal,
    python_arguments,
    python_literal,
)
from db.values.surfaces import SurfaceName

_CLIENT = "Hugging Face"

_PYTHON = """\
import os
{imports}
from huggingface_hub import InferenceClient

client = InferenceClient(model={url}, token=os.environ["{variable}"])
{picture}
{call}"""

_PYTHON_PAINTS = """\
image = client.{verb}(
{arguments}
)
image.save("picture-0.png")
print("picture-0.png")
"""

_JAVASCRIPT = """\
import {{ writeFile }} from "node:fs/promises";
import {{ InferenceClient }} from "@huggingface/inference";

const client = new InferenceClient(process.env.{variable}, {{ endpointUrl: {url} }});
{picture}
{call}"""

_JAVASCRIPT_PAINTS = """\
const request = {{ inputs: {inputs}, parameters: {parameters} }};
const image = await client.{verb}(request, {{ outputType: "blob" }});
await writeFile("picture-0.png", Buffer.from(await image.arrayBuffer()));
console.log("picture-0.png");
"""

_PARAMETERS = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "true_guidance": "true_cfg_scale",
    "seed": "seed",
}
_LOOKS = {
    "<CAPTION>": ("image-to-text", "image_to_text", "imageToText"),
    "<OD>": ("object-detection", "object_detection", "objectDetection"),
}
"""The tasks that these clients can ask for: the end of their path, and the methods."""


def samples(job: JobInput) -> list[Sample]:
    """The samples; none for what these clients cannot ask for."""
    if job.has("mask", "control_image", "loras", "region", "min_score") or len(job.pictures) > 1:
        return []
    if job.values.get("num_images") not in (None, 1):
        return []
    if job.is_analysis and not {task.token for task, _ in job.questions} <= _LOOKS.keys():
        return []
    python, javascript = _looking(job) if job.is_analysis else _painting(job)
    return [
        Sample("Python", "python", python, _CLIENT),
        Sample("JavaScript", "javascript", javascript, _CLIENT),
    ]


def _painting(job: JobInput) -> tuple[str, str]:
    prompt, parameters = job.values.get("prompt", ""), job.picked(_PARAMETERS)
    if not job.pictures:
        sides = dict(zip(("width", "height"), job.size, strict=True)) if job.size else {}
        arguments = python_arguments({"prompt": prompt, **sides, **parameters})
        calls = ("text_to_image", "textToImage")
        inputs, parameters = javascript_literal(prompt), sides | parameters
    else:
        parameters |= job.picked({"strength": "strength"}) | {"prompt": prompt} | _target(job)
        arguments = "    image=picture,\n" + python_arguments(parameters)
        calls, inputs = ("image_to_image", "imageToImage"), "picture"
    python = _PYTHON_PAINTS.format(verb=calls[0], arguments=arguments)
    javascript = _JAVASCRIPT_PAINTS.format(
        verb=calls[1], inputs=inputs, parameters=javascript_literal(parameters)
    )
    return _python(job, python), _javascript(job, javascript)


def _target(job: JobInput) -> dict[str, Any]:
    if job.size is None:
        return {}
    return {"target_size": dict(zip(("width", "height"), job.size, strict=True))}


def _looking(job: JobInput) -> tuple[str, str]:
    python, javascript = [], []
    for task, _ in job.questions:
        end, method, script = _LOOKS[task.token]
        url = f"{_model(job)}/pipeline/{end}"
        python.append(f"print(client.{method}(picture, model={python_literal(url)}))\n")
        address = javascript_literal(url)
        call = f"client.endpoint({address}).{script}({{ data: picture }})"
        javascript.append(f"console.log(await {call});\n")
    return _python(job, "".join(python)), _javascript(job, "".join(javascript))


def _python(job: JobInput, call: str) -> str:
    picture = job.pictures[0] if job.pictures else ""
    fetched, imports = "", ""
    if picture:
        imports = "from urllib.request import Request, urlopen\n"
        address = python_literal(_address(job, picture))
        key = f'{{"Authorization": "Bearer " + os.environ["{KEY_VARIABLE}"]}}'
        headers = f", headers={key}" if picture.startswith("file_") else ""
        fetched = f"picture = urlopen(Request({address}{headers})).read()\n"
    return _PYTHON.format(
        imports=imports,
        url=python_literal(_model(job)),
        variable=KEY_VARIABLE,
        picture=fetched,
        call=call,
    )


def _javascript(job: JobInput, call: str) -> str:
    picture, fetched = (job.pictures[0] if job.pictures else ""), ""
    if picture:
        address = javascript_literal(_address(job, picture))
        key = f"{{ Authorization: `Bearer ${{process.env.{KEY_VARIABLE}}}` }}"
        headers = f", {{ headers: {key} }}" if picture.startswith("file_") else ""
        fetched = f"const picture = await (await fetch({address}{headers})).blob();\n"
    text = _JAVASCRIPT.format(
        url=javascript_literal(_model(job)), variable=KEY_VARIABLE, picture=fetched, call=call
    )
    return text if "writeFile(" in call else text.partition("\n")[2]


def _model(job: JobInput) -> str:
    return f"{job.base}/hf/models/{job.name_in(SurfaceName.HUGGINGFACE)}"


def _address(job: JobInput, picture: str) -> str:
    """Where a picture is read: an uploaded file's content is at OpenAI's address alone."""
    is_file = picture.startswith("file_")
    return f"{job.base}/openai/v1/files/{picture}/content" if is_file else picture
