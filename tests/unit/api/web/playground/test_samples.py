"""The playground's code samples: every prompt is data in valid code."""

import ast
import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from api.web.playground.form.samples import code_samples
from api.web.shared.literals import KEY_VARIABLE

BASE = "http://127.0.0.1:8000"
Json = dict[str, Any]

HOSTILE = [
    "a red circle",
    "it's a \"quoted\" thing \\ with \\' a backslash\\",
    "first line\nsecond line\r\n\tand a tab",
    "$(touch pwned) `touch pwned` $HOME ${IFS} !! %s {0} {body}",
    "JSON\nJSON\n'JSON'\n",
    "'; rm -rf / #",
    '"""\nraise SystemExit\n"""',
    "ein Kn\xe4uel \N{SNOWMAN} \N{WHITE SMILING FACE} \U0001f3a8 \u7ea2\u8272",
    "\u202eright to left\u2066 \u200b\u2028\u2029\x85\x0b\x0c\x1b[31m\x7f\x00",
    "tags \U000e0041 and half a character \ud800",
]


def body_of(**input_: Any) -> Json:
    return {"model": "flux.1-demo", "input": {"seed": 7, "guidance": 3.5, **input_}}


def written(body: Json, base: str = BASE) -> dict[str, str]:
    return {sample.name: sample.text for sample in code_samples(base, body)}


def shell(name: str, *options: str, reads: str) -> str:
    """The output of a shell that reads a script; it must report no error."""
    path = shutil.which(name)
    assert path is not None
    done = subprocess.run(  # noqa: S603 - a shell of the machine's
        [path, *options], input=reads.encode(), capture_output=True, check=True, timeout=20
    )
    assert done.stderr == b""
    return done.stdout.decode()


def sent_by_curl(script: str) -> Json:
    """The content of the script's here-document."""
    match = re.search(r"<<'JSON'\n(.*?)\nJSON\n", script, re.DOTALL)
    assert match is not None
    parsed: Json = json.loads(match[1])
    return parsed


def sent_by_python(program: str) -> Json:
    """The JSON that the program passes to `requests`."""
    calls = (node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call))
    values = [word.value for call in calls for word in call.keywords if word.arg == "json"]
    parsed: Json = ast.literal_eval(values[0])
    return parsed


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_prompt_is_data_in_both_languages(prompt: str) -> None:
    body = body_of(prompt=prompt, embed_metadata=False, loras=[{"source": prompt, "scale": 0.8}])
    samples = written(body)
    assert shell("bash", "-n", reads=samples["curl"]) == ""
    assert sent_by_curl(samples["curl"]) == body
    assert sent_by_python(samples["Python"]) == body
    for text in samples.values():
        assert all(each.isprintable() or each == "\n" for each in text)


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_shell_reads_the_prompt_and_runs_none_of_it(prompt: str) -> None:
    script = written(body_of(prompt=prompt))["curl"]
    document = script[script.index("<<'JSON'") :].partition("\n\n")[0]
    printed = shell("sh", reads=f"cat {document}\n")
    assert json.loads(printed)["input"]["prompt"] == prompt


def test_an_address_is_quoted() -> None:
    base = "http://[::1]:8000/'$(x)\""
    samples = written(body_of(prompt="p"), base)
    assert shell("bash", "-n", reads=samples["curl"]) == ""
    (address,) = (
        node.value
        for node in ast.walk(ast.parse(samples["Python"]))
        if isinstance(node, ast.Constant) and str(node.value).endswith("/v1/jobs")
    )
    assert address == f"{base}/v1/jobs"


def test_the_key_comes_from_the_environment() -> None:
    for text in written(body_of(prompt="p")).values():
        assert KEY_VARIABLE in text


def test_pictures_are_saved_and_answers_are_printed() -> None:
    paints = written(body_of(prompt="p"))["Python"]
    assert "write_bytes" in paints
    looks = written({"model": "florence-2-demo", "input": {"image": "file_1", "tasks": ["<OD>"]}})
    assert "print(result" in looks["Python"]
    assert "write_bytes" not in looks["Python"]


def test_long_data_is_shortened_and_names_of_pictures_are_not() -> None:
    data = "data:image/png;base64," + "A" * 5000
    body = body_of(prompt="p", image=data, images=[data, "file_1"], mask="https://a.example/m.png")
    for sent in (sent_by_curl(written(body)["curl"]), sent_by_python(written(body)["Python"])):
        assert sent["input"]["image"].startswith("data:image/png;base64,AAA")
        assert len(sent["input"]["image"]) < 60
        assert sent["input"]["images"][1] == "file_1"
        assert sent["input"]["mask"] == "https://a.example/m.png"
    assert body["input"]["image"] == data
