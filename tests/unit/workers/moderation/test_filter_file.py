"""The file of content filters: the rule that applies, and error messages."""

import base64
import secrets
from pathlib import Path

import pytest

from workers.moderation.callout import Callout
from workers.moderation.filter_file import FilterFileError, Rules, read_rules
from workers.moderation.settings import ModerationSettings, rules_of
from workers.moderation.word_list import WordList

FILTERS = """
[filters.words]
kind = "words"
file = "words.txt"

[filters.judge]
kind = "callout"
url = "http://10.0.0.7:9000/check?token=hidden"
"""
RULES = """
[[rules]]
variants = ["flux.2-*", "flux.1-dev"]
tiers = ["enterprise"]
filters = []

[[rules]]
variants = ["flux.2-*"]
tiers = ["free", "trial-*"]
filters = ["words", "judge"]

[[rules]]
variants = ["flux.*"]
filters = ["words"]
"""


def read(tmp_path: Path, text: str) -> Rules:
    """The rules of a file that has a word list beside it."""
    (tmp_path / "words.txt").write_text("gore\n")
    path = tmp_path / "filters.toml"
    path.write_text(text)
    return read_rules(path)


def fault(tmp_path: Path, text: str) -> str:
    """The error message for a file that cannot be used."""
    with pytest.raises(FilterFileError) as caught:
        read(tmp_path, text)
    assert "filters.toml" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("variant", "tier", "kinds"),
    [
        ("flux.2-klein-4b", "enterprise", []),
        ("flux.1-dev", "enterprise", []),
        ("flux.1-schnell", "enterprise", [WordList]),
        ("flux.2-pro", "free", [WordList, Callout]),
        ("flux.2-pro", "trial-7", [WordList, Callout]),
        ("flux.2-pro", "standard", [WordList]),
        ("flux.1-dev", "standard", [WordList]),
        ("florence-2-base", "free", []),
    ],
)
def test_the_first_rule_that_fits_decides(
    tmp_path: Path, variant: str, tier: str, kinds: list[type]
) -> None:
    chosen = read(tmp_path, FILTERS + RULES).filters_for(variant, tier)
    assert [type(each) for each in chosen] == kinds


def test_a_variant_that_no_filter_judges_is_known_beforehand(tmp_path: Path) -> None:
    rules = read(tmp_path, FILTERS + RULES)
    assert rules.may_apply("flux.2-pro")
    assert not rules.may_apply("florence-2-base")
    assert not Rules().may_apply("flux.2-pro")


def test_a_callout_refuses_when_down_unless_told_otherwise(tmp_path: Path) -> None:
    rule = '[[rules]]\nfilters = ["judge"]\n'
    [plain] = read(tmp_path, FILTERS + rule).filters_for("flux.1-dev", "free")
    [open_] = read(tmp_path, FILTERS + 'when_down = "pass"\n' + rule).filters_for(
        "flux.1-dev", "free"
    )
    assert isinstance(plain, Callout)
    assert isinstance(open_, Callout)
    assert (plain.passes_when_down, open_.passes_when_down) == (False, True)
    assert (plain.prompts, plain.inputs, plain.pictures) == (True, True, True)
    assert plain.timeout_seconds == 5


def test_a_secret_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FILTERS + 'secret_variable = "JUDGE_SECRET"\n[[rules]]\nfilters = ["judge"]\n'
    for wrong in ("", "whsec_", "whsec_c2hvcnQ=", "whsec_!", "c2VjcmV0" * 4):
        monkeypatch.setenv("JUDGE_SECRET", wrong)
        said = fault(tmp_path, text)
        assert "set JUDGE_SECRET to whsec_" in said
        assert not wrong or wrong == "whsec_" or wrong not in said
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    monkeypatch.setenv("JUDGE_SECRET", secret)
    [judge] = read(tmp_path, text).filters_for("flux.1-dev", "free")
    assert isinstance(judge, Callout)
    assert judge.secret is not None
    assert judge.secret.get_secret_value() == secret
    assert secret not in repr(judge)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "rules: give a rules"),
        ("[[rules", "end of an array declaration"),
        ('[[rules]]\nfilters = ["words"]', "there is no filter words"),
        (FILTERS + '[[rules]]\nvariants = ["flux1.*"]\nfilters = []', "no variant is called flux1"),
        (FILTERS + "[[rules]]\nfilters = []\nvariants = []", "rules.0.variants"),
        (FILTERS + "[[rules]]\nfilters = []\ntier = 1", "rules.0.tier: there is no such field"),
        (
            '[filters.a]\nkind = "words"\nfile = "no.txt"\n[[rules]]\nfilters = []',
            "no.txt: it cannot",
        ),
        (
            '[filters.a]\nkind = "callout"\nurl = "ftp://x"\n[[rules]]\nfilters = []',
            "filters.a.url",
        ),
        ('[filters.a]\nkind = "magic"\n[[rules]]\nfilters = []', "filters.a"),
        (FILTERS + "timeout_seconds = 0\n[[rules]]\nfilters = []", "timeout_seconds"),
        (FILTERS + 'when_down = "maybe"\n[[rules]]\nfilters = []', "when_down"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault(tmp_path, text)
    assert "hidden" not in fault(tmp_path, text)


def test_without_a_file_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOTTEGA_CONTENT_FILTERS", raising=False)
    assert rules_of(ModerationSettings()) == Rules()


def test_a_file_that_is_not_there_is_no_way_round(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOTTEGA_CONTENT_FILTERS", str(tmp_path / "nowhere.toml"))
    with pytest.raises(FilterFileError, match=r"nowhere\.toml"):
        rules_of(ModerationSettings())
