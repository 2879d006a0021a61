"""A filter of prompts by a list of words, phrases and regular expressions, one per line."""

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, product
from pathlib import Path

import regex
import structlog
from PIL.Image import Image

from workers.adapters.protocol import RequestModeratedError
from workers.moderation.content_filter import Subject
from workers.moderation.text_forms import normalised, skeleton

_WORD = re.compile(r"[^\W_]+")
_BETWEEN_WORDS = re.compile(r"[\s'’-]*")  # noqa: RUF001 - an apostrophe as people type it
_COMMENT = "#"
_FEWEST_LETTERS = 3
_PATTERN_SECONDS = 1.0
"""The longest that all patterns together may search one prompt, in the process's time on a CPU.

`regex` measures its limit by that clock, too: a machine that is busy otherwise refuses no prompt.
"""

_SHORTEST_SECONDS = 0.01

_log = structlog.get_logger(__name__)


class WordListError(Exception):
    """A list cannot be used. The message gives the line's number and does not quote it."""


class WordList:
    """A filter that refuses prompts with an entry of the list.

    A line is a word or a phrase, matched as whole words with any characters between them, or a
    regular expression between slashes, searched for anywhere. `#` begins a comment. Prompts and
    entries are compared in both forms of `workers.moderation.text_forms`; words are also found
    with punctuation or, letter by letter, spaces in them. Scripts without spaces between words
    need regular expressions.

    It is a convenience: it saves work on what people write without a second thought. Whoever
    means to get past it describes the same thing in other words.

    Args:
        lines: the lines of the list.
        reason: the reason for the job's owner; it must not quote the list.
    """

    def __init__(self, lines: Iterable[str], reason: str) -> None:
        self._reason = reason
        self._phrases: dict[str, list[Sequence[str]]] = defaultdict(list)
        self._joined: set[str] = set()
        self._patterns: list[tuple[int, regex.Pattern[str]]] = []
        for number, line in enumerate(lines, start=1):
            entry = line.strip()
            if entry and not entry.startswith(_COMMENT):
                self._add(number, entry)
        if not self._phrases and not self._patterns:
            raise WordListError("it holds no word")
        self._longest = max(map(len, self._joined), default=0)

    def _add(self, number: int, entry: str) -> None:
        if entry[0] == entry[-1] == "/" and len(entry) > len("//"):
            try:
                self._patterns.append((number, regex.compile(entry[1:-1], regex.IGNORECASE)))
            except regex.error:
                raise WordListError(f"line {number} is not a regular expression") from None
            return
        words = _WORD.findall(normalised(entry))
        if not words or any(not _BETWEEN_WORDS.fullmatch(gap) for gap in _WORD.split(entry)):
            raise WordListError(
                f"line {number} holds more than words: write it as a /regular expression/"
            )
        for form in (words, _WORD.findall(skeleton(entry))):
            self._phrases[form[0]].append(form)
            self._joined.add("".join(form))

    def check_prompt(self, prompt: str, subject: Subject) -> None:
        """See `ContentFilter`. A prompt that the patterns do not get through in time is refused."""
        texts = {normalised(prompt), skeleton(prompt)}
        if any(map(self._has_word, texts)) or self._has_pattern(texts, subject):
            raise RequestModeratedError(self._reason)

    def check_input(self, picture: Image, subject: Subject) -> None:
        """Pass every picture: the list has words alone."""

    def check_picture(self, picture: Image, subject: Subject) -> None:
        """Pass every picture: the list has words alone."""

    def _has_word(self, text: str) -> bool:
        words = _WORD.findall(text)
        return (
            self._has_phrase(words)
            or any(self._has_joined(run) for run in _runs_of_letters(words))
            or any(self._has_joined(_WORD.findall(chunk)) for chunk in text.split())
        )

    def _has_phrase(self, words: Sequence[str]) -> bool:
        return any(
            words[at : at + len(phrase)] == phrase
            for at, word in enumerate(words)
            for phrase in self._phrases.get(word, ())
        )

    def _has_joined(self, parts: Sequence[str]) -> bool:
        """True when neighbouring parts make a listed word."""
        return any(word in self._joined for word in _joins(parts, self._longest))

    def _has_pattern(self, texts: Iterable[str], subject: Subject) -> bool:
        deadline = time.process_time() + _PATTERN_SECONDS
        for text, (number, pattern) in product(texts, self._patterns):
            try:
                left = max(_SHORTEST_SECONDS, deadline - time.process_time())
                if pattern.search(text, timeout=left, concurrent=True):
                    return True
            except TimeoutError:
                _log.warning("word_list_pattern_too_slow", line=number, job_id=subject.job_id)
                return True
        return False


def _runs_of_letters(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """The runs of three or more words that are single letters."""
    for is_letter, run in groupby(words, lambda word: len(word) == 1):
        letters = list(run)
        if is_letter and len(letters) >= _FEWEST_LETTERS:
            yield letters


def _joins(parts: Sequence[str], longest: int) -> Iterator[str]:
    """Every join of neighbours that is long enough to be a word, and not too long to be listed."""
    for start in range(len(parts)):
        joined = parts[start]
        for part in parts[start + 1 :]:
            joined += part
            if len(joined) > longest:
                break
            if len(joined) >= _FEWEST_LETTERS:
                yield joined


def read_word_list(path: Path, reason: str) -> WordList:
    """Read the list from a file.

    Raises:
        WordListError: the file does not exist, or is not a list.
    """
    try:
        return WordList(path.read_text(encoding="utf-8").splitlines(), reason)
    except (OSError, UnicodeDecodeError) as error:
        raise WordListError(f"it cannot be read: {type(error).__name__}") from error
