"""A text as HTML for a notebook: how likely the network found each character, and what else.

The shade of a character tells the probability p_t that the network itself gave it; what it was
drawn from, with a temperature and a nucleus, is derived from that.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import regex
from wcwidth import wcswidth

from rnn.report.escaping import INVISIBLE, html_text
from rnn.runs.models import Model, probabilities
from rnn.text.characters import visible

_SHOWN = 5  # alternatives
_SHADES = 9  # a whole number of bits each, the last for all that is less likely
_UNSEEN = rf"[{INVISIBLE}\r\ud800-\udfff]"
#: A character and at most three that combine with it; what cannot be seen, and what has nothing to
#: combine with, stands alone and is named.
_PLACE = regex.compile(rf"(?P<named>{_UNSEEN}|\p{{M}})|\n|.(?:\p{{M}}(?<!{_UNSEEN})){{0,3}}")


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
    for place in _PLACE.finditer(text):
        part = slice(*place.span())
        lists = "\nthen\n".join(filter(None, told[part]))
        about = f' data-a="{html_text(lists)}"' if lists else ""
        shade = f"s{max(shades[part])}"
        if place["named"]:
            yield f'<i class="{shade} u"{about}>{_name(place[0])}</i>'
        elif place[0] == "\n":
            # The line ends after the element, or its alternatives would hang on the next one.
            yield f'<i class="{shade} n"{about}></i>\n'
        else:
            yield f'<i class="{shade}"{about}>{html_text(place[0])}</i>'


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
    return point if regex.match(_UNSEEN, character) else visible(character)
