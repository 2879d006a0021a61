"""The operator's file that says which content filters there are, and for whom.

[filters.words]
kind = "words"
file = "words.txt"                  # beside this file

[filters.judge]
kind = "callout"
url = "http://10.0.0.7:9000/check"
secret_variable = "JUDGE_SECRET"    # whsec_…, from the environment
timeout_seconds = 5
when_down = "refuse"                # or "pass"
inputs = false                      # as prompts and pictures: it is asked about all three, or not

[[rules]]                           # the first that fits decides; none: no filter
variants = ["flux.*"]
tiers = ["*"]
filters = ["words", "judge"]
"""

import base64
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveFloat, SecretStr, ValidationError

from workers import catalog
from workers.moderation.callout import Callout
from workers.moderation.content_filter import ContentFilter
from workers.moderation.word_list import WordListError, read_word_list
from workers.outbound import BadUrlError, Outbound, OutboundSettings

_SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins
_MIN_SECRET_BYTES = 24


class FilterFileError(Exception):
    """The file cannot be used; the message says where and why."""


class _Words(BaseModel, extra="forbid"):
    kind: Literal["words"]
    file: Path
    reason: str = Field(default="it has words that are not allowed here", max_length=200)

    def make(self, _name: str, folder: Path) -> ContentFilter:
        try:
            return read_word_list(folder / self.file, self.reason)
        except WordListError as error:
            raise FilterFileError(f"{self.file}: {error}") from error


class _Callout(BaseModel, extra="forbid"):
    kind: Literal["callout"]
    url: str
    secret_variable: str | None = None
    timeout_seconds: PositiveFloat = Field(default=5, le=60)
    prompts: bool = True
    inputs: bool = True
    pictures: bool = True
    when_down: Literal["refuse", "pass"] = "refuse"

    def make(self, name: str, _folder: Path) -> ContentFilter:
        try:
            outbound = Outbound(OutboundSettings(), trusted=(self.url,))
        except BadUrlError as error:
            raise FilterFileError(f"filters.{name}.url: {error}") from None
        return Callout(
            name=name,
            url=self.url,
            outbound=outbound,
            timeout_seconds=self.timeout_seconds,
            secret=_secret(self.secret_variable) if self.secret_variable else None,
            prompts=self.prompts,
            inputs=self.inputs,
            pictures=self.pictures,
            passes_when_down=self.when_down == "pass",
        )


class _Rule(BaseModel, extra="forbid"):
    variants: list[str] = Field(default=["*"], min_length=1)
    tiers: list[str] = Field(default=["*"], min_length=1)
    filters: list[str]


class _File(BaseModel, extra="forbid"):
    filters: dict[str, Annotated[_Words | _Callout, Field(discriminator="kind")]] = {}
    rules: list[_Rule] = Field(min_length=1)


@dataclass(frozen=True)
class Rule:
    """Filters for the variants and tiers that any of the patterns fits."""

    variants: Sequence[str]
    tiers: Sequence[str]
    filters: tuple[ContentFilter, ...]

    def concerns(self, variant: str) -> bool:
        """Whether the rule may decide over a variant's jobs."""
        return _fits(variant, self.variants)


@dataclass(frozen=True)
class Rules:
    """Which filters judge a job: those of the first rule that fits, none where none does."""

    rules: Sequence[Rule] = ()

    def concern(self, variant: str) -> bool:
        """Whether any filter may judge jobs of a variant, whatever the tier."""
        return any(rule.filters for rule in self.rules if rule.concerns(variant))

    def chosen(self, variant: str, tier: str) -> tuple[ContentFilter, ...]:
        """The filters for a variant's jobs of a tier, in order."""
        for rule in self.rules:
            if rule.concerns(variant) and _fits(tier, rule.tiers):
                return rule.filters
        return ()


def read_rules(path: Path) -> Rules:
    """The rules in a file.

    Raises:
        FilterFileError: it is missing, no TOML, or names what is not there.
    """
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        return _rules(read, path.parent)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, FilterFileError) as error:
        raise FilterFileError(f"{path}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise FilterFileError(f"{path}: {faults}") from None


def _rules(read: _File, folder: Path) -> Rules:
    made = {name: filter_.make(name, folder) for name, filter_ in read.filters.items()}
    return Rules(tuple(_rule(rule, made) for rule in read.rules))


def _rule(rule: _Rule, made: Mapping[str, ContentFilter]) -> Rule:
    """A misspelt name would leave jobs unjudged, so it is an error."""
    known = [row.id for row in catalog.variants()]
    for pattern in rule.variants:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise FilterFileError(f"rules: no variant is called {pattern}")
    for name in rule.filters:
        if name not in made:
            raise FilterFileError(f"rules: there is no filter {name}")
    return Rule(rule.variants, rule.tiers, tuple(made[name] for name in rule.filters))


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _secret(variable: str) -> SecretStr:
    """Standard Webhooks' form of a secret, from the environment."""
    text = os.environ.get(variable, "")
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_SECRET_PREFIX) or len(key) < _MIN_SECRET_BYTES:
        raise FilterFileError(
            f"set {variable} to {_SECRET_PREFIX} and the base64 of "
            f"{_MIN_SECRET_BYTES} bytes or more"
        )
    return SecretStr(text)
