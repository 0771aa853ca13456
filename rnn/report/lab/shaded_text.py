"""A text as HTML for a notebook: how likely the network found each character, and what else.

The shade of a character tells the probability p_t that the network itself gave it; what it was
drawn from, with a temperature and a nucleus, is derived from that.
"""

import re
import unicodedata
from collections.abc import Iterator

import numpy as np

from rnn.report.escaping import INVISIBLE, html_text
from rnn.runs.models import Model
from rnn.runs.writing import probabilities
from rnn.text.characters import visible

__all__ = ["LEGEND", "STYLE", "room_for_alternatives", "text_html"]

_SHOWN = 5  # alternatives
_TOGETHER = 4  # characters in one place, at most: one and those that combine with it
_SHADES = 9  # a whole number of bits each, the last for all that is less likely
_UNSEEN = re.compile(f"[{INVISIBLE}\r\ud800-\udfff]")

#: Of everything below an element of the class ``rnn-text``.
STYLE = """<style>
.rnn-text { position: relative; padding: 4px 0 5em; line-height: 1.5; user-select: text;
  color: var(--jp-content-font-color1, #212121); transition: opacity 0.15s; }
.rnn-text .written { max-width: 84ch; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 13px/1.65 var(--jp-code-font-family, monospace); margin-bottom: 8px; cursor: default; }
.rnn-text i { font-style: normal; padding: 1px 0; }
.rnn-text .prime, .rnn-text .prime i { font-weight: bold; }
.rnn-text .prime { border-bottom: 2px solid var(--jp-brand-color1, #1976d2); padding-bottom: 1px; }
.rnn-text .n::before { content: "\\21B5"; opacity: 0.6; }
.rnn-text .u { font-size: 75%; border: 1px solid; border-radius: 3px; padding: 0 2px; }
.rnn-text i[data-a]:hover { outline: 2px solid var(--jp-brand-color1, #1976d2); }
.rnn-text i[data-a]:hover::after { content: attr(data-a); position: absolute; z-index: 10;
  margin: 1.9em 0 0 -1ch; padding: 4px 8px; white-space: pre; pointer-events: none;
  font: 12px/1.4 var(--jp-code-font-family, monospace); opacity: 1;
  direction: ltr; unicode-bidi: bidi-override; border-radius: 3px;
  color: var(--jp-ui-font-color1, #212121); background: var(--jp-layout-color1, #fff);
  border: 1px solid var(--jp-border-color1, #bdbdbd); box-shadow: 0 2px 8px rgba(0, 0, 0, 0.35); }
.rnn-text .told { max-width: 100ch; font-size: 13px; margin: 2px 0; }
.rnn-text .scale { display: inline-block; margin-right: 0.5em; }
.rnn-text .scale i { padding: 2px 6px; white-space: nowrap; display: inline-block; }
.rnn-stale .rnn-text { opacity: 0.4; }
SHADES
</style>""".replace(
    "SHADES",
    "\n".join(
        f".rnn-text .s{bits} {{ background: rgba(240, 120, 20, {0.08 * bits:.2f}) }}"
        for bits in range(_SHADES)
    ),
)


def room_for_alternatives(vocabulary: str) -> float:
    """Return how wide a list of alternatives may become, in em of the text.

    So much is kept free beside the text, or that of a line's last character would be cut off.
    """
    return 0.59 * (11 + max(_width(_name(character)) for character in vocabulary))


def text_html(model: Model, text: str, prime: str = "") -> tuple[str, float]:
    """Return a text with each character's shade and alternatives, as HTML.

    Parameters
    ----------
    model : Model
        Whose probabilities are shown.
    text : str
        What the model wrote.
    prime : str
        What it read before; shown too, with how likely it was from its second character on.

    Returns
    -------
    html : str
        An element a character, in which those that combine with it stand too; a line feed
        follows its own.
    bits : float
        The mean of -log2 of the characters' probabilities, over `text`.
    """
    P = probabilities(model, text, prime)
    if len(prime) > 1:
        P = np.concatenate([probabilities(model, prime[1:], prime[0]), P])
    whole = (prime + text)[len(prime) > 0 :]
    known = {character: i for i, character in enumerate(model.vocabulary)}
    drawn = np.array([known[character] for character in whole], np.int64)
    chances = P[np.arange(len(whole)), drawn].astype(np.float64)
    bits = -np.log2(np.maximum(chances, np.finfo(P.dtype).tiny))
    shades = np.minimum(np.rint(bits), _SHADES - 1).astype(int).tolist()
    names = [_name(character) for character in model.vocabulary]
    likeliest = np.argsort(-P, axis=1, kind="stable")[:, :_SHOWN]
    told = [
        _alternatives(names, p, ids, own)
        for p, ids, own in zip(P, likeliest.tolist(), drawn.tolist(), strict=True)
    ]
    if prime:
        whole, shades, told = prime[0] + whole, [0, *shades], ["", *told]
    read, written = (
        "".join(_elements(whole[part], shades[part], told[part]))
        for part in (slice(len(prime)), slice(len(prime), None))
    )
    if prime:
        read = f'<span class="prime">{read}</span>'
    return (
        f'<div class="written" dir="auto">{read}{written}</div>',
        float(bits[len(bits) - len(text) :].mean()),
    )


def _elements(text: str, shades: list[int], told: list[str]) -> Iterator[str]:
    """Yield the elements of a text; combining characters share that of the one they stand on."""
    at = 0
    while at < len(text):
        end = at + 1
        if text[at] != "\n" and not _UNSEEN.match(text[at]) and not _combines(text[at]):
            while end < min(len(text), at + _TOGETHER) and _combines(text[end]):
                end += 1
        lists = "\nthen\n".join(filter(None, told[at:end]))
        yield _element(text[at:end], f"s{max(shades[at:end])}", lists)
        at = end


def _combines(character: str) -> bool:
    return unicodedata.category(character).startswith("M") and not _UNSEEN.match(character)


def _element(characters: str, shade: str, alternatives: str) -> str:
    """Return the element of a character, with those that combine with it."""
    about = f' data-a="{html_text(alternatives)}"' if alternatives else ""
    if characters == "\n":
        # The line ends after the element, or its alternatives would hang on the next one.
        return f'<i class="{shade} n"{about}></i>\n'
    if _UNSEEN.match(characters) or _combines(characters[0]):
        return f'<i class="{shade} u"{about}>{_name(characters)}</i>'
    return f'<i class="{shade}"{about}>{html_text(characters)}</i>'


def _alternatives(names: list[str], p: np.ndarray, likeliest: list[int], drawn: int) -> str:
    """List the likeliest characters of a place, the drawn one marked and always among them."""
    shown = likeliest if drawn in likeliest else [*likeliest, drawn]
    width = max(_width(names[k]) for k in shown)
    return "\n".join(
        f"{'▸' if k == drawn else ' '} {names[k]}{' ' * (width - _width(names[k]))} "
        f"{_percent(float(p[k])):>5} %"
        for k in shown
    )


def _percent(chance: float) -> str:
    percent = 100 * chance
    if percent >= 0.1:
        return f"{percent:.1f}"
    return f"{percent:.3f}" if percent >= 0.0005 else "<.001"


def _name(character: str) -> str:
    point = f"U+{ord(character):04X}"
    return point if _UNSEEN.match(character) else visible(character)


def _width(name: str) -> int:
    """Count the columns that a name takes in a monospaced font."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not _combines(c) for c in name)


def _scale() -> str:
    labels = ["100 %", "50", "25", "13", "6", "3", "1.6", "0.8", "0.4 or less"]
    return "".join(f'<i class="s{bits}">{label}</i>' for bits, label in enumerate(labels))


#: What the shades mean.
LEGEND = (
    f'<span class="scale">{_scale()}</span> The network’s own probability of a character, whatever '
    "temperature and top-p it was drawn with. Point at one for the likeliest in its place; ▸ marks "
    "the one that stands there. A prime is underlined."
)
