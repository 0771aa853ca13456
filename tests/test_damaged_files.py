"""Every file that is read back, damaged in ten ways: the right one or a line, no traceback."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnn.errors import ReportError
from rnn.gradient_check import check, check_cases, check_steps
from rnn.gradient_mistakes import check_mistakes
from rnn.pipeline.__main__ import mend
from rnn.report.pages.render import assemble
from rnn.report.sections.results import checklist_facts
from rnn.report.sections.runs_finished import read_runs
from rnn.runs import results
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.driver import train
from rnn.runs.models import load_model, write
from rnn.settings import Settings
from rnn.text.corpus import load_corpus
from rnn.text.files import altered_files, atomic_write

CHECK, TRAINING, SAMPLE = NOTEBOOKS = [
    "01_gradient_check.ipynb", "02_training_evolution.ipynb", "03_best_model_sampling.ipynb",
]  # fmt: skip
TRAINED = ["history.csv", "snapshots.json", "best_model.npz", "last_model.npz"]
DATA = ["results.json", "gradient_check.csv", *TRAINED, "speed.json"]
PAGES = ["report.ipynb", "report.pdf", "report.html"]


def finish(folder: Path, m: int) -> None:
    """Leave what a run leaves that make started."""
    folder.mkdir(parents=True)
    altered_files(folder, tidy=True)
    book = folder.parent / "book.txt"
    book.write_text("Wren said so. The sea was wide.\n" * 40, encoding="utf-8")
    corpus = load_corpus(str(book))
    settings = Settings(m=m, seq_length=5, max_updates=30 + m, snapshot_every=10)
    run = train(corpus, settings, Checkpoints(folder / "checkpoints", corpus, settings), False)
    results.save_runs([run], folder, str(book))
    results.replace_section(folder, "text_losses", run.text_losses())
    cases = check_cases(corpus, 0, m, 3, 0.1)[:2]
    tables = check(cases), check_steps(cases[0]), check_mistakes(*cases)
    results.save_check(folder, *tables, {"m": m, "sig": 0.1})
    drawn = {"seed": 0, "temperature": 1.0, "top_p": 1.0, "prime": ""}
    written = write(run.best_model, 20)
    results.replace_section(folder, "sampling", {**drawn, "length": 20, "text": written})
    notebook = {"cells": [], "metadata": {"m": m}, "nbformat": 4, "nbformat_minor": 5}
    for name in (*NOTEBOOKS, *PAGES):
        with atomic_write(folder / name) as file:
            file.write(json.dumps(notebook).encode())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two finished runs."""
    folder = tmp_path_factory.mktemp("runs")
    finish(folder / "run", 4)
    finish(folder / "other", 6)
    return folder


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the two, to be damaged."""
    shutil.copytree(finished, tmp_path / "runs")
    return tmp_path / "runs"


def not_a_number(path: Path) -> None:
    """Put NaN in the place of a number of the file."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            all_of_them = dict(arrays)
        np.savez(path, **all_of_them | {"b": all_of_them["b"] * np.nan})
    elif path.suffix == ".csv":
        table = pd.read_csv(path)
        table.assign(**{table.columns[0]: np.nan}).to_csv(path, index=False)
    else:
        path.write_text(path.read_text().replace("1", "NaN", 1))


def wrong_shape(path: Path) -> None:
    """Leave out or add a dimension, a column, a level."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            all_of_them = dict(arrays)
        np.savez(path, **all_of_them | {"W": all_of_them["W"][:-1]})
    elif path.suffix == ".csv":
        pd.read_csv(path).iloc[:, 1:].to_csv(path, index=False)
    else:
        path.write_text(json.dumps([json.loads(path.read_text())]))


def another_type(path: Path) -> None:
    if path.suffix == ".npz":
        np.save(path.with_suffix(".npy"), np.arange(3))
        path.with_suffix(".npy").replace(path)
    elif path.suffix == ".csv":
        path.write_text(path.read_text().replace("1", "many", 3))
    else:
        path.write_text('"a text"')


def another_version(path: Path) -> None:
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            np.savez(path, **{f"{name}_": array for name, array in arrays.items()})
    else:
        path.write_text(path.read_text().replace("update", "step").replace("parameter", "p"))


def unreadable(path: Path) -> None:
    path.chmod(0)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def another_run_s(path: Path) -> None:
    shutil.copy(path.parents[1] / "other" / path.name, path)


DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    another_type,
    not_a_number,
    wrong_shape,
    folder_instead,
    unreadable,
    lambda path: path.write_bytes(random.Random(1).randbytes(2000)),
    another_run_s,
    another_version,
]


def readers(folder: Path) -> list[Callable[[], object]]:
    """Return all that reads what a run has left."""
    return [
        lambda: results.load_book(folder),
        lambda: results.load_settings(folder),
        lambda: load_model(folder / "best_model.npz"),
        lambda: load_model(folder / "last_model.npz"),
        lambda: checklist_facts(folder),
        lambda: read_runs(f"{folder} {folder.parent / 'other'}"),
        lambda: assemble(folder, title="A title"),
    ]


def refusals(folder: Path) -> list[str]:
    """Read everything; return the messages of those that refuse."""
    told = []
    for read in readers(folder):
        try:
            read()
        except ReportError as error:
            told.append(str(error))
    return told


def test_whole_runs_are_read_and_nothing_of_them_was_altered(runs: Path) -> None:
    assert refusals(runs / "run") == []
    assert altered_files(runs / "run") == []


@pytest.mark.parametrize("damage", range(len(DAMAGES)))
@pytest.mark.parametrize("name", [*DATA, *NOTEBOOKS])
def test_damaged_file_is_read_as_what_it_is_or_refused_in_a_line_that_names_it(
    runs: Path, name: str, damage: int
) -> None:
    path = runs / "run" / name
    DAMAGES[damage](path)
    for line in refusals(runs / "run"):
        assert name in line and "expected" in line and "got" in line
        assert "\n" not in line and len(line) < 300


@pytest.mark.parametrize("damage", range(len(DAMAGES)))
@pytest.mark.parametrize("name", [*DATA, *NOTEBOOKS, *PAGES])
def test_make_lets_the_step_make_a_damaged_file_again_or_names_what_is_in_its_way(
    runs: Path, name: str, damage: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, before = runs / "run", (runs / "run" / name).read_bytes()
    there = {path.name for path in folder.iterdir()}
    DAMAGES[damage](folder / name)
    if (folder / name).is_dir():
        with pytest.raises(SystemExit) as refused:
            mend(folder)
        assert str(folder / name) in str(refused.value) and "remove it" in str(refused.value)
        return
    changed = not os.access(folder / name, os.R_OK) or (folder / name).read_bytes() != before
    mend(folder)
    gone = there - {path.name for path in folder.iterdir()}
    made_by = {"results.json": set(NOTEBOOKS), "gradient_check.csv": {CHECK}, "speed.json": set()}
    made_by |= {file: {TRAINING} for file in TRAINED} | {page: set(PAGES) for page in PAGES}
    assert gone == ({name, *made_by.get(name, ())} if changed else set())
    assert (name in capsys.readouterr().out) == changed
    assert refusals(folder) == [] or name in DATA or name in NOTEBOOKS


@pytest.mark.parametrize("name", ["results.json", "gradient_check.csv", *TRAINED[:3]])
def test_make_lets_a_step_make_a_file_again_that_is_gone(runs: Path, name: str) -> None:
    (runs / "run" / name).unlink()
    mend(runs / "run")
    assert not all((runs / "run" / notebook).exists() for notebook in NOTEBOOKS)


def test_looking_for_altered_files_writes_nothing_and_tidying_keeps_what_it_finds(
    runs: Path,
) -> None:
    sums, before = runs / "run" / ".sums", (runs / "run" / ".sums").read_text()
    (runs / "run" / "history.csv").write_text("altered")
    sums.write_text("nonsense\n" + 3 * before)
    time = sums.stat().st_mtime_ns
    altered = altered_files(runs / "run")
    assert [path.name for path in altered] == ["history.csv"]
    assert sums.read_text() == "nonsense\n" + 3 * before and sums.stat().st_mtime_ns == time
    assert altered_files(runs / "run", tidy=True) == altered == altered_files(runs / "run")
    assert len(sums.read_text()) < 2.1 * len(before)
    sums.unlink()
    assert altered_files(runs / "run") == [] and not sums.exists()


def test_sums_that_are_nonsense_judge_nothing(runs: Path) -> None:
    (runs / "run" / ".sums").write_bytes(random.Random(2).randbytes(999) + b"\n0  /../x\n")
    assert altered_files(runs / "run") == []


@pytest.mark.parametrize("damage", range(len(DAMAGES)))
def test_results_that_are_damaged_do_not_keep_a_training_from_leaving_its_own(
    runs: Path, damage: int
) -> None:
    folder = runs / "run"
    sampling = results.read_results(folder)["sampling"]
    DAMAGES[damage](folder / "results.json")
    if (folder / "results.json").is_dir():
        with pytest.raises(ReportError, match=r"results\.json"):
            results.replace_section(folder, "sampling", sampling)
        return
    results.replace_section(folder, "sampling", sampling)
    assert results.read_results(folder)["sampling"] == sampling


@pytest.mark.parametrize("damage", [folder_instead, unreadable, DAMAGES[0], DAMAGES[7]])
def test_damaged_checkpoint_is_passed_over_and_the_training_ends_as_it_did(
    runs: Path, damage: Callable[[Path], object]
) -> None:
    folder = runs / "run"
    settings, corpus = results.load_settings(folder), results.load_book(folder)
    for path in (folder / "checkpoints").glob("*.state"):
        damage(path)
    if damage is folder_instead:
        with pytest.raises(ReportError, match=r"\.state: expected "):
            train(corpus, settings, Checkpoints(folder / "checkpoints", corpus, settings), False)
        return
    run = train(corpus, settings, Checkpoints(folder / "checkpoints", corpus, settings), False)
    results.save_runs([run], folder, str(corpus.path))
    assert [path.name for path in altered_files(folder)] == []
