"""The rules of the house: rooms, sizes, names and the openings of docstrings."""

import ast
import re
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("db", "workers", "api", "deploy")
MOST_MODULES = 20
MOST_LINES = 500
MEDIAN_LINES = 10
MOST_CLAUSES = 0.02

CLAUSE = re.compile(r"(What|How|Who|Whoever|Whether)\b")
"""A docstring opens with a noun phrase or a verb, never with a clause of these."""

FORMER_NAMES = frozenset(
    """
    AttemptNote Checked Company Courier DeviceCall Doorbell Ended GatheredRings InHand Keyring
    Kind Maintenance Note Patient PictureFacts Register RelayAdapter RelaySettings
    RelaySetupError Residents ResolvedPicture RunningTakings Seen Served StoredArtifact StoredFile
    StoredInput StoredPicture StoredPictures SuspectsTurn Swept Takings TenantStanding Turns
    Visitor Way _Stay close_hopeless ending_when_lost enter_flight in_hand leave_flight looker
    lost_ids patiently set_aside show_life tell_attempt visitor
    """.split()  # noqa: SIM905 - one name a line would fill two pages
)
FORMER_MODULES = frozenset(
    """
    advice attempt_line attempt_note bulk_acts company courier_run delivery_values demo_fill
    device_call device_loss ended execution gathered_rings given job_operations job_values
    keyring life memory patience picture_recipe programs quota rate_limits residents reuse
    running_takings said seen state_conditions stored_pictures tenant_standings turns unwinding
    verdict visitor
    """.split()  # noqa: SIM905
)
"""Names that gave way to the field's terms; deploy/decisions/moved-modules.md has the paths."""


def modules() -> Iterator[Path]:
    for floor in FLOORS:
        yield from sorted((ROOT / floor).rglob("*.py"))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in modules():
        yield path, ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstrings(tree: ast.Module) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield text


def test_no_room_is_crowded() -> None:
    rooms = Counter(path.parent for path in modules() if path.name != "__init__.py")
    rooms += Counter(path.parent for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name_of(room): n for room, n in rooms.items() if n > MOST_MODULES} == {}


def test_no_module_is_long() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in modules()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_functions_are_short() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = [
        (node.end_lineno or 0) - node.body[0].lineno + 1
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    ]
    assert statistics.median(lengths) < MEDIAN_LINES


def test_no_folder_lies_beside_a_module_of_its_name() -> None:
    assert [name_of(path) for path in modules() if path.with_suffix("").is_dir()] == []


def test_docstrings_open_with_a_noun_or_a_verb() -> None:
    texts = [text for _, tree in trees() for text in docstrings(tree)]
    clauses = [text.splitlines()[0] for text in texts if CLAUSE.match(text)]
    assert len(clauses) < MOST_CLAUSES * len(texts), clauses


@pytest.mark.parametrize("floor", FLOORS)
def test_no_former_name_comes_back(floor: str) -> None:
    found = {}
    for path in sorted((ROOT / floor).rglob("*.py")):
        with tokenize.open(path) as file:
            tokens = tokenize.generate_tokens(file.readline)
            names = {token.string for token in tokens if token.type == tokenize.NAME}
        if former := (FORMER_NAMES & names) | (FORMER_MODULES & {path.stem}):
            found[name_of(path)] = former
    assert found == {}


def test_every_column_has_a_comment() -> None:
    bare = []
    for path in sorted((ROOT / "db" / "tables").glob("*.py")):
        lines = path.read_text().splitlines()
        bare += [
            f"{name_of(path)}:{number}"
            for number, line in enumerate(lines, 1)
            if re.match(r"    \w+: Mapped\[", line)
            and "#" not in line
            and not lines[number - 2].lstrip().startswith("#")
        ]
    assert bare == []
