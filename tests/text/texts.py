"""What the tests of texts share: writing one, loading it, and being refused."""

from pathlib import Path

import pytest

from rnn.errors import ReportError
from rnn.text.corpus import Corpus, load_corpus

#: An ordinary text, long enough for nothing to be unusual about it.
LONG = "some ordinary words with nothing to be said about them\n" * 50


def file_of(folder: Path, content: bytes, name: str = "a text.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def loaded(folder: Path, text: str, encoding: str = "utf-8") -> Corpus:
    return load_corpus(file_of(folder, text.encode(encoding)), encoding)


def text_of(corpus: Corpus) -> str:
    return corpus.decode(corpus.ids)


def refusal(corpus: object, encoding: object = "utf-8") -> str:
    """Return the one line with which a text is refused."""
    with pytest.raises(ReportError) as caught:
        load_corpus(corpus, encoding)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message and "got" in message
    return message
