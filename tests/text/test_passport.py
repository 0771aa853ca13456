"""A text is described truly, with what is unusual about it."""

import dataclasses
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from texts import LONG, file_of, loaded

from rnn.text import books
from rnn.text.books import BOOKS
from rnn.text.characters import visible
from rnn.text.corpus import load_corpus
from rnn.text.passport import cautions, edition, passport


def test_passport_is_plain_data_without_a_path(tmp_path: Path) -> None:
    corpus = loaded(tmp_path, "a text\twith é\n" * 2000)
    facts = passport(corpus, 25, 1000)
    stored = json.dumps(facts)
    assert json.loads(stored) == facts
    assert str(tmp_path) not in stored and str(tmp_path) not in repr(corpus)
    assert facts["file"] == "a text.txt"
    assert facts["updates_per_epoch"] == 1000
    assert facts["first_loss"] == pytest.approx(25 * math.log(len(set("a text\twith é\n"))))
    assert (facts["line_ends"], facts["byte_order_mark"], facts["warnings"]) == ("LF", "none", [])
    assert facts["characters"] == len(corpus)


def test_default_book_is_canonical_and_its_rarest_characters_are_counted() -> None:
    corpus = load_corpus()
    facts = passport(corpus, 25, 45_298)
    assert facts["first_loss"] == pytest.approx(109.861, abs=5e-4)
    assert (facts["edition"], facts["warnings"]) == ("canonical (K = 81)", [])
    counts = Counter(corpus.path.read_text(encoding="utf-8"))
    rarest = sorted(counts.items(), key=lambda item: (item[1], item[0]))[:10]
    found = [(x["code_point"], x["count"]) for x in facts["rarest"]]
    assert found == [(f"U+{ord(x):04X}", n) for x, n in rarest]


def test_mixed_line_ends_are_counted(tmp_path: Path) -> None:
    corpus = loaded(tmp_path, "one\r\ntwo\nthree\r\nfour\r")
    assert passport(corpus, 2, 1)["line_ends"] == "LF (1) and CR LF (2) and CR (1)"


def test_every_character_is_shown_in_some_visible_way() -> None:
    shown = {x: visible(x) for x in "a é\t\n\r\0\x1b\u0301\u200b\ufeff\ue000👩א"}
    assert all(text.strip() and text.isprintable() for text in shown.values())
    assert len(set(shown.values())) == len(shown)
    assert shown["\t"] == "tab" and shown["\x1b"] == "U+001B" and shown["\u0301"] == "◌\u0301"


def test_file_name_of_any_bytes_can_be_stored(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xffme\n.txt"))
    path.write_bytes(b"abcabc")
    corpus = load_corpus(path)
    json.dumps(passport(corpus, 2, 2), ensure_ascii=False).encode("utf-8")
    assert corpus.title.isprintable() and corpus.name.isprintable()


# -- What is unusual


def warnings_of(
    folder: Path, text: str, encoding: str = "utf-8", read_as: str = "", seq_length: int = 2
) -> str:
    path = file_of(folder, text.encode(encoding))
    return " ".join(cautions(load_corpus(path, read_as or encoding), seq_length))


def test_ordinary_text_has_no_warnings(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, LONG) == ""


def test_cr_lf_is_kept_and_said(tmp_path: Path) -> None:
    assert "K one larger" in warnings_of(tmp_path, LONG.replace("\n", "\r\n"))
    assert "2 ways, LF and CR LF" in warnings_of(tmp_path, LONG + LONG.replace("\n", "\r\n"))


def test_utf_8_read_as_latin_1_is_recognised(tmp_path: Path) -> None:
    for words in ("“curly” quotes’", "é ü å", "日本語", "👩"):
        text = LONG + words * 2
        assert "encoding=utf-8" in warnings_of(tmp_path, text, "utf-8", "latin-1")
        damaged = text.encode().decode("latin-1")
        assert "damage is in the file" in warnings_of(tmp_path, damaged)


def test_ordinary_accents_are_not_taken_for_a_misreading(tmp_path: Path) -> None:
    for words in (
        "déjà vu « été » naïve Ça où ", "ÄÖÜ äöüß ", "Ã and Â and â ", "日本語 ", "“é” ‘à’ ",
    ):  # fmt: skip
        assert warnings_of(tmp_path, LONG + words * 2) == ""


def test_characters_that_occur_once_are_named(tmp_path: Path) -> None:
    said = warnings_of(tmp_path, LONG + "Z\t")
    assert "once" in said and "2 (tab, Z)" in said


def test_large_vocabulary_and_short_text_are_said(tmp_path: Path) -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 501))) * 4
    assert "K = 501 is over 500" in warnings_of(tmp_path, many)
    assert "over 500" not in warnings_of(tmp_path, many.replace(many[0], ""))
    assert "999 whole segments" in warnings_of(tmp_path, "ab" * 1999 + "ab", seq_length=4)
    assert warnings_of(tmp_path, "ab" * 2000 + "a", seq_length=4) == ""


def test_wrong_encoding_in_the_past_is_said(tmp_path: Path) -> None:
    assert "U+FFFD stands 3 times" in warnings_of(tmp_path, LONG + "\ufffd" * 3)
    assert "looks like UTF-16" in warnings_of(tmp_path, LONG, "utf-16-le", "utf-8")


# -- Editions of known books

Put = Callable[..., Path]


@pytest.fixture
def goblet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Put]:
    """A text of 80 characters, three of them of two bytes, in the place of the assignment's."""
    vocabulary = "\n" + "".join(map(chr, range(0x20, 0x20 + 76))) + "é¢Ж"
    canonical = vocabulary * 30
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    monkeypatch.setitem(BOOKS, "goblet", dataclasses.replace(BOOKS["goblet"], sha256=digest))
    monkeypatch.setattr(books, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()

    def put(text: str = canonical, name: str = "data/goblet_book.txt") -> Path:
        return file_of(tmp_path, text.encode(), name)

    return canonical, put


def test_canonical_goblet_is_recognised_under_any_name(goblet: tuple[str, Put]) -> None:
    _, put = goblet
    path = put(name="other.txt")
    put()
    for corpus in (load_corpus("goblet"), load_corpus(path)):
        assert edition(corpus) == "canonical (K = 80)"
        assert cautions(corpus, 2) == []
    assert load_corpus("goblet").title == "The Goblet of Fire"


def test_known_slips_with_goblet_are_named_with_their_cause(goblet: tuple[str, Put]) -> None:
    text, put = goblet

    def found(encoding: str = "utf-8") -> str:
        return edition(load_corpus("goblet", encoding))

    put(text.replace("\n", "\r\n"))
    assert "K = 81" in found() and "CR LF" in found()
    put(text.replace("¢", "A"))
    assert "K = 79" in found()
    put(text + "THE END")
    assert "K = 80" in found()
    assert "not the canonical edition" in " ".join(cautions(load_corpus("goblet"), 2))
    put()
    assert "the canonical file read as latin-1 (K = 83)" in found("latin-1")
    assert found("cp1252") == found("latin-1").replace("latin-1", "cp1252")
    put(text.encode().decode("cp1252"))
    assert "K = 83" in found()


def test_text_that_is_not_a_known_book_has_no_edition(tmp_path: Path) -> None:
    assert edition(loaded(tmp_path, "abc")) == ""
