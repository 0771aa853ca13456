"""Characters as a person can see them."""

import unicodedata

__all__ = ["printable", "visible"]

NAMES = {"\0": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", " ": "space"}


def visible(character: str) -> str:
    """Return something to be seen for any character.

    A name for a space or control character, a dotted circle below a combining one, the code point
    of what has no shape; every other character is itself.
    """
    if character in NAMES:
        return NAMES[character]
    if unicodedata.category(character).startswith("M"):
        return "\N{DOTTED CIRCLE}" + character
    return character if character.isprintable() else f"U+{ord(character):04X}"


def printable(text: str) -> str:
    """Return a name of a file with a mark for each character that is not printable."""
    return "".join(x if x.isprintable() else "\N{REPLACEMENT CHARACTER}" for x in text)
