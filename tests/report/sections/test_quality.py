"""The reading of the synthesized texts: true sentences for good, bad and short runs."""

import math
import re
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from section_outputs import rows, said

from rnn.analysis.text_quality import Book, quality_table
from rnn.report.sections.snapshots import facts, figure, selected, show
from rnn.report.sentences import Sentences
from rnn.report.show import Section
from rnn.runs.run import Run
from rnn.settings import Settings

SENTENCE = (
    "the ferry took Wren and Moss over to Saltmarrow, and then Moss said to Wren: it was late. "
)
OTHERS_SAY = "nobody knew where that boat had gone when the storm came and lamps went out. "
BOOK = Book((SENTENCE + OTHERS_SAY * 2) * 40)
OTHERS = Book("one word after another stands in this other text and then stands there again " * 30)
NOISE = "qz7 x#v Kqq wwv zzxq qqq vvww kzzz " * 3
OWN = {"characters_off": 0.1, "pairs_off": 0.4, "copied": 12.0}


def measured(book: Book, *texts: str, own: dict[str, float] | None = None) -> dict[str, Any]:
    snapshots = [
        {"update": 1 if i == 0 else 10_000 * i, "smooth_loss": 50.0 - i, "text": text}
        for i, text in enumerate(texts)
    ]
    own = book.own(len(texts[0])) if own is None else own
    return facts(quality_table(snapshots, book), book, own)


def read(book: Book, *texts: str, own: dict[str, float] | None = None) -> str:
    return said("snapshots_quality", "reading", measured(book, *texts, own=own))


def table(book: Book, *texts: str) -> pd.DataFrame:
    return rows("snapshots_quality", "table", measured(book, *texts))


def test_a_run_that_learns_is_said_to_spell() -> None:
    texts = NOISE, "and the ferry said then took late over ferry qq"
    values = measured(BOOK, *texts)
    spelling = values["spelling"]
    assert spelling["better"] and spelling["spells"] and not spelling["was_better"]
    assert values["words"] == [(1, 0.0), (10_000, 1.0)]
    assert "100% before update 10,000" in read(BOOK, *texts)


def test_a_run_that_was_better_in_between_is_said_to_have_been() -> None:
    texts = NOISE, SENTENCE, "and the ferry took qqqq zzzz over late qq"
    spelling = measured(BOOK, *texts)["spelling"]
    assert spelling["better"] and spelling["was_better"]
    assert (spelling["best"], spelling["best_before"]) == (1.0, 10_000)


def test_a_run_that_learns_nothing_is_not_said_to_spell() -> None:
    values = measured(BOOK, NOISE, NOISE)
    assert not values["spelling"]["better"] and not values["spelling"]["worse"]
    assert not values["names"] and len(values["book_names"]) == 3
    assert all(name in read(BOOK, NOISE, NOISE) for name in BOOK.names[:3])


def test_a_run_that_gets_worse_is_said_to() -> None:
    assert measured(BOOK, SENTENCE, NOISE)["spelling"]["worse"]


def test_a_single_snapshot_is_told_without_a_change() -> None:
    values = measured(BOOK, SENTENCE[:60])
    assert len(values["words"]) == len(values["pairs_off"]) == 1
    assert "100% before update 1" in said("snapshots_quality", "reading", values)
    assert "first" not in said("snapshots_quality", "alt", values)


def test_names_are_told_with_the_update_of_their_first() -> None:
    texts = NOISE, "then Moss said", "Moss and Wren and so"
    assert len(measured(BOOK, *texts)["names"]) == 2
    assert re.search(r"Moss \(10,000\) and Wren \(20,000\)", read(BOOK, *texts))


def test_a_book_without_names_has_no_sentence_of_names() -> None:
    assert not OTHERS.names
    assert "name" not in read(OTHERS, "one word after")


def test_a_book_whose_words_are_not_set_apart_is_told_so() -> None:
    rng = np.random.default_rng(0)
    lines = ["".join(map(chr, rng.integers(0x4E00, 0x4F00, 9))) for _ in range(500)]
    book = Book("。".join(lines))
    values = measured(book, lines[0] + "。" + lines[7])
    assert not values["has_words"] and not values["words"]
    assert values["longest"]["length"] == 19
    assert "%" not in said("snapshots_quality", "reading", values).split(".")[0]


def test_a_phrase_longer_than_the_book_repeats_is_said_to_be_learned_by_heart() -> None:
    short, usual, long = (
        measured(BOOK, text, own=OWN | {"copied": own})
        for text, own in ((NOISE, 12.0), (SENTENCE, len(SENTENCE) / 1.5), (SENTENCE, 12.0))
    )
    assert short["longest"]["copied"] <= 12 and not short["by_heart"]
    assert usual["longest"]["copied"] > usual["own"]["copied"] and not usual["by_heart"]
    assert long["by_heart"]
    last = {
        said("snapshots_quality", "reading", one).split(":")[-1] for one in (short, usual, long)
    }
    assert len(last) == 3


def test_nothing_in_common_is_told_without_a_stretch() -> None:
    assert "“" not in read(BOOK, "§§§§")


def test_the_first_snapshot_as_near_as_the_book_is_named() -> None:
    own = {"characters_off": 0.3, "pairs_off": 0.6, "copied": 12.0}
    assert measured(BOOK, NOISE, SENTENCE, SENTENCE, own=own)["near_before"] == 10_000
    assert measured(BOOK, NOISE, own=own)["near_before"] == 0
    far = {"characters_off": 0.9, "pairs_off": 0.97, "copied": 2.0}
    assert measured(BOOK, "§§§§", own=far)["near_before"] == 0


def test_markup_in_texts_and_names_stays_text() -> None:
    book = Book("and so *Wren* <b> said and Wren **said** to Wren [x](y) " * 30)
    text = read(book, "so *Wren* <b> said and")
    assert "*Wren*" not in text and "<b>" not in text.replace(r"\<", "")


@pytest.mark.parametrize("texts", [("",), ("\n",), ("", SENTENCE), (SENTENCE, ""), ("a", "b")])
@pytest.mark.parametrize("book", [BOOK, OTHERS, Book("ab"), Book("7 7 7 7")])
def test_no_text_however_short_gives_nan(book: Book, texts: tuple[str, ...]) -> None:
    values = measured(book, *texts)
    for block in ("reading", "caption", "alt"):
        text = said("snapshots_quality", block, values)
        assert "nan" not in re.sub("“.*?”", "", text).lower()
        assert text.endswith(".")


def test_the_table_leaves_out_what_says_nothing() -> None:
    view = table(OTHERS, NOISE, "one word after another")
    assert list(view.iloc[1][:3]) == ["10,000", "49.0000", "100%"]
    assert "new names" not in view
    assert "words" not in table(Book("§ 小川"), "one word after another")


def test_a_measure_that_is_nan_is_a_dash() -> None:
    assert table(BOOK, "x", SENTENCE)["pairs off"][0] == "–"


def test_the_caption_has_the_books_own_numbers() -> None:
    caption = said("snapshots_quality", "caption", measured(BOOK, SENTENCE, own=OWN))
    assert all(number in caption for number in ("10%", "40%", "12.0"))
    none = dict.fromkeys(OWN, math.nan)
    assert "%" not in said("snapshots_quality", "caption", measured(BOOK, SENTENCE, own=none))
    assert "[Figure](#fig-quality)" in said("snapshots_quality", "table_caption", {"names": []})


def test_a_share_that_falls_is_said_to_fall_though_longer_words_are_as_good() -> None:
    short = "it was to it was to it was to late said then took ferry over "
    texts = short, "it qq ww zz vv qq late said then took ferry over it was q"
    values = measured(BOOK, *texts)
    assert values["spelling"]["all_fell"] and not values["spelling"]["worse"]
    plain = measured(BOOK, short, short)
    assert len(said("snapshots_quality", "reading", values)) > len(
        said("snapshots_quality", "reading", plain)
    )


def test_a_few_long_words_decide_nothing() -> None:
    assert measured(BOOK, "it was to it", "then it was late said to it")["spelling"] == {}


def test_a_column_of_nothing_is_neither_shown_nor_promised() -> None:
    values = measured(BOOK, "it was to it", "it was to it")
    assert values["words"] and not values["long_words"]
    assert "words of 4+ letters" not in table(BOOK, "it was to it")
    assert "four" not in said("snapshots_quality", "caption", values)


def test_a_line_end_in_a_copy_has_a_glyph() -> None:
    book = Book("one line ends\nhere and there\n" * 30)
    assert "␊" not in read(book, "line ends\nhere")
    assert "ends↵here" in read(book, "line ends\nhere")


def run_with(updates: int, every: int) -> Run:
    """Return what the sections about snapshots look at of a run."""
    taken = sorted({1, *range(every, updates + 1, every)})
    snapshots = [{"update": update, "smooth_loss": 5.0, "text": SENTENCE} for update in taken]
    settings = Settings(snapshot_every=every)
    return cast(Run, SimpleNamespace(settings=settings, state=SimpleNamespace(snapshots=snapshots)))


@pytest.mark.parametrize(
    ("updates", "every", "shown", "told"),
    [
        (317_086, 10_000, [1, *range(10_000, 100_001, 10_000)], ["10,000", "100,000"]),
        (317_086, 1000, [1, *range(10_000, 100_001, 10_000)], ["10,000", "100,000"]),
        (500, 100, [1, *range(100, 501, 100)], ["100", "500"]),
        (2000, 100, [1, *range(200, 2001, 200)], ["200", "2,000"]),
        (2000, 1, [1, *range(200, 2001, 200)], ["200", "2,000"]),
        (9, 1, [*range(1, 10)], ["9"]),
        (9, 10, [1], []),
    ],
)
def test_the_snapshots_shown_are_those_asked_for_or_reach_to_the_end(
    outputs: list[Any], updates: int, every: int, shown: list[int], told: list[str]
) -> None:
    run = run_with(updates, every)
    assert [one["update"] for one in selected(run)] == shown
    show(Section("snapshots", Sentences()), run)
    numbers = re.findall(r"[\d,]*\d", outputs[0]["data"]["text/markdown"])
    assert numbers == [*told, "200"], "the characters of a snapshot come last"


def test_what_stretches_of_a_book_differ_by_does_not_make_a_snapshot_far_from_it() -> None:
    own = {"characters_off": 0.02, "pairs_off": 0.04, "copied": 12.0}
    near, far = ([{"update": 1, "copied": 1, "names": [], "words": math.nan, "copy": "a",
                   "long_words": math.nan, "long_judged": 0, "words_judged": 0, "length": 200,
                   "characters_off": off, "pairs_off": off, "smooth_loss": 1.0}]
                 for off in (0.045, 0.09))  # fmt: skip
    found = [facts(pd.DataFrame(rows), BOOK, own)["near_before"] for rows in (near, far)]
    assert found == [1, 0]


def test_marks_of_a_single_snapshot_are_whole_and_apart_from_the_legend() -> None:
    rows = quality_table([{"update": 1, "smooth_loss": 5.0, "text": SENTENCE}], BOOK)
    drawn = figure(rows, OWN)
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
        assert marks and not any(line.get_clip_on() for line in marks)
        if legend := axes.get_legend():
            assert not legend.get_window_extent().overlaps(axes.bbox)
    alt = said("snapshots_quality", "alt", measured(BOOK, "§a"))
    assert "1 character." in alt


def test_characters_and_pairs_are_those_of_the_same_snapshots() -> None:
    values = measured(BOOK, "x", "the sea", "the sand went", "y")
    updates = [[update for update, _ in values[name]] for name in ("characters_off", "pairs_off")]
    assert updates[0] == updates[1] and len(updates[0]) == 2
