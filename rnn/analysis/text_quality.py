"""How much a synthesized text is like the book it was learned from."""

import calendar
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import regex

from rnn.text.characters import code_points
from rnn.text.corpus import Corpus

#: Returns the words of a text as they stand: letters with their marks, as Unicode's rules of word
#: boundaries take them, and apostrophes inside.  Scripts that set no words apart have none.
_words = regex.compile(
    r"[\p{WB=ALetter}\p{WB=Hebrew_Letter}][\p{L}\p{M}\p{Join_Control}]*"
    r"(?:['’][\p{L}\p{M}\p{Join_Control}]+)*"
).findall
#: Letters, and the vowels of Indic scripts, which are marks.
_letters = regex.compile(r"[\p{L}\p{InSC=Vowel_Dependent}]").findall
_signs = regex.compile(r"[^\p{L}\p{M}\s\p{Join_Control}]").findall
#: Words with a capital in the middle of sentences: after one with a small letter, and a blank.
_capital_inside = regex.compile(
    r"(?<=[\p{Ll},;]\p{M}* )(\p{Lu}\p{M}*(?:\p{L}\p{M}*){2,})\b"
).findall
_small_inside = regex.compile(r"(?<=[\p{Ll},;]\p{M}* )\p{Ll}\p{M}*(?:\p{L}\p{M}*){2,}\b").findall
_speakers = regex.compile(r"\b(\p{Lu}\p{M}*(?:\p{Lu}\p{M}*){2,})[.:]").findall
_abbreviations = regex.compile(r"\b(\p{Lu}\p{M}*(?:\p{L}\p{M}*)+)\.(?=,|\s\p{Ll})").findall

LONG = 4  # letters, at least, of words that chance seldom makes
_FEW = 0.2  # of the words: fewer long ones, and a text is no language with words
_SIGNS = 0.1  # of the characters: more that are no letters, and a text is no prose ...
_NOTATION = 0.25  # ... and more than these, and it has no words
_NOUNS = 0.15  # of the words inside sentences: more with a capital, and it says nothing of names
_DAYS_AND_MONTHS = {*calendar.day_name, *calendar.month_name}
_READ = 4_000_000  # characters of a very long text that words and names are taken from
_NAMES = 40  # recurring names that are looked for, the most frequent first
_STRETCHES = 8  # of the book itself, that synthesized texts are compared with


def _hashes(text: str, k: int) -> np.ndarray:
    """Return a 64-bit number for each stretch of `k` characters: equal ones have equal ones."""
    points = code_points(text).astype(np.uint64)
    n = max(len(points) - k + 1, 0)
    found = np.zeros(n, np.uint64)
    for j in range(k if n else 0):
        found = found * np.uint64(0x9E3779B97F4A7C15) + points[j : j + n]
    return found


def _length(word: str) -> int:
    """Return how many letters a word has, without its marks."""
    return len(word) if word.isascii() else len(_letters(word))


def _mostly_repeated(counts: Iterable[int]) -> bool:
    """Whether fewer than half of all occurrences are of what occurs once."""
    counts = list(counts)
    return sum(count == 1 for count in counts) < sum(counts) / 2


def _frequencies(text: str) -> tuple[Counter[Any], Counter[Any]]:
    """Return how often each character and each pair of neighbours occurs."""
    return Counter(text), Counter(pairwise(text))


def _distance(counts: Counter[Any], others: Counter[Any]) -> float:
    """Return the total variation distance of two frequencies; NaN if nothing is compared."""
    if not counts:
        return np.nan
    n, m = counts.total(), others.total()
    return max(0.0, 1 - sum(min(count / n, others[x] / m) for x, count in counts.items()))


class Book:
    """The words, names and frequencies of a text, of a very long one its first four million."""

    def __init__(self, text: str) -> None:
        self.text = text[:_READ]
        self._grams: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @classmethod
    @lru_cache(maxsize=1)
    def of(cls, corpus: Corpus) -> "Book":
        """Take the text from a corpus; of the same one it is the same book, counted once."""
        return cls(corpus.decode(corpus.ids[:_READ]))

    @cached_property
    def _word_counts(self) -> Counter[str]:
        """How often each word occurs, in lower case."""
        return Counter(word.lower() for word in _words(self.text))

    @cached_property
    def _signs(self) -> float:
        """The share of the characters that are neither letters nor blanks."""
        return len(_signs(self.text)) / max(len(self.text), 1)

    @cached_property
    def has_words(self) -> bool:
        """Whether it says something if a word is the book's; all that tells of words asks this.

        Not so where words are not set apart, as in Chinese, where most occur once, as in a text of
        a few lines, or where hardly any has four letters or signs abound, as in the notation of
        music.
        """
        if self._signs > _NOTATION:
            return False
        counts = self._word_counts
        lengths = {word: _length(word) for word in counts}
        long = {word: count for word, count in counts.items() if lengths[word] >= LONG}
        return (
            sum(count * lengths[word] for word, count in counts.items())
            > len(_letters(self.text)) / 2
            and _mostly_repeated(counts.values())
            and sum(long.values()) >= _FEW * counts.total()
            and _mostly_repeated(long.values())
        )

    @cached_property
    def names(self) -> list[str]:
        """Recurring names, the most frequent first.

        A name has at least three letters.  It stands with a capital, and nothing but its first
        letter in capitals, in the middle of sentences at least ten times; or all in capitals, as
        speakers in plays do, and now and then in other sentences with its first letter alone.  At
        most once in four it has a small letter.  Days, months and abbreviations are none.  Where
        most capitals are not those of names, as in German, the first kind is left out, and both
        are in what is not prose, as in programs.
        """
        if not self.has_words or self._signs > _SIGNS:
            return []
        inside, small = Counter(_capital_inside(self.text)), len(_small_inside(self.text))
        anywhere = Counter(_words(self.text))
        short = Counter(_abbreviations(self.text))
        telling = inside.total() <= _NOUNS * (inside.total() + small)
        counts = {
            name: count
            for name, count in inside.items()
            if telling and name.istitle() and short[name] <= anywhere[name] / 2
        } | {
            name: count
            for name, count in Counter(_speakers(self.text)).items()
            if anywhere[name.title()] and not (telling and inside[name.title()] >= 10)
        }
        found = {
            name: count
            for name, count in counts.items()
            if count >= 10
            and name.title() not in _DAYS_AND_MONTHS
            and anywhere[name.lower()] <= anywhere[name] / 4
        }
        return sorted(found, key=lambda name: (-found[name], name))[:_NAMES]

    def names_in(self, text: str) -> list[str]:
        """Return the recurring names that stand in a text as whole words."""
        found = set(_words(text))
        return [name for name in self.names if name in found]

    def share_of_words(self, text: str, least_letters: int = 1) -> float:
        """Return which share of a text's words are words of the book; NaN if none is judged.

        The first and last word are left out, as they may be cut, and those with fewer letters.
        """
        words = self.judged(text, least_letters)
        known = [word.lower() in self._word_counts for word in words]
        return float(np.mean(known)) if known else np.nan

    def judged(self, text: str, least_letters: int = 1) -> list[str]:
        """Return the words of a text that are looked for; none if the book has none."""
        inner = _words(text)[1:-1] if self.has_words else []
        return [word for word in inner if _length(word) >= least_letters]

    @cached_property
    def _own_frequencies(self) -> tuple[Counter[Any], Counter[Any]]:
        return _frequencies(self.text)

    def off(self, text: str) -> tuple[float, float]:
        """Return which share of a text's characters, and of its pairs of them, are too many.

        This is half the sum of the absolute differences of their frequencies from the book's, the
        total variation distance: 0 for the same frequencies, 1 for nothing in common.
        """
        characters, pairs = map(_distance, _frequencies(text), self._own_frequencies)
        return characters, pairs

    def longest_copy(self, text: str, others: str = "") -> str:
        """Return the longest stretch of a text that stands in the book, the first of equals.

        Of a piece of the book itself, `others` is the rest of the book, in which it is looked for.
        A stretch is looked for only if the hashes of all its short ones are there.
        """
        repeated, other = bool(others), others or self.text
        for k in (12, 8, 4, 2, 1):
            known, own = self._known(k)[repeated], _hashes(text, k)
            if not known.size:
                continue
            occurs = known[np.minimum(np.searchsorted(known, own), known.size - 1)] == own
            best, start = k - 1, 0
            for i in np.flatnonzero(occurs):
                # The stretch one longer than the best has best + 2 - k stretches of k characters.
                while (
                    i + best < len(text)
                    and occurs[i : i + best + 2 - k].all()
                    and text[i : i + best + 1] in other
                ):
                    best, start = best + 1, int(i)
            if best >= k:
                return text[start : start + best]
        return ""

    def _known(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the sorted hashes of all stretches of `k` characters, and of those repeated."""
        if k not in self._grams:
            found, counts = np.unique(_hashes(self.text, k), return_counts=True)
            self._grams[k] = found, found[counts > 1]
        return self._grams[k]

    def own(self, length: int) -> dict[str, float]:
        """Return what eight stretches of so many characters of the book itself have on average.

        ``characters_off``, ``pairs_off``, and ``copied``: the characters of the longest stretch
        that stands elsewhere in the book too.  NaN if there is no room for twice as many.
        """
        room = len(self.text) // _STRETCHES
        names = ("characters_off", "pairs_off", "copied")
        if length < 1 or room < 2 * length:
            return dict.fromkeys(names, np.nan)
        rows = []
        for begin in range(room // 2, room * _STRETCHES, room):
            stretch = self.text[begin : begin + length]
            # No text has half of a surrogate pair.
            others = f"{self.text[:begin]}\ud800{self.text[begin + length :]}"
            copy = self.longest_copy(stretch, others)
            rows.append((*self.off(stretch), len(copy)))
        return dict(zip(names, map(float, np.mean(rows, axis=0)), strict=True))


def quality_table(snapshots: Sequence[dict[str, Any]], book: Book) -> pd.DataFrame:
    """Measure the texts of snapshots: one row per snapshot, columns as commented below."""
    seen: set[str] = set()
    rows = []
    for snapshot in snapshots:
        text = snapshot["text"]
        names = [name for name in book.names_in(text) if name not in seen]
        seen.update(names)
        copy, (characters, pairs) = book.longest_copy(text), book.off(text)
        rows.append(
            {
                "update": snapshot["update"],
                "smooth_loss": snapshot["smooth_loss"],
                "length": len(text),  # characters
                # Shares of the words, and of those with at least four letters, that are the book's.
                "words": book.share_of_words(text),
                "long_words": book.share_of_words(text, LONG),
                "long_judged": len(book.judged(text, LONG)),  # how many the second is a share of
                "characters_off": characters,  # see `Book.off`
                "pairs_off": pairs,
                "copied": len(copy),  # characters of ...
                "copy": copy,  # ... the longest stretch that stands in the book
                "names": names,  # the book's that no snapshot before has
            }
        )
    return pd.DataFrame(rows)
