"""Pages with the project's script, made of a model without a kernel, for tests in Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from nbformat.v4 import new_output
from pages import code, notebook, prose, to_html

from rnn.cells import CELLS
from rnn.model import Architecture, initialise
from rnn.report import show as showing
from rnn.report.show import Report
from rnn.runs import results
from rnn.runs.models import Model
from rnn.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Everything that could end an attribute or an element, hide, or turn the reading around.
HOSTILE = (
    "\0\t\n\r \"&'</<>`abc{}\x7f\xad\u0301\u05d0\u200b\u2028\u202e\u4e00\ue000\ufeff\U0001f600"
)


def a_model(
    vocabulary: str, cell: str = "vanilla", layers: int = 1, m: int = 12, sig: float = 0.6
) -> Model:
    """Return a network that was not trained, whose probabilities depend on what it has read."""
    vocabulary = "".join(sorted(set(vocabulary)))
    architecture = Architecture(CELLS[cell], m, len(vocabulary), layers)
    rng = np.random.default_rng(5)
    # The page computes with float64, and networks with weights as large as these are chaotic.
    theta = initialise(architecture, sig, rng, "float32").astype(np.float64)
    parameters = architecture.parameters(theta)
    h = rng.uniform(-1, 1, architecture.state_size).astype(np.float32).astype(np.float64)
    return Model(parameters, h, 1, vocabulary, 7, 1.5, "00" * 32)


def outputs_of(monkeypatch: pytest.MonkeyPatch, show: Callable[[Report], Any]) -> list[Any]:
    """Return what a section displays, as a notebook stores it."""
    shown: list[Any] = []

    def display(bundle: dict[str, Any], *, raw: bool, metadata: Any = None) -> None:
        shown.append(new_output("display_data", bundle, metadata=metadata or {}))

    with monkeypatch.context() as patched:
        patched.setattr(showing, "display", display)
        show(Report())
    return shown


def a_notebook(monkeypatch: pytest.MonkeyPatch, folder: Path, model: Model, **options: Any) -> Any:
    """Return a notebook with the section about a model, between two headings."""
    settings = Settings(document_end=options.pop("document_end", ""))
    told: dict[str, Any] = {"corpus": "saltmarrow", "encoding": "utf-8", "updates_per_epoch": 1}
    told |= {"parameters": settings.as_dict(), "book": {"sha256": "", "K": 1}}
    results.replace_section(folder, "training", told)
    losses = {"model with the lowest smooth loss": float(np.log(8))}
    results.replace_section(folder, "text_losses", losses)
    shown = outputs_of(monkeypatch, lambda show: show("try_it", model, folder, **options))
    cells = [prose("# The best model\n\nSome text."), code("show()", *shown)]
    return notebook(*cells, prose("# Appendix"), title="A report")


def a_page(monkeypatch: pytest.MonkeyPatch, folder: Path, model: Model, **options: Any) -> str:
    return to_html(a_notebook(monkeypatch, folder, model, **options), interactive=True)


@contextmanager
def visited(browser: "Browser", page: str, folder: Path, **options: Any) -> Iterator["Page"]:
    """Open a page from a file; nothing may be asked for, and nothing go wrong."""
    (folder / "report.html").write_text(page, encoding="utf-8")
    context = browser.new_context(**options)
    opened, wrong = context.new_page(), []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    address = (folder / "report.html").as_uri()
    opened.on(
        "request",
        lambda asked: (
            asked.url == address or asked.url.startswith("data:") or wrong.append(asked.url)
        ),
    )
    opened.goto(address)
    yield opened
    opened.wait_for_timeout(20)
    context.close()
    assert not wrong, "\n".join(wrong)
