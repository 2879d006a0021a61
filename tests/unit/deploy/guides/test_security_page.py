"""Each row of SECURITY.md names tests that exist and that a run without a device does not skip."""

import ast
import re

import pytest

from tests.support.guides import ROOT

PAGE = ROOT / "SECURITY.md"
_ROW = re.compile(r"^\| (?P<threat>.+?) \| (?P<defence>.+?) \| (?P<tests>.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(?:(\w+)::)?(\w+)`")


def rows() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Each threat with its tests: the file, the class or "", the function."""
    _, _, section = PAGE.read_text().partition("## Threats, defences, tests")
    section = section.partition("\n## ")[0]
    found = [(row["threat"], _TEST.findall(row["tests"])) for row in _ROW.finditer(section)]
    return [(threat, tests) for threat, tests in found if threat not in ("threat", "---")]


def functions_of(tree: ast.Module, class_name: str) -> dict[str, ast.FunctionDef]:
    """The functions of a module, or of one of its classes."""
    body = tree.body
    if class_name:
        [body] = [
            node.body
            for node in tree.body
            if isinstance(node, ast.ClassDef) and node.name == class_name
        ]
    return {
        node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("threat", "tests"), rows(), ids=[threat for threat, _ in rows()])
def test_each_threat_has_tests(threat: str, tests: list[tuple[str, str, str]]) -> None:
    assert tests, f"no test is named for: {threat}"
    for path, class_name, name in tests:
        tree = ast.parse((ROOT / path).read_text())
        function = functions_of(tree, class_name)[name]
        marks = {ast.unparse(each) for each in function.decorator_list}
        refused = ("pytest.mark.skip", "pytest.mark.gpu", "pytest.mark.xfail")
        assert not any(mark.startswith(refused) for mark in marks), (path, name)


def test_the_page_has_its_rows() -> None:
    assert len(rows()) >= 25
