"""The reading of the synthesized texts: true sentences for good, bad and short runs."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from rnn.analysis.text_quality import Book, quality_table
from rnn.report.sections.quality import (
    quality_alt,
    quality_caption,
    quality_reading,
    quality_view,
    table_caption,
)

SENTENCE = (
    "the ferry took Wren and Moss over to Saltmarrow, and then Moss said to Wren: it was late. "
)
BOOK = Book(SENTENCE * 40)
OTHERS = Book("one word after another stands in this other text and then stands there again " * 30)
NOISE = "qz7 x#v Kqq wwv zzxq qqq vvww kzzz "


def read(book: Book, *texts: str, own: dict[str, float] | None = None) -> str:
    snapshots = [
        {"update": 1 if i == 0 else 10_000 * i, "smooth_loss": 50.0 - i, "text": text}
        for i, text in enumerate(texts)
    ]
    own = book.own(len(texts[0])) if own is None else own
    return quality_reading(quality_table(snapshots, book), book, own)


def test_a_run_that_learns_is_said_to_spell() -> None:
    text = read(BOOK, NOISE * 2, "and the ferry said then took late over ferry qq")
    assert "before update 10,000 it is all" in text
    assert "learned to spell" in text


def test_a_run_that_learns_nothing_is_not_said_to_spell() -> None:
    text = read(BOOK, NOISE, NOISE)
    assert "hardly changed" in text and "learned" not in text
    assert "do not appear in any snapshot" in text


def test_a_run_that_gets_worse_is_said_to() -> None:
    assert "spells worse than the first" in read(BOOK, SENTENCE, NOISE)


def test_a_single_snapshot_is_told_without_a_change() -> None:
    text = read(BOOK, SENTENCE[:60])
    assert "at first" not in text and "it is" not in text.split("“")[0]
    assert "Before update 1, all of the synthesized words are words of the book" in text


def test_names_are_told_with_the_update_of_their_first() -> None:
    text = read(BOOK, NOISE, "then Moss said", "Moss and Wren and so")
    assert "2 of the 3 most frequent appear" in text
    assert re.search(r"Moss \(10,000\) and Wren \(20,000\)", text)


def test_a_book_without_names_has_no_sentence_of_names() -> None:
    assert not OTHERS.names
    assert "name" not in read(OTHERS, "one word after")


def test_a_book_whose_words_are_not_set_apart_is_told_so() -> None:
    rng = np.random.default_rng(0)
    lines = ["".join(map(chr, rng.integers(0x4E00, 0x4F00, 9))) for _ in range(500)]
    book = Book("。".join(lines))
    text = read(book, lines[0] + "。" + lines[7])
    assert "occur in it only once" in text and "nan" not in text
    assert "of the 19 characters" in text


def test_a_phrase_longer_than_the_book_repeats_is_said_to_be_learned_by_heart() -> None:
    own = {"characters_off": 0.1, "pairs_off": 0.4, "copied": 12.0}
    assert "learned by heart" in read(BOOK, SENTENCE, own=own)
    assert "nothing unusual" in read(BOOK, SENTENCE, own=own | {"copied": len(SENTENCE) / 1.5})
    assert "does not recite" in read(BOOK, NOISE, own=own)


def test_nothing_in_common_is_told_without_a_stretch() -> None:
    assert "No character of the snapshots stands in the book." in read(BOOK, "§§§§")


def test_the_first_snapshot_as_near_as_the_book_is_named() -> None:
    own = {"characters_off": 0.3, "pairs_off": 0.6, "copied": 12.0}
    text = read(BOOK, NOISE, SENTENCE, SENTENCE, own=own)
    assert "the snapshot before update 10,000 is the first" in text
    assert "which no snapshot comes near" in read(BOOK, NOISE, own=own)
    far = {"characters_off": 0.9, "pairs_off": 0.97, "copied": 2.0}
    assert "which no snapshot comes near" in read(BOOK, "§§§§", own=far)


def test_markup_in_texts_and_names_stays_text() -> None:
    book = Book("and so *Wren* <b> said and Wren **said** to Wren [x](y) " * 30)
    text = read(book, "so *Wren* <b> said and")
    assert "*Wren*" not in text and "<b>" not in text.replace(r"\<", "")


@pytest.mark.parametrize("texts", [("",), ("\n",), ("", SENTENCE), (SENTENCE, ""), ("a", "b")])
@pytest.mark.parametrize("book", [BOOK, OTHERS, Book("ab"), Book("7 7 7 7")])
def test_no_text_however_short_gives_a_number_that_is_none(
    book: Book, texts: tuple[str, ...]
) -> None:
    text = read(book, *texts)
    assert "nan" not in re.sub("“.*?”", "", text)
    assert text.strip().endswith(".")


def test_no_snapshot_at_all_is_told() -> None:
    assert quality_reading(pd.DataFrame(), BOOK, {}) == "There is no snapshot to read."


def test_the_table_leaves_out_what_says_nothing() -> None:
    snapshots = [{"update": 10_000, "smooth_loss": 45.1236, "text": "one word after another"}]
    view = quality_view(quality_table(snapshots, OTHERS))
    assert list(view.iloc[0][:3]) == ["10,000", "45.1236", "100%"]
    assert "new names" not in view
    assert "words" not in quality_view(quality_table(snapshots, Book("§ 小川")))


def test_caption_and_alternative_text_are_free_of_numbers_that_are_none() -> None:
    table = quality_table([{"update": 1, "smooth_loss": 9.0, "text": "小川"}], Book("小川の"))
    none = dict.fromkeys(("characters_off", "pairs_off", "copied"), math.nan)
    assert "nan" not in quality_caption(table, none) + quality_alt(table)
    assert "[Figure](#fig-quality)" in table_caption("fig-quality")
    own = {"characters_off": 0.1, "pairs_off": 0.4, "copied": 12.0}
    assert "10% and 40% off and have 12.0 characters" in quality_caption(table, own)
