"""Mentions in the guides' code: commands, modules, paths, variables, links."""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from markdown_it.token import Token

from tests.support.commands import subcommands
from tests.support.guides import ROOT, commands_in, tokens_of

GUIDES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md")]
    if "site-packages" not in path.parts
)

_OURS = re.compile(
    r"(?:^(?:\w+=\S+ )*(?:[\w./]+/)?|exec [\w/-]+ (?:-- )?)bottega (?P<rest>[a-z-].*)", re.DOTALL
)
_MODULE = re.compile(r"(?:\bpython[\d.]* |^)-m ([\w.]+)")
_PATH = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|yaml|yml|json|env|Dockerfile|service)")
_FOLDER = re.compile(r"(?:[\w-]+/)+")


def inline_code(guide: Path) -> Iterator[str]:
    """The text between backticks in a guide's sentences and tables."""
    for token in tokens_of(guide):
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def commands_of(guide: Path) -> Iterator[str]:
    """The commands of a guide's blocks and between backticks."""
    for token in tokens_of(guide):
        if token.type in {"fence", "code_block"} and token.info in {"", "sh", "console"}:
            yield from (command.strip() for command in commands_in(token.content))
    yield from inline_code(guide)


def modules_of(guide: Path) -> set[str]:
    """Modules that are run with `-m`."""
    return {found for command in commands_of(guide) for found in _MODULE.findall(command)}


def targets_of(guide: Path) -> set[str]:
    """The targets of `make` commands."""
    words = [command.split() for command in commands_of(guide)]
    return {two[1] for two in words if len(two) > 1 and two[0] == "make"}


def paths_of(guide: Path) -> set[str]:
    """Files and folders between backticks."""
    return {code for code in inline_code(guide) if _PATH.fullmatch(code) or _FOLDER.fullmatch(code)}


def links_of(guide: Path) -> Iterator[str]:
    """The targets of a guide's links and pictures within the repository."""
    for token in tokens_of(guide):
        for child in token.children or ():
            target = str(child.attrs.get("href") or child.attrs.get("src") or "")
            if target and "://" not in target:
                yield target


def anchors_of(guide: Path) -> set[str]:
    """The anchors of a guide's headings."""
    pairs = itertools.pairwise(tokens_of(guide))
    return {_slug(title) for opening, title in pairs if opening.type == "heading_open"}


def _slug(title: Token) -> str:
    return re.sub(r"[^\w\- ]", "", title.content.lower()).replace(" ", "-")


def command_lines(guide: Path) -> Iterator[list[str]]:
    """The words after each `bottega`; a choice (`jobs|queues`) gives one line each."""
    for command in commands_of(guide):
        found = _OURS.search(command)
        if found:
            first, *rest = shlex.split(found["rest"].replace("\\\n", ""), comments=True)
            yield from ([choice, *rest] for choice in first.split("|"))


def unknown_words(words: list[str], command: click.Command) -> Iterator[str]:
    """The words that name a command or an option that does not exist."""
    options = {name: option for option in command.params for name in option.opts}
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if word.startswith("-"):
            option = options.get(name)
            if option is None and name not in {"-h", "--help", "--version"}:
                yield word
            elif isinstance(option, click.Option) and not (option.is_flag or value):
                next(rest, None)
        elif isinstance(command, click.Group):
            if word not in subcommands(command):
                yield word
                return
            yield from unknown_words(list(rest), subcommands(command)[word])
