"""Forms of a text in which disguised spellings are equal: normalised, and as a skeleton.

The skeleton follows Unicode's security mechanisms (UTS #39, confusables.txt) for the letters of
Cyrillic, Greek, Armenian and Latin extensions that look like basic Latin ones.
"""

import re
import unicodedata

_IGNORABLE = re.compile(
    # Default_Ignorable_Code_Point without those of the category Cf, and the blank of Braille.
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_PLAIN = "LATIN", "GREEK", "CYRILLIC", "ARMENIAN"
"""Scripts in which a combining mark only decorates a letter; elsewhere it may be a vowel."""

_CAPITALS = str.maketrans("ΗΜΝΥ", "HMNY")  # noqa: RUF001 - their small forms look like others
_SEEN_AS = {  # of each: Cyrillic, Greek, Armenian, extensions of Latin, its small capital
    "a": "аαɑᴀ",
    "b": "вьβƅʙ",
    "c": "сᴄ",  # noqa: RUF001
    "d": "ԁđᴅ",
    "e": "еεᴇ",
    "f": "ꜰ",
    "g": "ցɡɢ",
    "h": "нһհħʜ",
    "i": "іιıɩɪ",  # noqa: RUF001
    "j": "јյᴊ",
    "k": "кκᴋ",
    "l": "ӏłʟ",
    "m": "мᴍ",
    "n": "ηոɴ",
    "o": "оοσօøᴏ",
    "p": "рρքᴘ",
    "q": "ԛ",  # noqa: RUF001
    "r": "гʀ",
    "s": "ѕꜱ",  # noqa: RUF001
    "t": "тτᴛ",
    "u": "υμսᴜ",
    "v": "ѵνᴠ",  # noqa: RUF001
    "w": "ԝωᴡ",
    "x": "хχ",
    "y": "уγʏ",  # noqa: RUF001
    "z": "ᴢ",  # noqa: RUF001
}
_LOOK_ALIKES = {ord(each): latin for latin, seen in _SEEN_AS.items() for each in seen}
_ENCLOSED = {
    first + n: chr(ord("a") + n) for first in (0x1F150, 0x1F170, 0x1F1E6) for n in range(26)
}
"""Letters in black circles and squares, and those of flags, which have no compatibility form."""

_DIGITS = str.maketrans("013457@$", "oieastas")


def normalised(text: str) -> str:
    """Text normalised for comparison: compatibility forms unified, case folded, single spaces.

    Invisible characters (zero-width spaces, soft hyphens, fillers, variation selectors) are
    removed: they separate no words.
    """
    visible = _visible(unicodedata.normalize("NFKC", text)).casefold()
    return " ".join(unicodedata.normalize("NFKC", visible).split())


def skeleton(text: str) -> str:
    """The normalised text in basic Latin letters, where it only looks like them.

    Marks on letters are dropped, look-alikes replaced, and so are digits and signs that stand for
    letters beside others. Texts that differ in sense may have one skeleton.
    """
    upright = _visible(unicodedata.normalize("NFKC", text)).translate(_CAPITALS).casefold()
    plain = "".join(_without_marks(unicodedata.normalize("NFD", upright)))
    latin = unicodedata.normalize("NFKC", plain.translate(_LOOK_ALIKES).translate(_ENCLOSED))
    return " ".join(map(_with_letters_for_digits, latin.split()))


def _visible(text: str) -> str:
    return "".join(c for c in _IGNORABLE.sub("", text) if unicodedata.category(c) != "Cf")


def _without_marks(decomposed: str) -> list[str]:
    kept: list[str] = []
    is_plain = False
    for character in decomposed:
        if unicodedata.category(character) in ("Mn", "Me"):
            if is_plain:
                continue
        else:
            is_plain = unicodedata.name(character, "").startswith(_PLAIN)
        kept.append(character)
    return kept


def _with_letters_for_digits(chunk: str) -> str:
    return chunk.translate(_DIGITS) if any(map(str.isalpha, chunk)) else chunk
