"""The commands of the guides, typed as a reader types them: all, in order, on a running stack."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.stack import Client, Stack
from tests.support.guides import ROOT, Reader, Step, differences, steps_of

pytestmark = pytest.mark.timeout(300)

GUIDES = sorted(
    [ROOT / "README.md", *ROOT.glob("[!.]*/README.md"), *ROOT.glob("deploy/clients/*.md")]
)

ELSEWHERE = {
    r"make demo( |$)": "installs and starts a stack: cli/test_demo.py runs the same commands",
    r"make test( |$)": "is what runs this test",
    r"make up( |$)": "stands for the stack that the tests share",
    r"make (unit|slow|clients|test-bench|machines)( |$)": "takes minutes, and runs tests itself",
    r"\S*python -m pytest ": "runs tests inside of tests",
    r"\S*python -m tests\.support\.": "writes kept files of the repository: test_kept_dump.py",
    r"bottega (api|courier|worker|fleet fleet\.toml$) *": "does not end: test_two_machines.py",
    r"\S+=\S+ .*bottega (api|worker) ": "does not end: the stack runs the same command",
    r"(cp deploy/compose\.env\.example|docker) ": "needs a container runtime",
    r"pg_(dump|restore) ": "needs an empty database: test_backup.py types them",
    r"(psql|sh deploy/redis/users\.sh) ": "needs an administrator: test_role_files.py types them",
    r"\S*bottega weights ": "asks the hub: tests/integration/deploy/cli/models/test_weights.py",
    r"\S*bottega catalog calibrate ": "needs pictures: deploy/cli/models/test_calibrate.py",
    r"\S*bottega catalog test ": "needs weights: workers/bench/test_trial.py tries others",
    r"\S*bottega up ": "stands for the stack that the tests share",
    r"pip install ": "installs: `make clients` drives the packages, and some are here already",
    r"make torch ": "installs another build of torch",
    r"kubectl ": "needs a cluster",
    r"(useradd|install|systemctl) ": "changes the machine: tests/unit/deploy/manifests",
    r"(python3\.11 -m venv /|/opt/bottega/bin/(pip|uv)) ?": "installs: "
    "`python -m deploy.docker.check`",
}
"""Commands that are not typed here, by pattern, each with its reason."""


def reason_not_to_type(command: str) -> str | None:
    """The reason not to type a command here; None for a command that is typed."""
    found = [reason for pattern, reason in ELSEWHERE.items() if re.match(pattern, command)]
    return found[0] if found else None


def typed(guide: Path) -> list[Step]:
    """The steps of a guide that are typed."""
    return [step for step in steps_of(guide) if reason_not_to_type(step.command) is None]


@pytest.fixture
def reader(stack: Stack, tenant: Client, tmp_path: Path) -> Reader:
    """A newcomer in a folder of theirs, beside the running stack."""
    printed = dict(re.findall(r"^export (\w+)=(\S+)", stack.output.read_text(), re.MULTILINE))
    settings = json.loads((stack.data_dir / "settings.json").read_text())
    nobody_reads = dict.fromkeys(
        ("S3_BUCKET", "S3_ENDPOINT_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"), "unused"
    )
    tls = stack.facts["tls_url"].removeprefix("https://")
    replaced = {"http://127.0.0.1:8000": stack.url, "127.0.0.1:8443": tls}
    replaced["TENANT"] = tenant.tenant_id
    newcomer = Reader(tmp_path, nobody_reads | settings | printed, replaced)
    newcomer.settle(stack.data_dir)
    return newcomer


@pytest.mark.parametrize(
    "guide", [g for g in GUIDES if typed(g)], ids=lambda g: str(g.relative_to(ROOT))
)
def test_what_a_guide_says_works_and_answers_as_it_shows(reader: Reader, guide: Path) -> None:
    reader.write_files_of(guide)
    for step in typed(guide):
        printed = reader.type(step.command)
        if step.answer is not None:
            assert [*differences(step.answer, json.loads(printed))] == [], step.command


def test_only_what_a_guide_says_is_excused() -> None:
    commands = [step.command for guide in GUIDES for step in steps_of(guide)]
    idle = [p for p in ELSEWHERE if not any(re.match(p, command) for command in commands)]
    assert idle == []


def test_the_readme_shows_answers_of_jobs_that_are_typed() -> None:
    answers = [step.answer for step in typed(ROOT / "README.md") if step.answer is not None]
    assert {answer.get("model") for answer in answers} >= {"flux.1-demo", "florence-2-demo"}


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": "x"}, {"a": "y"}),
        ({"a": "x…"}, {"a": 1}),
        ([{"a": 1.5}], [{"a": "1.5"}]),
        ([1], [1, 2]),
        ({"a": {}}, {"a": []}),
        (1, True),
        (None, 0),
    ],
)
def test_an_answer_of_another_shape_is_told_apart(shown: object, given: object) -> None:
    assert [*differences(shown, given)] != []
    assert [*differences(shown, shown)] == []
