"""A filter of prompts by a list of words, phrases and regular expressions, one per line."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL.Image import Image

from workers.adapters.protocol import RequestModeratedError
from workers.moderation.content_filter import Subject

_WORD = re.compile(r"[^\W_]+")
_BETWEEN_WORDS = re.compile(r"[\s'’-]*")  # noqa: RUF001 - an apostrophe as people type it
_COMMENT = "#"


class WordListError(Exception):
    """A list cannot be used. The message gives the line's number and does not quote it."""


class WordList:
    """A filter that refuses prompts with an entry of the list.

    A line is a word or a phrase, matched as whole words with any characters between them, or a
    regular expression between slashes, searched for anywhere. `#` begins a comment. Texts are
    compared after `normalised`. Scripts without spaces between words need regular expressions.

    Args:
        lines: the lines of the list.
        reason: the reason for the job's owner; it must not quote the list.
    """

    def __init__(self, lines: Iterable[str], reason: str) -> None:
        self._reason = reason
        self._phrases: dict[str, list[Sequence[str]]] = defaultdict(list)
        self._patterns: list[re.Pattern[str]] = []
        for number, line in enumerate(lines, start=1):
            entry = line.strip()
            if entry and not entry.startswith(_COMMENT):
                self._add(number, entry)
        if not self._phrases and not self._patterns:
            raise WordListError("it holds no word")

    def _add(self, number: int, entry: str) -> None:
        if entry[0] == entry[-1] == "/" and len(entry) > len("//"):
            try:
                self._patterns.append(re.compile(entry[1:-1], re.IGNORECASE))
            except re.error:
                raise WordListError(f"line {number} is not a regular expression") from None
            return
        words = _WORD.findall(normalised(entry))
        if not words or any(not _BETWEEN_WORDS.fullmatch(gap) for gap in _WORD.split(entry)):
            raise WordListError(
                f"line {number} holds more than words: write it as a /regular expression/"
            )
        self._phrases[words[0]].append(words)

    def check_prompt(self, prompt: str, subject: Subject) -> None:  # noqa: ARG002 - all alike
        """See `ContentFilter`."""
        text = normalised(prompt)
        if self._has_phrase(text) or any(p.search(text) for p in self._patterns):
            raise RequestModeratedError(self._reason)

    def check_input(self, picture: Image, subject: Subject) -> None:
        """Pass every picture: the list has words alone."""

    def check_picture(self, picture: Image, subject: Subject) -> None:
        """Pass every picture: the list has words alone."""

    def _has_phrase(self, text: str) -> bool:
        words = _WORD.findall(text)
        return any(
            words[at : at + len(phrase)] == phrase
            for at, word in enumerate(words)
            for phrase in self._phrases.get(word, ())
        )


def read_word_list(path: Path, reason: str) -> WordList:
    """Read the list from a file.

    Raises:
        WordListError: the file does not exist, or is not a list.
    """
    try:
        return WordList(path.read_text(encoding="utf-8").splitlines(), reason)
    except (OSError, UnicodeDecodeError) as error:
        raise WordListError(f"it cannot be read: {type(error).__name__}") from error


def normalised(text: str) -> str:
    """Text normalised for comparison: compatibility forms unified, case folded, single spaces.

    Invisible characters (zero-width spaces, soft hyphens) are removed: they separate no words.
    """
    visible = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", "".join(visible).casefold()).split())
