"""Characters: as numbers, and as a person can see them."""

import unicodedata

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError

CodePoints = npt.NDArray[np.uint32]

_NAMES = {"\0": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", " ": "space"}


def visible(character: str) -> str:
    """Return something visible for any character.

    A name for a space or control character, a dotted circle below a combining one, the code point
    of one without a glyph; every other character is itself.
    """
    if character in _NAMES:
        return _NAMES[character]
    if unicodedata.category(character).startswith("M"):
        return "\N{DOTTED CIRCLE}" + character
    return character if character.isprintable() else f"U+{ord(character):04X}"


def printable(text: str) -> str:
    """Replace every character that is not printable, as in the name of a file, by a mark."""
    return "".join(x if x.isprintable() else "\N{REPLACEMENT CHARACTER}" for x in text)


def code_points(text: str) -> CodePoints:
    """Return the code point of every character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def encode(text: str, vocabulary: str, name: str, source: str) -> np.ndarray:
    """Return the ids of a text, shape (n,): the places of its characters in a sorted vocabulary.

    If one is not there, the error calls the text `name`, and the vocabulary that of `source`.
    """
    known, points = code_points(vocabulary), code_points(text)
    ids = np.minimum(np.searchsorted(known, points), len(known) - 1)
    unknown = np.flatnonzero(known[ids] != points)
    if len(unknown):
        character = text[unknown[0]]
        raise ReportError(
            f"{name}: expected characters of {source}, got {character!r} "
            f"(U+{ord(character):04X} {unicodedata.name(character, 'without a name')}) "
            f"at position {unknown[0]:,}"
        )
    return ids.astype(np.min_scalar_type(len(known) - 1))
