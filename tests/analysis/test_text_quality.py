"""How much a synthesized text is like the book it was learned from."""

import math
import unicodedata

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from rnn.analysis.text_quality import Book, quality_table

SENTENCE = "The ferry took Wren and Moss over to Saltmarrow, and Moss said to Wren it was late. "
BOOK = Book(
    (SENTENCE + "It knew where that boat had gone when a storm came and lamps went out. " * 2) * 30
    + "Nobody knew. " * 3
    + "It was on a Sunday that they met on Sunday. " * 20
)


def brute_force(text: str, book: str) -> int:
    return max(
        (j - i for i in range(len(text)) for j in range(i + 1, len(text) + 1) if text[i:j] in book),
        default=0,
    )


def snapshots(*texts: str) -> list[dict[str, object]]:
    return [{"update": i, "smooth_loss": 50.0 - i, "text": text} for i, text in enumerate(texts)]


@pytest.mark.parametrize("alphabet", ["ab", "abcdefghijklmnop", "小川の水はä😀\n"])
def test_the_longest_copied_stretch_is_the_one_that_trying_all_finds(alphabet: str) -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list(alphabet))
    for planted in range(0, 30, 5):
        book = "".join(rng.choice(letters, 400))
        text = "".join(rng.choice(letters, 40)) + book[100 : 100 + planted] + "!"
        copy = Book(book).longest_copy(text)
        assert len(copy) == brute_force(text, book)
        assert copy in book and copy in text


def test_of_stretches_as_long_as_one_another_the_first_is_returned() -> None:
    assert Book("abc xyz").longest_copy("xyz? abc") == "xyz"


def test_a_text_of_other_characters_has_nothing_copied() -> None:
    assert Book("abc").longest_copy("xyz") == ""
    assert Book("abc").longest_copy("") == ""


def test_a_text_may_be_longer_than_its_book() -> None:
    assert Book("abc").longest_copy("abcabcabc") == "abc"


def test_a_text_that_is_the_book_is_copied_whole() -> None:
    text = "one line that is the book, from its first to its last character"
    assert Book(text).longest_copy(text) == text


def test_differences_of_frequencies_are_half_the_sum_of_absolute_differences() -> None:
    book, text = "abracadabra", "barbarian"
    alphabet = sorted(set(book + text))
    shares = [[x.count(a) / len(x) for a in alphabet] for x in (book, text)]
    expected = cdist(shares[:1], shares[1:], "cityblock")[0, 0] / 2
    assert Book(book).off(text)[0] == pytest.approx(expected)


def test_differences_of_pairs_count_neighbours() -> None:
    assert Book("abab").off("ba")[1] == pytest.approx(2 / 3)  # ab, ba, ab against ba
    assert math.isnan(Book("abab").off("b")[1])


def test_the_book_differs_from_itself_in_nothing_and_from_strangers_in_all() -> None:
    assert BOOK.off(BOOK.text) == pytest.approx((0, 0))
    assert BOOK.off("§§§") == (1, 1)


def test_names_stand_with_a_capital_inside_sentences_and_days_are_none() -> None:
    assert set(BOOK.names) == {"Wren", "Moss", "Saltmarrow"}
    assert BOOK.names_in("Mossy Wren, and wren") == ["Wren"]


def test_words_that_may_be_cut_are_not_judged() -> None:
    assert BOOK.share_of_words("erry took zzz over Salt") == pytest.approx(2 / 3)
    assert math.isnan(BOOK.share_of_words("two words"))


def test_short_words_can_be_left_out() -> None:
    assert BOOK.share_of_words("x to qq took wwww late x", 4) == pytest.approx(2 / 3)


def test_a_book_whose_words_are_not_set_apart_has_none_to_compare() -> None:
    rng = np.random.default_rng(0)
    lines = ("".join(map(chr, rng.integers(0x4E00, 0x4F00, 9))) for _ in range(500))
    book = Book("。".join(lines))
    assert not book.has_words and BOOK.has_words
    assert quality_table(snapshots("小川" * 20), book)["words"].isna().all()


def test_names_are_told_once_where_they_are_first_seen() -> None:
    table = quality_table(snapshots("and Wren,", "to Moss and Wren", "Wren"), BOOK)
    assert list(table["names"]) == [["Wren"], ["Moss"], []]
    assert list(table["update"]) == [0, 1, 2]


def test_stretches_of_the_book_repeat_what_stands_elsewhere_alone() -> None:
    rng = np.random.default_rng(0)
    noise = "".join(map(chr, rng.integers(0x100, 0x800, 1600)))
    assert Book(noise).own(50)["copied"] < 3  # though each stands in the book itself
    assert Book(noise + noise).own(50)["copied"] == 50


def test_stretches_of_the_book_are_measured_like_any_text() -> None:
    text = BOOK.text
    room = len(text) // 8
    starts = range(room // 2, 8 * room, room)
    expected = np.mean([BOOK.off(text[i : i + 60])[1] for i in starts])
    assert BOOK.own(60)["pairs_off"] == pytest.approx(expected)


def test_a_book_without_room_for_stretches_has_no_measure_of_its_own() -> None:
    assert all(map(math.isnan, Book("a short text").own(200).values()))
    assert all(map(math.isnan, BOOK.own(0).values()))


def test_an_empty_list_of_snapshots_gives_an_empty_table() -> None:
    assert quality_table([], BOOK).empty


ARABIC = "الفَتاةُ كَتَبَت رِسالةً طَويلةً إلى البَحرِ. "
HINDI = "बूढ़ा मछुआरा समुद्र की ओर देखता रहा। "


@pytest.mark.parametrize("sentence", [ARABIC, HINDI])
def test_words_take_their_marks_with_them(sentence: str) -> None:
    book = Book(sentence * 20)
    words = sentence.strip(" .।").split()
    assert book.judged(f"x {sentence} x") == words
    cut = "".join(x for x in sentence if not unicodedata.combining(x))
    assert book.share_of_words(f"x {sentence} x") == 1 > book.share_of_words(f"x {cut} x")


def test_notation_has_no_words() -> None:
    rng = np.random.default_rng(0)
    bars = ("".join(rng.choice(list("ABcdefga2"), 4)) for _ in range(2000))
    assert not Book("|".join(bars)).has_words
    assert not Book("\n".join("".join(rng.choice(list("ACGT"), 60)) for _ in range(99))).has_words
    assert not Book("ab" * 500).has_words and not Book("ab ba " * 500).has_words


def test_no_word_is_judged_of_a_text_without_words() -> None:
    book = Book("ab ba " * 500)
    assert math.isnan(book.share_of_words("ab ba ab ba")) and not book.judged("ab ba ab ba")


def test_nouns_are_no_names_but_speakers_in_capitals_are() -> None:
    german = (
        "Der alte Mann sah auf die Welt und der Geist trug die Stimme der Frau in das Haus.\n"
        "FAUST. So ging der junge Faust zum Fenster und in die Nacht.\n"
    )
    assert Book(german * 20).names == ["FAUST"]


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("и тогда старый Левин сказал, что дом пуст, а потом все ушли к морю одни и молча. ",
         ["Левин"]),
        ("και τότε ο γέρος Πέτρος είπε ότι το μικρό σπίτι ήταν άδειο και όλα τα δέντρα ξερά. ",
         ["Πέτρος"]),
        ("und so ging die alte frau zum hafen, wie zum beispiel Str. und noch einmal weiter. ", []),
        ("the library said that all of this is free, see Copyright (c) {1, 2}; [3] #4 <5> 6=7; ",
         []),
    ],
)  # fmt: skip
def test_names_are_found_in_any_script_with_capitals(sentence: str, names: list[str]) -> None:
    assert Book(sentence * 20).names == names
