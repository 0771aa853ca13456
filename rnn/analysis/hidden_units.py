"""What single hidden units tell about the text that the network reads.

A *feature* says something about every character read, by a stated rule: yes or no (inside
quotation marks), or a number (characters since the line began).  Each unit's activations are
compared with it on the first half of a stretch of text; the unit that tells it best there is
measured on the second half, which had no part in the choice.  For comparison there is what the
character just read tells by itself: a unit that tells more has remembered something.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from rnn.sampling import read_pieces

#: Returns one value per character of a text: bool for yes or no, else a number; NaN for none.
Feature = Callable[[str], np.ndarray]

#: Scores from here on count as telling a feature clearly.
CLEARLY = {"AUC": 0.75, "rank correlation": 0.5}

_WARM_UP = 200  # characters read before the stretch
VOWELS = "aeiouαεηιουωаеиоуыэюяє"
_LEAST = 30  # characters with a feature, and without it, that each half must have


def _each(rule: Callable[[str], bool]) -> Feature:
    return lambda text: np.array([rule(character) for character in text], bool)


def _inside_quotes(text: str) -> np.ndarray:
    """From an opening mark to before the closing one; the end of a paragraph closes all."""
    inside, open_now = np.zeros(len(text), bool), False
    paragraph = "\n\n" if "\n\n" in text else "\n"
    for i, character in enumerate(text):
        if character in "“„«「『":
            open_now = True
        elif character in "”»」』" or text.startswith(paragraph, i):
            open_now = False
        elif character == '"':
            open_now = not open_now
        inside[i] = open_now
    return inside


def _capital_due(text: str) -> np.ndarray:
    """After a full stop, question or exclamation mark and then a blank, up to the next letter."""
    due = np.zeros(len(text), bool)
    for match in re.finditer(r"[.!?][\"'”’)»]*(\s[^\w.!?]*)", text):
        due[slice(*match.span(1))] = True
    return due


def _capital_before(text: str) -> np.ndarray:
    """Letters of words that began with a capital, after that capital."""
    inside = np.zeros(len(text), bool)
    for match in re.finditer(r"[^\W\d_]+", text):
        inside[match.start() + 1 : match.end()] = match[0][0].isupper()
    return inside


def _since_line_feed(text: str) -> np.ndarray:
    """Count the characters since the last line feed; NaN before the first."""
    counts = accumulate(text, lambda n, x: 0 if x == "\n" else n + 1, initial=np.nan)
    return np.fromiter(counts, float)[1:]


def _letters_of_word(text: str) -> np.ndarray:
    """Count the letters of the word read so far; NaN outside words."""
    counts = accumulate(text, lambda n, x: n + 1 if x.isalpha() else 0, initial=0)
    letters = np.fromiter(counts, float)[1:]
    return np.where(letters > 0, letters, np.nan)


#: What units are compared with, by name.
FEATURES: dict[str, Feature] = {
    "inside quotation marks": _inside_quotes,
    "a capital is due after a full stop": _capital_due,
    "inside a word that began with a capital": _capital_before,
    "characters since the line began": _since_line_feed,
    "letters of the word so far": _letters_of_word,
    "a blank or line end was read": _each(str.isspace),
    "a vowel was read": _each(lambda x: unicodedata.normalize("NFD", x)[0].lower() in VOWELS),
    "a capital letter was read": _each(str.isupper),
    "a digit was read": _each(str.isdigit),
    "a punctuation mark was read": _each(lambda x: unicodedata.category(x)[0] == "P"),
}


@dataclass(frozen=True)
class Stretch:
    """A stretch of a text, and the states of the last layer while it is read."""

    text: str  # n characters
    ids: np.ndarray  # (n,) them as numbers
    H: np.ndarray  # (n, m) the state after each, or (n, 2 m) with the cell state, c / (1 + |c|)
    m: int  # hidden units; the rest are cell states

    @classmethod
    def of(
        cls, parameters: Any, h: np.ndarray, vocabulary: str, ids: np.ndarray, most: int = 40_000
    ) -> "Stretch":
        """Read a stretch from the middle of a text, after 200 characters before it.

        Parameters
        ----------
        parameters, h
            As for `rnn.sampling.read`; `h` preferably a state that training led to.
        vocabulary : str
            The characters that the ids stand for.
        ids : (n,) integers
            The whole text.
        most : int
            Characters of the stretch; fewer for very many units, to spare memory.
        """
        characters = min(most, 20_000_000 // h.size, len(ids))
        begin = (len(ids) - characters) // 2
        warm_up = min(_WARM_UP, begin)
        part = np.asarray(ids[begin - warm_up : begin + characters])
        pieces = read_pieces(parameters, h.reshape(1, -1).copy(), part)
        H, m = np.concatenate([piece[-1] for piece in pieces])[warm_up:], parameters.V.shape[1]
        # Cell states have no bounds; brought between -1 and 1 they keep their order.
        H[:, m:] /= 1 + np.abs(H[:, m:])
        return cls("".join(vocabulary[i] for i in part[warm_up:]), part[warm_up:], H, m)

    def name(self, unit: int) -> str:
        """Return what the state with a number from 1 is called."""
        return str(unit) if unit <= self.m else f"{unit - self.m} (cell state)"

    @property
    def half(self) -> int:
        """Where the second half begins."""
        return len(self.text) // 2


def tell(stretch: Stretch, features: Mapping[str, Feature] = FEATURES) -> pd.DataFrame:
    """Find the unit that tells each feature best on the first half, and measure it on the second.

    The area under the curve (AUC) is the probability that the activation is higher at a character
    with the feature than at one without: 0.5 is chance, 1 tells them apart.  The rank correlation
    (Spearman's) is 0 for chance.  A feature that either half has fewer than 30 times, or lacks
    fewer than 30 times, is left out.

    Returns
    -------
    pandas.DataFrame
        One row per feature: ``feature``, ``measure`` ('AUC' for yes or no, 'rank correlation' for
        a number), ``unit`` (from 1) and its ``name``, ``sign`` (+1 if high activations mean yes or
        many, else -1),
        ``chosen_with`` and ``score`` (the measure on the first and on the second half, in the
        unit's direction), ``character_alone`` (what the character just read tells on the second
        half: each scores its mean on the first), ``clear`` (the score is at least `CLEARLY`).
    """
    columns = "feature measure unit name sign chosen_with score character_alone clear".split()
    first, second = slice(None, stretch.half), slice(stretch.half, None)
    H = stretch.H[first].T.copy()
    ranks = _ranks(H)  # for all the features that every character has
    rows = []
    for name, values_of in features.items():
        values = values_of(stretch.text)
        if not (_enough(values[first]) and _enough(values[second])):
            continue
        yes_no = values.dtype == bool
        measure, centre = ("AUC", 0.5) if yes_no else ("rank correlation", 0.0)
        score = _areas if yes_no else _rank_correlations
        scores = score(ranks if yes_no else H, values[first])
        unit = int(np.argmax(np.abs(scores - centre)))
        sign = 1 if scores[unit] >= centre else -1
        chosen_with = sign * (scores[unit] - centre) + centre
        known = pd.Series(values[first], dtype=float)
        means = known.groupby(stretch.ids[first]).mean().reindex(stretch.ids[second])
        alone = means.fillna(known.mean())  # characters that the first half does not have
        both = _ranks(np.array([sign * stretch.H[second, unit], alone]))
        own, by_character = score(both, values[second])
        clear = bool(own >= CLEARLY[measure])
        called = stretch.name(unit + 1)
        rows.append((name, measure, unit + 1, called, sign, chosen_with, own, by_character, clear))
    return pd.DataFrame(rows, columns=columns)


def _enough(values: np.ndarray) -> bool:
    """Whether there are enough characters with and without, or of two or more numbers."""
    if values.dtype == bool:
        return min(values.sum(), (~values).sum()) >= _LEAST
    known = values[~np.isnan(values)]
    return len(known) >= _LEAST and known.min(initial=np.inf) < known.max(initial=-np.inf)


def _ranks(rows: np.ndarray) -> np.ndarray:
    """Return the ranks from 1 within each row, without NaN; equal numbers share their mean."""
    # Row by row in memory, as sums of a row in another order have other last digits.
    return np.array(pd.DataFrame(rows).rank(axis=1), order="C")


def _areas(ranks: np.ndarray, yes: np.ndarray) -> np.ndarray:
    """Return the area under the curve of each row of ranks."""
    n = yes.sum()
    return (ranks[:, yes].sum(axis=1) - n * (n + 1) / 2) / (n * (len(yes) - n))


def _rank_correlations(scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each row with the values that are numbers."""
    known = ~np.isnan(values)
    ranks, others = _ranks(scores[:, known]), _ranks(values[known][np.newaxis])[0]
    ranks -= ranks.mean(axis=1, keepdims=True)
    others -= others.mean()
    spread = np.sqrt((ranks**2).sum(axis=1) * (others**2).sum())
    return np.divide(
        (ranks * others).sum(axis=1), spread, out=np.zeros(len(spread)), where=spread > 0
    )
