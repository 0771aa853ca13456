"""A text is read as it is, described truly, and refused in one line."""

import dataclasses
import hashlib
import json
import math
import os
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rnn.errors import ReportError
from rnn.text import books as library
from rnn.text import encodings as decoding
from rnn.text import ids
from rnn.text.books import BOOKS
from rnn.text.characters import visible
from rnn.text.corpus import load_corpus, require_segments
from rnn.text.passport import passport, passport_rows


def file_of(folder, content, name="a text.txt"):
    path = folder / name
    path.write_bytes(content)
    return path


def loaded(folder, text, encoding="utf-8"):
    return load_corpus(file_of(folder, text.encode(encoding)), encoding)


def refusal(*arguments, **named):
    with pytest.raises(ReportError) as caught:
        load_corpus(*arguments, **named)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message and "got" in message
    return message


# -- the default book


def test_default_book_has_the_numbers_of_its_description():
    corpus = load_corpus()
    assert (corpus.name, corpus.title) == ("saltmarrow", "The Mapmakers of Saltmarrow")
    assert (corpus.bytes, len(corpus), corpus.K) == (1_132_507, 1_132_470, 81)
    assert corpus.sha256 == hashlib.sha256(corpus.path.read_bytes()).hexdigest()
    assert corpus.sha256 == BOOKS["saltmarrow"].sha256
    assert corpus.updates_per_epoch(25) == 45_298
    assert corpus.first_loss(25) == pytest.approx(109.861, abs=5e-4)
    assert (corpus.line_ends, corpus.bom, corpus.warnings) == ("LF", "none", [])


def test_default_book_agrees_with_plain_python():
    corpus = load_corpus()
    text = corpus.path.read_bytes().decode("utf-8")
    assert corpus.vocabulary == "".join(sorted(set(text)))
    assert corpus.decode(corpus.ids) == text
    assert np.array_equal(corpus.encode(text), corpus.ids)
    counts = Counter(text)
    assert corpus.counts.tolist() == [counts[x] for x in corpus.vocabulary]
    assert corpus.rarest(5) == sorted(counts.items(), key=lambda item: (item[1], item[0]))[:5]


def test_description_beside_the_book_states_its_facts():
    corpus = load_corpus()
    described = (library.ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for fact in (corpus.bytes, len(corpus), corpus.updates_per_epoch(25)):
        assert f"{fact:,}" in described
    assert corpus.sha256 in described
    assert f"| {corpus.K} " in described


# -- any text


@pytest.mark.parametrize(
    "text",
    [
        "tabs\tand\x0bpages\x0cand\x00NUL and \x1b[31m escapes\x7f\n",
        "one\r\ntwo\rthree\nfour\r\n",
        "emoji 👩‍👩‍👧‍👦🇸🇪 beyond the basic plane 𝔘\U0010ffff",
        "right to left: שלום עליכם السلام",
        "combining: e\u0301 a\u0308 \u0300alone, precomposed: é ä",
        "a\ufeffb: a mark inside the text is a character",
        "\u2028\u2029\x85 three ends of line that are not counted",
        '<script>alert(1)</script> $\\input{x}$ `#read("/etc/passwd")`',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
def test_any_text_comes_back_as_it_was(tmp_path, text, encoding):
    corpus = loaded(tmp_path, text, encoding)
    assert corpus.decode(corpus.ids) == text
    assert corpus.vocabulary == "".join(sorted(set(text)))
    assert np.array_equal(corpus.encode(text), corpus.ids)


@pytest.mark.parametrize(
    ("K", "dtype"),
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "uint32")],
)
def test_ids_take_the_smallest_unsigned_type(tmp_path, K, dtype):
    text = "".join(map(chr, range(0x10000, 0x10000 + K)))
    corpus = loaded(tmp_path, text)
    assert corpus.K == K
    assert corpus.ids.dtype == dtype
    assert corpus.decode(corpus.ids) == text


def test_ids_cannot_be_written_to(tmp_path):
    corpus = loaded(tmp_path, "abc")
    with pytest.raises(ValueError, match="read-only"):
        corpus.ids[0] = 1


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7])
def test_where_the_file_is_cut_into_pieces_makes_no_difference(tmp_path, monkeypatch, piece):
    text = "é\r\n€\r\r\n𝔘\n\r日本\r\n" * 3
    whole = loaded(tmp_path, text)
    monkeypatch.setattr(decoding, "PIECE", piece)
    cut = load_corpus(whole.path)
    assert cut.decode(cut.ids) == text
    assert cut.line_ends == whole.line_ends == "LF (3) and CR LF (9) and CR (6)"
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
def test_byte_order_mark_is_obeyed_and_no_part_of_the_text(tmp_path, mark, codec):
    text = "smörgås 日本"
    path = file_of(tmp_path, mark + text.encode(codec))
    for encoding in ("utf-8", codec, codec[:6]):
        corpus = load_corpus(path, encoding)
        assert corpus.decode(corpus.ids) == text
        assert (corpus.encoding, corpus.bom) == (codec, codec)
    assert passport(corpus, 2)["byte_order_mark"] == codec


def test_names_of_one_encoding_mean_the_same(tmp_path):
    path = file_of(tmp_path, "naïve".encode("latin-1"))
    for encoding in ("latin-1", "latin1", "ISO-8859-1", "L1"):
        assert load_corpus(path, encoding).encoding == "latin-1"


# -- large texts


def test_large_text_is_mapped_from_a_cache_that_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(ids, "LARGE", 10)
    text = "日本語 a text that is large here\n" * 50
    first = loaded(tmp_path, text)
    (cache,) = tmp_path.glob("*.ids.npy")
    made = cache.stat().st_mtime_ns
    again = load_corpus(first.path)
    assert cache.stat().st_mtime_ns == made
    for corpus in (first, again):
        assert corpus.decode(corpus.ids) == text
        assert corpus.warnings == []
        assert isinstance(corpus.ids.base, np.memmap)
        assert type(corpus.ids) is np.ndarray
        assert not corpus.ids.flags.writeable
    assert sorted(tmp_path.iterdir()) == sorted([first.path, cache])


def test_cache_is_not_mixed_up_between_texts_and_encodings(tmp_path, monkeypatch):
    monkeypatch.setattr(ids, "LARGE", 10)
    path = file_of(tmp_path, "åäö, the same bytes\n".encode())
    assert load_corpus(path).decode(load_corpus(path).ids) == "åäö, the same bytes\n"
    misread = load_corpus(path, "cp1252")
    assert misread.decode(misread.ids).startswith("Ã¥Ã¤Ã¶")
    path.write_bytes(b"another text under the name\n")
    assert load_corpus(path).decode(load_corpus(path).ids) == "another text under the name\n"
    assert len(list(tmp_path.glob("*.ids.npy"))) == 3


def _truncated(cache):
    cache.write_bytes(cache.read_bytes()[:-5])


def _emptied(cache):
    cache.write_bytes(b"")


def _zeroed(cache):
    content = cache.read_bytes()
    cache.write_bytes(content[:-40] + bytes(40))


def _out_of_range(cache):
    cache.write_bytes(cache.read_bytes()[:-1] + b"\xff")


def _of_another_type(cache):
    with cache.open("wb") as file:
        np.save(file, np.zeros(600))


def _an_archive(cache):
    with cache.open("wb") as file:
        np.savez(file, ids=np.zeros(3))


def _pickled(cache):
    with cache.open("wb") as file:
        np.save(file, np.array([{}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "harm",
    [_truncated, _emptied, _zeroed, _out_of_range, _of_another_type, _an_archive, _pickled],
)
def test_broken_cache_is_recognised_and_made_anew(tmp_path, monkeypatch, harm):
    monkeypatch.setattr(ids, "LARGE", 10)
    text = "a text that is large here\n" * 20
    path = loaded(tmp_path, text).path
    (cache,) = tmp_path.glob("*.ids.npy")
    good = cache.read_bytes()
    harm(cache)
    assert cache.read_bytes() != good
    corpus = load_corpus(path)
    assert corpus.decode(corpus.ids) == text
    assert cache.read_bytes() == good


def test_cache_that_cannot_be_written_leaves_the_ids_in_memory_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(ids, "LARGE", 10)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    corpus = loaded(tmp_path, "a text that is large here\n" * 20)
    assert corpus.decode(corpus.ids) == "a text that is large here\n" * 20
    assert not corpus.ids.flags.writeable
    (warning,) = corpus.warnings
    assert "memory" in warning and "No space left on device" in warning
    assert list(tmp_path.iterdir()) == [corpus.path]


@pytest.mark.parametrize(
    "after", [b"another text, as long\n", b"short\n", b"a much longer text\n" * 9]
)
def test_text_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, after):
    path = file_of(tmp_path, b"the text, as it was..\n")
    read = ids.text_ids

    def changed(*arguments):
        path.write_bytes(after)
        return read(*arguments)

    monkeypatch.setattr("rnn.text.corpus.text_ids", changed)
    assert "stay as it is" in refusal(path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_text_of_200_megabytes_stays_far_below_a_gigabyte(tmp_path):
    sentence = ("The quick brown fox, naïve as ever, jumps.\n" * 1000).encode()
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        for _ in range(200_000_000 // len(sentence) + 1):
            file.write(sentence)
    script = (
        "import sys; from rnn.text.corpus import load_corpus\n"
        "def peak():\n"
        "    status = open('/proc/self/status').read().split()\n"
        "    return int(status[status.index('VmHWM:') + 1]) / 1000\n"
        "c = load_corpus(sys.argv[1]); loaded = peak()\n"
        "print(len(c), int(c.ids.max()) + 1 == c.K, loaded, peak())"
    )
    for _ in ("cache made", "cache used"):
        run = subprocess.run(
            [sys.executable, "-c", script, path],
            capture_output=True, text=True, check=True, cwd=library.ROOT,
        )  # fmt: skip
        characters, agrees, loaded_mb, read_mb = run.stdout.split()
        assert int(characters) > 190_000_000
        assert agrees == "True"
        assert float(loaded_mb) < 150
        # The pages of the mapping that were read count as well, until the system wants them back.
        assert float(read_mb) < 150 + path.stat().st_size / 1e6


# -- encode, decode, lengths


def test_encode_names_the_character_it_does_not_know(tmp_path):
    corpus = loaded(tmp_path, "abc")
    with pytest.raises(
        ReportError, match=r"'ж' \(U\+0436 CYRILLIC SMALL LETTER ZHE\) at position 2"
    ):
        corpus.encode("abж")
    with pytest.raises(ReportError, match=r"U\+D800"):
        corpus.encode("\ud800")
    assert len(corpus.encode("")) == 0


@pytest.mark.parametrize("wrong", [[3], [-1], [0.5], ["a"], [True]])
def test_decode_refuses_what_is_no_id(tmp_path, wrong):
    with pytest.raises(ReportError, match="from 0 to 2"):
        loaded(tmp_path, "abc").decode(wrong)


@pytest.mark.parametrize(("characters", "updates"), [(25, 0), (26, 1), (50, 1), (51, 2)])
def test_segment_needs_the_character_after_it(tmp_path, characters, updates):
    corpus = loaded(tmp_path, ("ab" * characters)[:characters])
    assert corpus.updates_per_epoch(25) == updates
    if updates:
        require_segments(corpus, 25)
    else:
        with pytest.raises(ReportError, match=r"seq_length \+ 1 = 26 .* got 25"):
            require_segments(corpus, 25)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "25", True, None, math.nan])
def test_seq_length_is_a_whole_number_of_at_least_one(tmp_path, wrong):
    corpus = loaded(tmp_path, "abc")
    for ask in (corpus.updates_per_epoch, corpus.first_loss):
        with pytest.raises(ReportError, match="seq_length: expected a whole number"):
            ask(wrong)


# -- refusals


def test_what_is_no_text_is_refused_in_one_line(tmp_path):
    assert "no such file" in refusal(str(tmp_path / "nowhere.txt"))
    assert "directory" in refusal(tmp_path)
    assert "empty" in refusal(file_of(tmp_path, b""))
    assert "empty" in refusal(file_of(tmp_path, b""), "utf-16")
    assert "empty" in refusal(file_of(tmp_path, b"\xff\xfe"))
    assert "two distinct" in refusal(file_of(tmp_path, b"aaaa"))
    assert "nothing" in refusal(" ")
    assert "null" in refusal("a\0b")
    assert "File name too long" in refusal("x" * 5000)
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("wrong", [None, 7, b"saltmarrow", ["saltmarrow"], math.nan])
def test_values_of_a_wrong_type_are_refused(wrong):
    assert type(wrong).__name__ in refusal(wrong)
    assert type(wrong).__name__ in refusal("saltmarrow", wrong)


def test_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = file_of(tmp_path, b"secret")

    def forbidden(*_arguments, **_named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    message = refusal(path)
    assert "Permission denied" in message
    assert str(tmp_path) not in message


def test_misspelt_name_is_answered_with_the_nearest():
    assert "'saltmarrow'" in refusal("Saltmarow").rpartition(";")[2]
    assert "'tinyshakespeare'" in refusal("tiny-shakespeare").rpartition(";")[2]
    assert "'goblet'" in refusal("gobblet").rpartition(";")[2]


def test_misspelt_encoding_is_answered_with_the_nearest():
    for wrong, near in [("utf-9", "utf-8"), ("cp1225", "cp125"), ("latin-11", "latin-1")]:
        assert near in refusal("saltmarrow", wrong).rpartition(";")[2]
    for not_of_files in ("rot13", "hex", "zlib", "idna", "unicode_escape", "undefined", ""):
        assert "text encoding" in refusal("saltmarrow", not_of_files)


def test_undecodable_byte_is_refused_with_its_place_and_what_would_work(tmp_path, monkeypatch):
    content = "åå\nline two\nit".encode() + b"\x92s here"
    message = refusal(file_of(tmp_path, content))
    assert f"0x92 at position {content.index(0x92)} (line 3)" in message
    assert message.endswith("encodings that would work: cp1252, latin-1")
    for piece in (1, 2, 3, 4):
        monkeypatch.setattr(decoding, "PIECE", piece)
        assert refusal(file_of(tmp_path, content)) == message


def test_only_encodings_that_would_work_are_offered(tmp_path):
    path = file_of(tmp_path, b"no cp1252: \x81 and no utf-8")
    assert refusal(path).endswith("would work: latin-1")
    assert refusal(file_of(tmp_path, "må".encode()), "ascii").endswith("utf-8, cp1252, latin-1")
    cut = file_of(tmp_path, "unfinished €".encode()[:-1])
    assert "0xe2 at position 11 (line 1)" in refusal(cut)
    assert load_corpus(cut, "cp1252").decode(load_corpus(cut, "cp1252").ids).endswith("â‚")


def test_utf_16_without_a_mark_asks_for_the_order_of_its_bytes(tmp_path):
    path = file_of(tmp_path, "plain".encode("utf-16-le"))
    assert "utf-16-le" in refusal(path, "utf-16")
    assert "that of utf-8; use utf-8" in refusal(file_of(tmp_path, b"\xef\xbb\xbfab"), "utf-16")


# -- names of texts


def test_relative_path_is_sought_in_the_working_directory_and_then_in_the_project(
    tmp_path, monkeypatch
):
    here, project = tmp_path / "here", tmp_path / "project"
    here.mkdir(), project.mkdir()
    file_of(project, b"of the project", "a.txt")
    monkeypatch.chdir(here)
    monkeypatch.setattr(library, "ROOT", project)
    corpus = load_corpus("a.txt")
    assert corpus.decode(corpus.ids) == "of the project"
    file_of(here, b"of the working directory", "a.txt")
    corpus = load_corpus("a.txt")
    assert corpus.decode(corpus.ids) == "of the working directory"
    assert (corpus.name, corpus.title) == ("a", "a.txt")


def test_missing_goblet_says_which_file_is_meant_and_where_it_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "ROOT", tmp_path)
    message = refusal("goblet")
    assert "data/goblet_book.txt" in message and "1,107,545 bytes" in message
    assert BOOKS["goblet"].sha256[:12] in message
    assert str(tmp_path) not in message


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty data folder, and a small text in the place of the one that is downloaded."""
    content = b"First Citizen:\nBefore we proceed any further\n" * 40
    served = {"content": content, "length": len(content)}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(served["length"]))
            self.end_headers()
            self.wfile.write(served["content"])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    book = dataclasses.replace(
        BOOKS["tinyshakespeare"],
        sha256=hashlib.sha256(content).hexdigest(),
        url=f"http://127.0.0.1:{server.server_port}/input.txt",
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(BOOKS, "tinyshakespeare", book)
    monkeypatch.setattr(library, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    yield tmp_path / "data", served, server
    server.shutdown()
    server.server_close()


def test_tinyshakespeare_is_downloaded_once(shelf, capfd):
    folder, served, server = shelf
    corpus = load_corpus("tinyshakespeare")
    assert corpus.decode(corpus.ids).encode() == served["content"]
    assert [x.name for x in folder.iterdir()] == ["tinyshakespeare.txt"]
    server.shutdown()
    served["content"] = b"not asked for again"
    assert load_corpus("tinyshakespeare").sha256 == corpus.sha256
    assert str(folder) not in "".join(capfd.readouterr())


def test_tinyshakespeare_offline_is_one_line_and_leaves_nothing(shelf):
    folder, _, server = shelf
    server.shutdown()
    server.server_close()
    message = refusal("tinyshakespeare")
    assert "ConnectionError" in message and "go online" in message
    assert list(folder.iterdir()) == []


def test_tinyshakespeare_of_other_bytes_is_refused_and_leaves_nothing(shelf):
    folder, served, _ = shelf
    served["content"] = served["content"].replace(b"F", b"f")
    assert "another text" in refusal("tinyshakespeare")
    assert list(folder.iterdir()) == []


def test_tinyshakespeare_cut_off_in_the_middle_leaves_nothing(shelf):
    folder, served, _ = shelf
    served["content"] = served["content"][:100]
    assert "tinyshakespeare.txt" in refusal("tinyshakespeare")
    assert list(folder.iterdir()) == []


def test_tinyshakespeare_that_was_changed_is_neither_used_nor_overwritten(shelf):
    folder, *_ = shelf
    path = file_of(folder, b"my own text", "tinyshakespeare.txt")
    assert "sha256" in refusal("tinyshakespeare")
    assert path.read_bytes() == b"my own text"


# -- the passport and its warnings


def test_passport_is_plain_data_without_a_path(tmp_path):
    corpus = loaded(tmp_path, "a text\twith é\n" * 2000)
    facts = passport(corpus, 25)
    stored = json.dumps(facts)
    assert json.loads(stored) == facts
    assert str(tmp_path) not in stored and str(tmp_path) not in repr(corpus)
    assert facts["file"] == "a text.txt"
    assert facts["first_loss"] == pytest.approx(25 * math.log(len(set("a text\twith é\n"))))
    assert facts["warnings"] == []
    rows = passport_rows(facts)
    assert all(isinstance(cell, str) and cell for row in rows for cell in row)
    assert ("characters", f"{len(corpus):,}") in rows


def test_every_character_is_shown_in_some_visible_way():
    shown = {x: visible(x) for x in "a é\t\n\r\0\x1b\u0301\u200b\ufeff\ue000👩א"}
    assert all(text.strip() and text.isprintable() for text in shown.values())
    assert len(set(shown.values())) == len(shown)
    assert shown["\t"] == "tab" and shown["\x1b"] == "U+001B" and shown["\u0301"] == "◌\u0301"


def test_file_name_of_any_bytes_can_be_stored(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xffme\n.txt"))
    path.write_bytes(b"abcabc")
    corpus = load_corpus(path)
    json.dumps(passport(corpus, 2), ensure_ascii=False).encode("utf-8")
    assert corpus.title.isprintable() and corpus.name.isprintable()


def warnings_of(folder, text, encoding="utf-8", read_as=None, seq_length=2):
    path = file_of(folder, text.encode(encoding))
    return " ".join(passport(load_corpus(path, read_as or encoding), seq_length)["warnings"])


LONG = "some ordinary words with nothing to be said about them\n" * 50


def test_ordinary_text_has_no_warnings(tmp_path):
    assert warnings_of(tmp_path, LONG) == ""


def test_cr_lf_is_kept_and_said(tmp_path):
    assert "K one larger" in warnings_of(tmp_path, LONG.replace("\n", "\r\n"))
    assert "2 ways, LF and CR LF" in warnings_of(tmp_path, LONG + LONG.replace("\n", "\r\n"))


@pytest.mark.parametrize("words", ["“curly” quotes’", "é ü å", "日本語", "👩"])
def test_utf_8_read_as_latin_1_is_recognised(tmp_path, words):
    text = LONG + words * 2
    assert "encoding=utf-8" in warnings_of(tmp_path, text, "utf-8", "latin-1")
    damaged = text.encode().decode("latin-1")
    assert "damage is in the file" in warnings_of(tmp_path, damaged)


@pytest.mark.parametrize(
    "words", ["déjà vu « été » naïve Ça où ", "ÄÖÜ äöüß ", "Ã and Â and â ", "日本語 ", "“é” ‘à’ "]
)
def test_ordinary_accents_are_not_taken_for_a_misreading(tmp_path, words):
    assert warnings_of(tmp_path, LONG + words * 2) == ""


def test_characters_that_occur_once_are_named(tmp_path):
    said = warnings_of(tmp_path, LONG + "Z\t")
    assert "once" in said and "2 (tab, Z)" in said


def test_large_vocabulary_and_short_text_are_said(tmp_path):
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 501))) * 4
    assert "K = 501 is over 500" in warnings_of(tmp_path, many)
    assert "over 500" not in warnings_of(tmp_path, many.replace(many[0], ""))
    assert "999 whole segments" in warnings_of(tmp_path, "ab" * 1999 + "ab", seq_length=4)
    assert warnings_of(tmp_path, "ab" * 2000 + "a", seq_length=4) == ""


def test_wrong_decoding_in_the_past_is_said(tmp_path):
    assert "U+FFFD stands 3 times" in warnings_of(tmp_path, LONG + "\ufffd" * 3)
    assert "looks like UTF-16" in warnings_of(tmp_path, LONG, "utf-16-le", "utf-8")


@pytest.fixture
def goblet(tmp_path, monkeypatch):
    """A text of 80 characters, three of them of two bytes, in the place of the assignment's."""
    vocabulary = "\n" + "".join(map(chr, range(0x20, 0x20 + 76))) + "é¢Ж"
    text = vocabulary * 30
    book = dataclasses.replace(BOOKS["goblet"], sha256=hashlib.sha256(text.encode()).hexdigest())
    monkeypatch.setitem(BOOKS, "goblet", book)
    monkeypatch.setattr(library, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()

    def put(text=text, name="data/goblet_book.txt"):
        return file_of(tmp_path, text.encode(), name)

    return text, put


def test_canonical_goblet_is_recognised_under_any_name(goblet):
    _, put = goblet
    path = put(name="other.txt")
    put()
    for corpus in (load_corpus("goblet"), load_corpus(path)):
        assert corpus.edition == "canonical (K = 80)"
        assert corpus.warnings == []
    assert load_corpus("goblet").title == "The Goblet of Fire"


def test_known_slips_with_goblet_are_named_with_their_cause(goblet):
    text, put = goblet
    put(text.replace("\n", "\r\n"))
    assert "K = 81" in load_corpus("goblet").edition and "CR LF" in load_corpus("goblet").edition
    put(text.replace("¢", "A"))
    assert "K = 79" in load_corpus("goblet").edition
    put(text + "THE END")
    assert "K = 80" in load_corpus("goblet").edition
    assert "not the canonical edition" in " ".join(load_corpus("goblet").warnings)
    path = put()
    misread = load_corpus("goblet", "latin-1")
    assert "the canonical file read as latin-1 (K = 83)" in misread.edition
    assert load_corpus(path, "cp1252").edition == misread.edition.replace("latin-1", "cp1252")
    put(text.encode().decode("cp1252"))
    assert "K = 83" in load_corpus("goblet").edition


def test_text_that_is_nobodys_book_has_no_edition(tmp_path):
    assert loaded(tmp_path, "abc").edition == ""
