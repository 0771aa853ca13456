"""Bytes become the characters that they stand for, or are refused with what would work."""

from pathlib import Path

import pytest
from texts import file_of, loaded, refusal, text_of

from rnn.text import encodings
from rnn.text.corpus import load_corpus


def test_where_the_file_is_cut_into_pieces_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "é\r\n€\r\r\n𝔘\n\r日本\r\n" * 3
    whole = loaded(tmp_path, text)
    for piece in (1, 2, 3, 5, 7):
        monkeypatch.setattr(encodings, "PIECE", piece)
        cut = load_corpus(whole.path)
        assert text_of(cut) == text
        assert cut.line_ends == whole.line_ends == {"LF": 3, "CR LF": 9, "CR": 6}
        assert (cut.sha256, cut.bytes) == (whole.sha256, whole.bytes)


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
    ],
)
def test_byte_order_mark_is_obeyed_and_not_part_of_the_text(
    tmp_path: Path, mark: bytes, codec: str
) -> None:
    text = "smörgås 日本"
    path = file_of(tmp_path, mark + text.encode(codec))
    for encoding in ("utf-8", codec, codec[:6]):
        corpus = load_corpus(path, encoding)
        assert text_of(corpus) == text
        assert (corpus.encoding, corpus.bom) == (codec, codec)


def test_names_of_one_encoding_mean_the_same(tmp_path: Path) -> None:
    path = file_of(tmp_path, "naïve".encode("latin-1"))
    for encoding in ("latin-1", "latin1", "ISO-8859-1", "L1"):
        assert load_corpus(path, encoding).encoding == "latin-1"


def test_misspelt_encoding_is_answered_with_the_nearest() -> None:
    for wrong, near in [("utf-9", "utf-8"), ("cp1225", "cp125"), ("latin-11", "latin-1")]:
        assert near in refusal("saltmarrow", wrong).rpartition(";")[2]
    for not_of_files in ("rot13", "hex", "zlib", "idna", "unicode_escape", "undefined", ""):
        assert "text encoding" in refusal("saltmarrow", not_of_files)


def test_undecodable_byte_is_refused_with_its_place_and_what_would_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "åå\nline two\nit".encode() + b"\x92s here"
    message = refusal(file_of(tmp_path, content))
    assert f"0x92 at position {content.index(0x92)} (line 3)" in message
    assert message.endswith("encodings that would work: cp1252, latin-1")
    for piece in (1, 2, 3, 4):
        monkeypatch.setattr(encodings, "PIECE", piece)
        assert refusal(file_of(tmp_path, content)) == message


def test_only_encodings_that_would_work_are_offered(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"no cp1252: \x81 and no utf-8")
    assert refusal(path).endswith("would work: latin-1")
    assert refusal(file_of(tmp_path, "må".encode()), "ascii").endswith("utf-8, cp1252, latin-1")
    cut = file_of(tmp_path, "unfinished €".encode()[:-1])
    assert "0xe2 at position 11 (line 1)" in refusal(cut)
    assert text_of(load_corpus(cut, "cp1252")).endswith("â‚")


def test_utf_16_without_a_mark_asks_for_the_order_of_its_bytes(tmp_path: Path) -> None:
    path = file_of(tmp_path, "plain".encode("utf-16-le"))
    assert "utf-16-le" in refusal(path, "utf-16")
    assert "that of utf-8; use utf-8" in refusal(file_of(tmp_path, b"\xef\xbb\xbfab"), "utf-16")
