"""How much a synthesized text is like the book it was learned from."""

import calendar
import re
from collections import Counter
from functools import cached_property

import numpy as np

from rnn.corpus import Corpus

__all__ = ["Book", "words"]

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_DAYS_AND_MONTHS = {*calendar.day_name, *calendar.month_name}
_READ = 4_000_000  # characters of a very long text that words and names are taken from
_NAMES = 40  # recurring names that are looked for, the most frequent first


def words(text: str) -> list[str]:
    """Return the words of a text as they stand: letters, with apostrophes inside."""
    return _WORD.findall(text)


class Book:
    """The words and names of a text.

    Parameters
    ----------
    text : str
        The text; of a very long one the first four million characters are taken.
    """

    def __init__(self, text: str) -> None:
        self.text = text[:_READ]

    @classmethod
    def of(cls, corpus: Corpus) -> "Book":
        """Take the text from a corpus."""
        return cls(corpus.decode(corpus.ids[:_READ]))

    @cached_property
    def words(self) -> frozenset[str]:
        """All words, in lower case."""
        return frozenset(word.lower() for word in words(self.text))

    @cached_property
    def names(self) -> list[str]:
        """Recurring names, the most frequent first.

        A name is a word of at least three letters that stands with a capital, and nothing but
        its first letter in capitals, in the middle of sentences (after a lower-case word and a
        blank) at least ten times, and at most once in four with a small letter; days and
        months are none.
        """
        inside = Counter(re.findall(r"(?<=[a-zà-ÿ,;] )([^\W\d_a-z][^\W\d_]{2,})\b", self.text))
        anywhere = Counter(words(self.text))
        counts = {
            name: count
            for name, count in inside.items()
            if count >= 10
            and name.istitle()
            and name not in _DAYS_AND_MONTHS
            and anywhere[name.lower()] <= anywhere[name] / 4
        }
        return sorted(counts, key=lambda name: (-counts[name], name))[:_NAMES]

    def names_in(self, text: str) -> list[str]:
        """Return the recurring names that stand in a text as whole words."""
        found = set(words(text))
        return [name for name in self.names if name in found]

    def share_of_words(self, text: str, least_letters: int = 1) -> float:
        """Return which share of a text's words are words of the book.

        Parameters
        ----------
        text : str
            The text; its first and last word are left out, as they may be cut.
        least_letters : int
            Shorter words are not counted.

        Returns
        -------
        float
            Between 0 and 1; not a number if no word is counted.
        """
        inner = [word for word in words(text)[1:-1] if len(word) >= least_letters]
        return float(np.mean([word.lower() in self.words for word in inner])) if inner else np.nan
