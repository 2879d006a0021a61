"""The job by OpenAI's clients."""

from typing import Any

from api.compat.samples.job_input import JobInput
from api.web.shared.literals import (
    KEY_VARIABLE,
    Sample,
    javascript_literal,
    python_arguments,
    python_literal,
)

_CLIENT = "OpenAI"

_PYTHON = """\
import os
{imports}
from openai import OpenAI

client = OpenAI(base_url={url}, api_key=os.environ["{variable}"])

{call}"""

_PYTHON_PAINTS = """\
answer = client.images.{verb}(
{arguments}
)
for n, image in enumerate(answer.data):
    path = Path(f"picture-{{n}}.{{answer.output_format}}")
    path.write_bytes(base64.b64decode(image.b64_json))
    print(path)
"""

_PYTHON_LOOKS = """\
for question in {questions}:
    answer = client.chat.completions.create(
        model={model},
        messages=[
            {{
                "role": "user",
                "content": [
                    {{"type": "image_url", "image_url": {{"url": {picture}}}}},
                    {{"type": "text", "text": question}},
                ],
            }}
        ],
    )
    print(question, answer.choices[0].message.content)
"""

_JAVASCRIPT = """\
import {{ writeFile }} from "node:fs/promises";
import OpenAI, {{ toFile }} from "openai";

const client = new OpenAI({{ baseURL: {url}, apiKey: process.env.{variable} }});

{call}"""

_JAVASCRIPT_PAINTS = """\
const answer = await client.images.{verb}({{
{pictures}  ...{fields},
}});
for (const [n, image] of answer.data.entries()) {{
  const path = `picture-${{n}}.${{answer.output_format}}`;
  await writeFile(path, Buffer.from(image.b64_json, "base64"));
  console.log(path);
}}
"""

_JAVASCRIPT_LOOKS = """\
for (const question of {questions}) {{
  const answer = await client.chat.completions.create({{
    model: {model},
    messages: [{{
      role: "user",
      content: [
        {{ type: "image_url", image_url: {{ url: {picture} }} }},
        {{ type: "text", text: question }},
      ],
    }}],
  }});
  console.log(question, answer.choices[0].message.content);
}}
"""

_FIELDS = {"num_images": "n", "output_format": "output_format"}
_EXTRA = {
    name: name
    for name in (
        *("seed", "steps", "guidance", "strength", "fit", "loras"),
        *("negative_prompt", "true_guidance"),
    )
}


def samples(job: JobInput) -> list[Sample]:
    """The samples; none for what OpenAI's fields cannot say: white masks, and control pictures."""
    if job.has("mask", "control_image", "region", "min_score"):
        return []
    texts = _looking(job) if job.is_analysis else _painting(job)
    return [
        Sample("Python", "python", texts[0], _CLIENT),
        Sample("JavaScript", "javascript", texts[1], _CLIENT),
    ]


def _painting(job: JobInput) -> tuple[str, str]:
    fields: dict[str, Any] = {"model": job.variant.id, "prompt": job.values.get("prompt", "")}
    fields |= job.picked(_FIELDS)
    if job.output_format != "png":
        # OpenAI's default is another one.
        quality = job.values.get("output_quality") or job.default_of("output_quality")
        fields |= {"output_format": job.output_format, "output_compression": quality}
    if job.size is not None:
        fields["size"] = "x".join(map(str, job.size))
    verb, extra = ("edit" if job.pictures else "generate"), job.picked(_EXTRA)
    arguments = python_arguments(fields | ({"extra_body": extra} if extra else {}))
    if job.pictures:
        named = (f'("picture.png", {_python_bytes(each)})' for each in job.pictures)
        arguments = f"    image=[{', '.join(named)}],\n{arguments}"
    files = ", ".join(
        f'await toFile({_javascript_file(each)}, "picture.png")' for each in job.pictures
    )
    pictures = f"  image: [{files}],\n" if job.pictures else ""
    script = javascript_literal(fields | extra).replace("\n", "\n  ")
    return (
        _python(job, _PYTHON_PAINTS.format(verb=verb, arguments=arguments), paints=True),
        _javascript(job, _JAVASCRIPT_PAINTS.format(verb=verb, pictures=pictures, fields=script)),
    )


def _python_bytes(picture: str) -> str:
    """The expression of a picture's bytes: of an uploaded file, or of a URL."""
    if picture.startswith("file_"):
        return f"client.files.content({python_literal(picture)}).read()"
    return f"urlopen({python_literal(picture)}).read()"


def _javascript_file(picture: str) -> str:
    if picture.startswith("file_"):
        return f"await client.files.content({javascript_literal(picture)})"
    return f"await fetch({javascript_literal(picture)})"


def _looking(job: JobInput) -> tuple[str, str]:
    questions = [f"{task.token} {text}".strip() for task, text in job.questions]
    model, picture = job.variant.id, job.values.get("image", "")
    python = _PYTHON_LOOKS.format(
        questions=python_literal(questions),
        model=python_literal(model),
        picture=python_literal(picture),
    )
    javascript = _JAVASCRIPT_LOOKS.format(
        questions=javascript_literal(questions),
        model=javascript_literal(model),
        picture=javascript_literal(picture),
    )
    return _python(job, python, paints=False), _javascript(job, javascript)


def _python(job: JobInput, call: str, *, paints: bool) -> str:
    imports = "from pathlib import Path\n" if paints else ""
    if "urlopen(" in call:
        imports += "from urllib.request import urlopen\n"
    text = _PYTHON.format(
        imports=imports, url=python_literal(_url(job)), variable=KEY_VARIABLE, call=call
    )
    return f"import base64\n{text}" if paints else text


def _javascript(job: JobInput, call: str) -> str:
    return _JAVASCRIPT.format(url=javascript_literal(_url(job)), variable=KEY_VARIABLE, call=call)


def _url(job: JobInput) -> str:
    return f"{job.base}/openai/v1"
