"""A text is read as it is, and becomes ids and a vocabulary."""

import hashlib
import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from texts import file_of, loaded, refusal, text_of

from rnn import ROOT
from rnn.errors import ReportError
from rnn.text.books import BOOKS
from rnn.text.corpus import load_corpus, require_segments


def test_default_book_has_the_numbers_of_its_description() -> None:
    corpus = load_corpus()
    assert (corpus.name, corpus.title) == ("saltmarrow", "The Mapmakers of Saltmarrow")
    assert (corpus.bytes, len(corpus), corpus.K) == (1_132_507, 1_132_470, 81)
    assert corpus.sha256 == hashlib.sha256(corpus.path.read_bytes()).hexdigest()
    assert corpus.sha256 == BOOKS["saltmarrow"].sha256
    described = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for fact in (corpus.bytes, len(corpus), (len(corpus) - 1) // 25, corpus.K):
        assert f"{fact:,}" in described
    assert corpus.sha256 in described


def test_default_book_agrees_with_plain_python() -> None:
    corpus = load_corpus()
    text = corpus.path.read_bytes().decode("utf-8")
    assert corpus.vocabulary == "".join(sorted(set(text)))
    assert text_of(corpus) == text
    assert np.array_equal(corpus.encode(text), corpus.ids)
    counts = Counter(text)
    assert corpus.counts.tolist() == [counts[x] for x in corpus.vocabulary]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text",
    [
        "tabs\tand\x0bpages\x0cand\x00NUL and \x1b[31m escapes\x7f\none\r\ntwo\rthree\n\u2028\x85",
        "emoji 👩‍👩‍👧‍👦🇸🇪 beyond the basic plane 𝔘\U0010ffff, right to left: שלום עליכם السلام",
        "combining: e\u0301 a\u0308 \u0300alone, precomposed: é ä, a mark inside: a\ufeffb",
    ],
    ids=["controls", "scripts", "marks"],
)
def test_any_text_comes_back_as_it_was(tmp_path: Path, text: str, encoding: str) -> None:
    corpus = loaded(tmp_path, text, encoding)
    assert text_of(corpus) == text
    assert corpus.vocabulary == "".join(sorted(set(text)))
    assert np.array_equal(corpus.encode(text), corpus.ids)


def test_characters_that_are_known_besides_are_in_the_vocabulary(tmp_path: Path) -> None:
    plain = loaded(tmp_path, "banana")
    corpus = load_corpus(plain.path, known="xaz\U0010ffff")
    assert (corpus.vocabulary, corpus.K, corpus.distinct) == ("abnxz\U0010ffff", 6, 3)
    assert corpus.counts.tolist() == [3, 1, 2, 0, 0, 0]
    assert text_of(corpus) == "banana" and len(corpus) == len(plain) == 6
    assert np.array_equal(corpus.encode("banana"), corpus.ids)
    assert (plain.vocabulary, plain.K, plain.distinct) == ("abn", 3, 3)


def test_a_character_that_is_not_known_is_named(tmp_path: Path) -> None:
    corpus = loaded(tmp_path, "abc")
    cyrillic = r"^end: .*'ж' \(U\+0436 CYRILLIC SMALL LETTER ZHE\) at position 2"
    with pytest.raises(ReportError, match=cyrillic):
        corpus.encode("abж", "end")
    with pytest.raises(ReportError, match=r"^text: .*U\+D800"):
        corpus.encode("\ud800")
    assert len(corpus.encode("")) == 0


def test_what_is_not_an_id_is_not_decoded(tmp_path: Path) -> None:
    corpus = loaded(tmp_path, "abc")
    for wrong in ([3], [-1], [0.5], ["a"], [True]):
        with pytest.raises(ReportError, match="from 0 to 2"):
            corpus.decode(wrong)


def test_a_segment_needs_the_character_after_it(tmp_path: Path) -> None:
    require_segments(loaded(tmp_path, "ab" * 13), 25)
    with pytest.raises(ReportError, match=r"seq_length \+ 1 = 26 .* got 25"):
        require_segments(loaded(tmp_path, "ab" * 12 + "a"), 25)


def test_what_is_not_a_text_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "directory" in refusal(tmp_path)
    assert "empty" in refusal(file_of(tmp_path, b""))
    assert "empty" in refusal(file_of(tmp_path, b""), "utf-16")
    assert "empty" in refusal(file_of(tmp_path, b"\xff\xfe"))
    assert "repeats 'a'" in refusal(file_of(tmp_path, b"aaaa"))
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file" in refusal(tmp_path / "pipe")


def test_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tmp_path, b"secret")

    def forbidden(*_arguments: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    message = refusal(path)
    assert "Permission denied" in message
    assert str(tmp_path) not in message


def test_values_of_a_wrong_type_are_refused() -> None:
    for wrong in (None, 7, b"saltmarrow", ["saltmarrow"], math.nan):
        assert repr(wrong) in refusal(wrong)
        assert repr(wrong) in refusal("saltmarrow", wrong)
