"""A text as HTML for a notebook: how likely the network found each character, and what else.

The shade of a character tells the probability p_t that the network itself gave it; what it was
drawn from, with a temperature and a nucleus, is derived from that.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import partial

import numpy as np
from wcwidth import wcswidth

from rnn.report.escaping import INVISIBLE, html_text
from rnn.runs.models import Model, probabilities
from rnn.text.characters import visible

__all__ = ["room_for_alternatives", "text_html"]

_SHOWN = 5  # alternatives
_TOGETHER = 4  # characters in one place, at most: one and those that combine with it
_SHADES = 9  # a whole number of bits each, the last for all that is less likely
_UNSEEN = re.compile(f"[{INVISIBLE}\r\ud800-\udfff]")


def room_for_alternatives(vocabulary: str) -> float:
    """Return how wide a list of alternatives may become, in em of the text.

    So much is kept free beside the text, or that of a line's last character would be cut off.
    """
    return 0.59 * (11 + max(wcswidth(_name(character)) for character in vocabulary))


def text_html(model: Model, text: str, prime: str = "") -> tuple[str, float]:
    """Return the text that a model wrote after a prime as HTML, and its mean bits per character.

    There is an element per character and those that combine with it, with its shade and
    alternatives; those of the prime begin with its second.  Bits are -log2 of a probability.
    """
    known = prime[1:] + text  # all that the network gives a probability
    P = probabilities(model, known, prime[:1])
    drawn = np.array([model.vocabulary.index(character) for character in known], np.int64)
    chances = P[np.arange(len(known)), drawn].astype(np.float64)
    bits = -np.log2(np.maximum(chances, np.finfo(P.dtype).tiny))
    shades = np.minimum(np.rint(bits), _SHADES - 1).astype(int).tolist()
    names = [_name(character) for character in model.vocabulary]
    likeliest = np.argsort(-P, axis=1, kind="stable")[:, :_SHOWN]
    told = list(map(partial(_alternatives, names), P, likeliest.tolist(), drawn.tolist()))
    if prime:
        known, shades, told = prime[0] + known, [0, *shades], ["", *told]
    read, written = (
        "".join(_elements(known[part], shades[part], told[part]))
        for part in (slice(len(prime)), slice(len(prime), None))
    )
    read = f'<span class="prime">{read}</span>' if prime else ""
    html = f'<div class="written" dir="auto">{read}{written}</div>'
    return html, float(bits[len(bits) - len(text) :].mean())


def _elements(text: str, shades: list[int], told: list[str]) -> Iterator[str]:
    """Yield the elements of a text; combining characters share that of the one they stand on."""
    at = 0
    while at < len(text):
        end, named = at + 1, _UNSEEN.match(text[at]) or _combines(text[at])
        while (
            text[at] != "\n" and not named and text[end : at + _TOGETHER] and _combines(text[end])
        ):
            end += 1
        lists = "\nthen\n".join(filter(None, told[at:end]))
        about = f' data-a="{html_text(lists)}"' if lists else ""
        characters, shade = text[at:end], f"s{max(shades[at:end])}"
        if characters == "\n":
            # The line ends after the element, or its alternatives would hang on the next one.
            yield f'<i class="{shade} n"{about}></i>\n'
        elif named:
            yield f'<i class="{shade} u"{about}>{_name(characters)}</i>'
        else:
            yield f'<i class="{shade}"{about}>{html_text(characters)}</i>'
        at = end


def _combines(character: str) -> bool:
    return unicodedata.category(character).startswith("M") and not _UNSEEN.match(character)


def _alternatives(names: list[str], p: np.ndarray, likeliest: list[int], drawn: int) -> str:
    """List the likeliest characters of a place, the drawn one marked and always among them."""
    shown = likeliest if drawn in likeliest else [*likeliest, drawn]
    width, lines = max(wcswidth(names[k]) for k in shown), []
    for k in shown:
        percent = 100 * float(p[k])
        told = f"{percent:.{1 if percent >= 0.1 else 3}f}" if percent >= 5e-4 else "<.001"
        space = " " * (width - wcswidth(names[k]))
        lines.append(f"{'▸' if k == drawn else ' '} {names[k]}{space} {told:>5} %")
    return "\n".join(lines)


def _name(character: str) -> str:
    point = f"U+{ord(character):04X}"
    return point if _UNSEEN.match(character) else visible(character)
