"""JSON values as literals of other languages, for code that a page shows.

A prompt may contain anything: quotes, line breaks, `$(…)`, characters that change the direction
of writing. As a literal it is data, and every character of it can be seen.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Any

KEY_VARIABLE = "BOTTEGA_API_KEY"
"""Code reads the key from the environment: it is never in a file or in the shell's history."""

_MAX_DATA = 200
_SHOWN_DATA = 48
_STEP = " " * 4


@dataclass(frozen=True)
class Sample:
    """One code sample: its name, its language as highlighters name it, and the code.

    Attributes:
        name: the name, such as "Python"; with `client`, it is unique.
        language: the language.
        text: the code.
        client: the client that the code uses, such as "OpenAI"; empty for none.
    """

    name: str
    language: str
    text: str
    client: str = ""

    @property
    def title(self) -> str:
        """Client and language."""
        return f"{self.client} {self.name}".strip()


def shortened(value: Any) -> Any:
    """JSON with its long data URIs cut: nobody reads them."""
    if isinstance(value, Mapping):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(each) for each in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > _MAX_DATA:
        return f"{value[:_SHOWN_DATA]}…"
    return value


def python_literal(value: Any) -> str:
    """A JSON value as a Python literal, objects with one field per line."""
    if isinstance(value, dict):
        fields = (
            f"{python_literal(name)}: {python_literal(each)}," for name, each in value.items()
        )
        return "{\n" + indent("\n".join(fields), _STEP) + "\n}" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(python_literal, value)) + "]"
    if isinstance(value, str):
        # A JSON string is also a Python string, except for escaped surrogate pairs.
        return visible(json.dumps(value, ensure_ascii=False), _python_escape)
    return repr(value)


def python_arguments(values: Mapping[str, Any]) -> str:
    """Keyword arguments of a Python call, one per line, indented."""
    lines = (f"{name}={python_literal(value)}," for name, value in values.items())
    return indent("\n".join(lines), _STEP)


def javascript_literal(value: Any) -> str:
    """A JSON value as a JavaScript literal, objects with one field per line."""
    return visible(json.dumps(value, ensure_ascii=False, indent=2), json_escape)


def visible(text: str, escape: Callable[[str], str]) -> str:
    """The text with every invisible character escaped, except line breaks."""
    return "".join(each if each.isprintable() or each == "\n" else escape(each) for each in text)


def json_escape(character: str) -> str:
    """A character as an escape of JSON and JavaScript."""
    return json.dumps(character)[1:-1]


def _python_escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
