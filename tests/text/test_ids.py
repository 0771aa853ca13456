"""Ids are small, read-only, and mapped from a cache that is never believed where they are many."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from texts import file_of, loaded, refusal, text_of

from rnn import ROOT
from rnn.text import corpus as corpora
from rnn.text.corpus import load_corpus

TEXT = "a text that is large here\n" * 20


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every text of more than ten bytes be a large one."""
    monkeypatch.setattr(corpora, "LARGE", 10)


@pytest.mark.parametrize(
    ("K", "dtype"),
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "uint32")],
)
def test_ids_take_the_smallest_unsigned_type(tmp_path: Path, K: int, dtype: str) -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + K)))
    corpus = loaded(tmp_path, text)
    assert (corpus.K, corpus.ids.dtype) == (K, dtype)
    assert text_of(corpus) == text


def test_ids_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        loaded(tmp_path, "abc").ids[0] = 1


def test_large_text_is_mapped_from_a_cache_that_is_made_once(tmp_path: Path, large: None) -> None:
    text = "日本語 a text that is large here\n" * 50
    first = loaded(tmp_path, text)
    (cache,) = tmp_path.glob("*.ids.npy")
    made = cache.stat().st_mtime_ns
    again = load_corpus(first.path)
    assert cache.stat().st_mtime_ns == made
    for corpus in (first, again):
        assert text_of(corpus) == text
        assert corpus.note == ""
        assert isinstance(corpus.ids.base, np.memmap)
        assert type(corpus.ids) is np.ndarray
        assert not corpus.ids.flags.writeable
    assert sorted(tmp_path.iterdir()) == sorted([first.path, cache])


def test_cache_is_not_mixed_up_between_texts_and_encodings(tmp_path: Path, large: None) -> None:
    path = file_of(tmp_path, "åäö, the same bytes\n".encode())
    assert text_of(load_corpus(path)) == text_of(load_corpus(path)) == "åäö, the same bytes\n"
    assert text_of(load_corpus(path, "cp1252")).startswith("Ã¥Ã¤Ã¶")
    path.write_bytes(b"another text under the name\n")
    assert text_of(load_corpus(path)) == "another text under the name\n"
    assert len(list(tmp_path.glob("*.ids.npy"))) == 3


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    if "ids" in arrays:
        np.save(file, arrays["ids"], allow_pickle=True)
    else:
        np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "harm",
    [
        lambda good: good[:-5],
        lambda good: good[:-40] + bytes(40),
        lambda good: good[:-1] + b"\xff",
        lambda good: saved(ids=np.zeros(600)),
        lambda good: saved(ids=np.array([{}], dtype=object)),
        lambda good: saved(other=np.zeros(3)),
    ],
    ids=["cut", "other ids", "out of range", "other type", "pickled", "archive"],
)
def test_broken_cache_is_recognised_and_made_anew(
    tmp_path: Path, large: None, harm: Callable[[bytes], bytes]
) -> None:
    path = loaded(tmp_path, TEXT).path
    (cache,) = tmp_path.glob("*.ids.npy")
    good = cache.read_bytes()
    cache.write_bytes(harm(good))
    assert text_of(load_corpus(path)) == TEXT
    assert cache.read_bytes() == good


def test_cache_that_cannot_be_written_leaves_the_ids_in_memory_and_says_so(
    tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    corpus = loaded(tmp_path, TEXT)
    assert text_of(corpus) == TEXT
    assert not corpus.ids.flags.writeable
    assert "memory" in corpus.note and "No space left on device" in corpus.note
    assert list(tmp_path.iterdir()) == [corpus.path]


def test_text_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = corpora._text_ids
    for after in (b"another text, as long\n", b"short\n", b"a much longer text\n" * 9):
        path = file_of(tmp_path, b"the text, as it was..\n")

        def changed(*given: Any, path: Path = path, after: bytes = after) -> Any:
            path.write_bytes(after)
            return read(*given)

        monkeypatch.setattr(corpora, "_text_ids", changed)
        assert "stay as it is" in refusal(path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_text_of_200_megabytes_stays_far_below_a_gigabyte(tmp_path: Path) -> None:
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
        command = [sys.executable, "-c", script, str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        characters, agrees, loaded_mb, read_mb = run.stdout.split()
        assert int(characters) > 190_000_000
        assert agrees == "True"
        assert float(loaded_mb) < 150
        # The pages of the mapping that were read count as well, until the system wants them back.
        assert float(read_mb) < 150 + path.stat().st_size / 1e6
