"""The operator's file of content filters, and of the rules that apply them.

[filters.words]
kind = "words"
file = "words.txt"                  # beside this file

[filters.judge]
kind = "callout"
url = "http://10.0.0.7:9000/check"
secret_variable = "JUDGE_SECRET"    # whsec_…, from the environment
timeout_seconds = 5
when_down = "refuse"                # or "pass"
inputs = false                      # true by default, as are prompts and pictures

[[rules]]                           # the first that matches decides; none: no filter
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

from db.core.plain_words import message_of
from db.core.secret_strength import WeakSecretError, require_strong
from workers import catalog
from workers.moderation.callout import Callout
from workers.moderation.content_filter import ContentFilter
from workers.moderation.word_list import WordListError, read_word_list
from workers.outbound import BadUrlError, Outbound, OutboundSettings

_SECRET_PREFIX = "whsec_"  # noqa: S105 - the beginning of a secret
_MIN_SECRET_BYTES = 24


class FilterFileError(Exception):
    """The file cannot be used; the message names the place and the reason."""


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
            secret=_read_secret(self.secret_variable) if self.secret_variable else None,
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
    """Filters for the variants and tiers that match any of the patterns."""

    variants: Sequence[str]
    tiers: Sequence[str]
    filters: tuple[ContentFilter, ...]

    def applies_to(self, variant: str) -> bool:
        """True when the rule may apply to a variant's jobs."""
        return _matches_any(variant, self.variants)


@dataclass(frozen=True)
class Rules:
    """The rules in order. The first that matches a job decides its filters; none: no filter."""

    rules: Sequence[Rule] = ()

    def may_apply(self, variant: str) -> bool:
        """True when any filter may judge jobs of a variant, for any tier."""
        return any(rule.filters for rule in self.rules if rule.applies_to(variant))

    def filters_for(self, variant: str, tier: str) -> tuple[ContentFilter, ...]:
        """The filters for a variant's jobs of a tier, in order."""
        for rule in self.rules:
            if rule.applies_to(variant) and _matches_any(tier, rule.tiers):
                return rule.filters
        return ()


def read_rules(path: Path) -> Rules:
    """Read the rules from a file.

    Raises:
        FilterFileError: the file is missing, is not TOML, or names something that does not exist.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        return _make_rules(file, path.parent)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, FilterFileError) as error:
        raise FilterFileError(f"{path}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {message_of(item)}" for item in error.errors()
        )
        raise FilterFileError(f"{path}: {faults}") from None


def _make_rules(file: _File, folder: Path) -> Rules:
    filters = {name: filter_.make(name, folder) for name, filter_ in file.filters.items()}
    return Rules(tuple(_make_rule(rule, filters) for rule in file.rules))


def _make_rule(rule: _Rule, filters: Mapping[str, ContentFilter]) -> Rule:
    """Make a rule. A misspelt name is an error: it would leave jobs without a filter."""
    patterns = [catalog.id_of(pattern) for pattern in rule.variants]
    known = [row.id for row in catalog.variants()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise FilterFileError(f"rules: no variant is called {pattern}")
    for name in rule.filters:
        if name not in filters:
            raise FilterFileError(f"rules: there is no filter {name}")
    return Rule(patterns, rule.tiers, tuple(filters[name] for name in rule.filters))


def _matches_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _read_secret(variable: str) -> SecretStr:
    """Read a secret in Standard Webhooks' form from the environment."""
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
    try:
        require_strong(variable, text.removeprefix(_SECRET_PREFIX))
    except WeakSecretError:
        raise FilterFileError(
            f"{variable} is too easy to guess: "
            f'`echo "{_SECRET_PREFIX}$(openssl rand -base64 32)"` makes a good one'
        ) from None
    return SecretStr(text)
