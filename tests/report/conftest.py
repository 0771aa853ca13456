"""What the tests of shown things share: sections with blocks of their own, and what is shown."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_output

from rnn.report import sentences, show
from rnn.report.sentences import Sentences
from rnn.report.show import Section


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what would be displayed, as a notebook would store it."""
    collected: list[Any] = []

    def display(bundle: dict[str, str], *, raw: bool, metadata: Any = None) -> None:
        assert raw
        collected.append(new_output("display_data", bundle, metadata=metadata or {}))

    monkeypatch.setattr(show, "display", display)
    return collected


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Sentences]:
    """Return a function that writes the sentences of a section `test` and reads them."""
    shutil.copy(sentences._OURS / "captions.md", tmp_path)
    monkeypatch.setattr(sentences, "_OURS", tmp_path)

    def write(text: str) -> Sentences:
        (tmp_path / "test.md").write_text(text, encoding="utf-8")
        return Sentences()

    return write


@pytest.fixture
def section(own: Callable[[str], Sentences]) -> Callable[..., Section]:
    """Return a function that makes a section of blocks, by name."""

    def make(**blocks: str) -> Section:
        texts = [f"{{% block {name} %}}\n{text}\n{{% endblock %}}" for name, text in blocks.items()]
        return Section("test", own("\n".join(texts)))

    return make
