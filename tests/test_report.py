"""The whole pipeline, small: notebooks through papermill, pages through nbconvert and Typst."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from printed import Printed
from pypdf import PdfReader
from test_equal_bits import LIBRARIES, TARGETS

from rnn import ROOT

pytestmark = pytest.mark.slow

BOOK = (ROOT / "data" / "saltmarrow.txt").read_text(encoding="utf-8")[:24_000]
APPENDIX = 4  # the number of its section
TRAINING = {"m": "12", "epochs": "2", "snapshot_every": "300", "snapshot_length": "60"}


def run(
    folder: Path, book: str, training: dict[str, str] = TRAINING, length: int = 80,
    **environment: str,
) -> Path:  # fmt: skip
    """Make a report as `make report` does, with a small network unless others are asked for."""

    def python(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=os.environ | environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    for notebook, parameters in (
        ("01_gradient_check", {"corpus": book}),
        ("02_training_evolution", {"corpus": book, **training}),
        ("03_best_model_sampling", {"length": str(length)}),
    ):
        given = [word for item in parameters.items() for word in ("-p", *item)]
        source, target = ROOT / "notebooks" / f"{notebook}.ipynb", folder / f"{notebook}.ipynb"
        python(
            "rnn.pipeline.execute", str(source), str(target), "-p", "run_dir", str(folder), *given
        )
    title = "A *small* run of 100% <b>care</b>"
    python(
        "rnn.report.pages.render", str(folder), "--title", title, "--author", "N. N.", "--date", "x"
    )
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    book = folder / "book.txt"
    book.write_text(BOOK, encoding="utf-8")
    return run(folder, str(book))


@pytest.fixture(scope="module")
def pages(small: Path) -> str:
    reader = PdfReader(small / "report.pdf")
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_pdf_tells_the_whole_story(pages: str) -> None:
    for words in (
        "A *small* run of 100% <b>care</b>",
        "Gradient check",
        "Evolution of the synthesized text",
        "Synthesized text from the model with the lowest loss",
        "Appendix",
        "iter: 1 (smooth loss:",
        "iter: 300 (smooth loss:",
        "80 characters",
        "Hand-in checklist",
        "Provenance",
    ):
        assert words in pages, words


def test_the_pages_are_those_of_a_careful_printer(small: Path) -> None:
    assert Printed((small / "report.pdf").read_bytes()).faults(APPENDIX) == []


def test_the_default_report_has_six_pages_and_an_appendix_of_three(tmp_path: Path) -> None:
    folder = run(tmp_path, "saltmarrow", training={}, length=1000)
    printed = Printed((folder / "report.pdf").read_bytes())
    assert printed.faults(APPENDIX) == []
    assert printed.all("H1")[APPENDIX - 1].start[0] <= 6
    assert printed.pages <= 9


def test_every_figure_and_table_is_numbered_once_and_names_its_file(pages: str) -> None:
    for kind, files in (("Figure", 4), ("Table", 8)):
        numbers = {n for n in range(1, 20) if f"{kind} {n}: " in pages}
        assert numbers == set(range(1, max(numbers) + 1))
        assert len(numbers) >= files
        assert all(pages.count(f"{kind} {n}: ") == 1 for n in numbers)
    for file in ("gradient_check.csv", "history.csv", "snapshots.json", "best_model.npz"):
        assert f"From {file}." in pages, file


def test_numbers_on_the_page_are_those_in_the_files(small: Path, pages: str) -> None:
    results = json.loads((small / "results.json").read_bytes())["training"]
    lowest, update = results["lowest_smooth_loss"], results["lowest_smooth_loss_update"]
    assert f"{lowest:.4f} at update {update:,}" in pages
    history = pd.read_csv(small / "history.csv")
    assert history["smooth_loss"].min() >= lowest
    assert np.diff(history["update"]).max() <= 100
    for snapshot in json.loads((small / "snapshots.json").read_bytes()):
        title = f"iter: {snapshot['update']} (smooth loss: {snapshot['smooth_loss']:.4f})"
        assert title in pages
        assert len(snapshot["text"]) == 60


def test_html_needs_nothing_but_itself(small: Path) -> None:
    page = (small / "report.html").read_text(encoding="utf-8")
    assert page.count("<script") == 1 and "default-src 'none'" in page
    assert 'id="try-it" hidden' in page and page.count("data-points=") == 2
    (notebook,) = small.glob("03_*.ipynb")
    outputs = [o for c in json.loads(notebook.read_text())["cells"] for o in c.get("outputs", [])]
    (alive,) = (
        o for o in outputs if o.get("metadata", {}).get("report", {}).get("kind") == "interactive"
    )
    assert "".join(alive["data"]["text/plain"]) not in page, "it is for where no script runs"
    assert "A *small* run of 100% &lt;b&gt;care&lt;/b&gt;" in page


def test_two_runs_give_the_same_bytes_on_another_processor_too(small: Path, tmp_path: Path) -> None:
    name, features = TARGETS["AMD, 32 bytes"]
    (tmp_path / "run").mkdir()
    again = run(
        tmp_path / "run", str(small / "book.txt"), NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features,
        NUMBA_CACHE_DIR=str(tmp_path), **LIBRARIES["plain NumPy"], **LIBRARIES["BLAS for Haswell"],
    )  # fmt: skip
    for name in (
        "report.pdf", "report.html", "best_model.npz", "history.csv", "snapshots.json",
        "gradient_check.csv", "results.json",
    ):  # fmt: skip
        assert (again / name).read_bytes() == (small / name).read_bytes(), name
