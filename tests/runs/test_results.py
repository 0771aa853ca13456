"""What a run leaves: whole, and never of two runs at once."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnn.errors import ReportError
from rnn.evaluation import text_loss
from rnn.pipeline import closing_lines
from rnn.runs.driver import train
from rnn.runs.models import load_model
from rnn.runs.results import (
    load_best,
    load_book,
    load_settings,
    read_results,
    replace_section,
    save_runs,
)
from rnn.runs.run import Run
from rnn.settings import Settings
from rnn.text.corpus import Corpus, load_corpus

PAGES = ["report.ipynb", "report.pdf", "report.html"]
CHECK, TRAINING, SAMPLE = [
    "01_gradient_check.ipynb", "02_training_evolution.ipynb", "03_best_model_sampling.ipynb",
]  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("book") / "book.txt"
    path.write_text("a book of some length\n" * 60, encoding="utf-8")
    return load_corpus(str(path))


def run(book: Corpus, **given: Any) -> Run:
    usual = {"m": 6, "seq_length": 5, "max_updates": 40}
    return train(book, Settings(**usual | given), progress=False)


def finished(folder: Path, book: Corpus, **given: Any) -> None:
    """Leave what the three notebooks and the rendering of a run leave."""
    save_runs([run(book, **given)], folder, str(book.path))
    replace_section(folder, "gradient_check", {"largest_relative_error": 1e-7})
    replace_section(folder, "text_losses", {"last model": 2.0})
    replace_section(folder, "sampling", {"seed": 0, "length": 3, "text": "abc"})
    for name in (CHECK, TRAINING, SAMPLE, *PAGES):
        (folder / name).write_text("{}")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_seed_that_ended_at_another_update_is_told_with_it(book: Corpus, tmp_path: Path) -> None:
    save_runs([run(book), run(book, seed=1), run(book, seed=2, max_updates=30)], tmp_path, "x")
    seeds = read_results(tmp_path)["training"]["seeds"]
    assert [one.get("updates") for one in seeds] == [None, None, 30]


def test_training_leaves_both_models_the_history_and_the_snapshots(
    book: Corpus, tmp_path: Path
) -> None:
    one = run(book)
    save_runs([one], tmp_path, str(book.path))
    assert names(tmp_path) >= {"history.csv", "snapshots.json", "results.json", "speed.json"}
    best, last = (load_model(tmp_path / f"{which}_model.npz") for which in ("best", "last"))
    assert (best.update, last.update) == (one.best_update, 40)
    assert last.smooth_loss == one.smooth_loss
    assert (last.parameters.W == one.last_model.parameters.W).all()
    assert last.x == book.ids[40 * 5], "what it would read next"


def test_same_training_again_leaves_everything_as_it_was(book: Corpus, tmp_path: Path) -> None:
    finished(tmp_path, book)
    speed = (tmp_path / "speed.json").read_bytes()
    again = run(book)
    object.__setattr__(again, "timed_updates", 0)  # as when it was all taken from a checkpoint
    before = names(tmp_path), read_results(tmp_path)
    save_runs([again], tmp_path, str(book.path))
    assert (names(tmp_path), read_results(tmp_path)) == before
    assert (tmp_path / "speed.json").read_bytes() == speed


@pytest.mark.parametrize("change", [{"m": 7}, {"max_updates": 50}, {"seed": 1}, {"eta": 0.05}])
def test_other_training_takes_the_place_of_all_that_came_from_the_first(
    book: Corpus, tmp_path: Path, change: dict[str, Any]
) -> None:
    finished(tmp_path, book)
    save_runs([run(book, **change)], tmp_path, str(book.path))
    results = read_results(tmp_path)
    assert {"sampling", "text_losses"} & results.keys() == set()
    assert results["gradient_check"] == {"largest_relative_error": 1e-7}
    assert names(tmp_path) & {TRAINING, SAMPLE, *PAGES} == set()
    assert CHECK in names(tmp_path)
    told = {name: results["training"]["parameters"][name] for name in change}
    assert told == change
    last = json.loads((tmp_path / "history.csv").read_text().splitlines()[-1].split(",")[0])
    assert last == results["training"]["updates"] == load_model(tmp_path / "last_model.npz").update


@pytest.mark.parametrize(
    ("section", "gone"),
    [("gradient_check", {CHECK, SAMPLE, *PAGES}), ("sampling", {SAMPLE, *PAGES})],
)
def test_other_result_takes_along_the_notebooks_and_pages_that_show_the_old_one(
    book: Corpus, tmp_path: Path, section: str, gone: set[str]
) -> None:
    finished(tmp_path, book)
    before = names(tmp_path)
    replace_section(tmp_path, section, read_results(tmp_path)[section])
    assert names(tmp_path) == before
    replace_section(tmp_path, section, {"another": 1})
    assert before - names(tmp_path) == gone
    assert "training" in read_results(tmp_path)


def test_what_json_cannot_hold_is_written_as_null(tmp_path: Path) -> None:
    facts = {"a": np.float32(0.5), "b": [math.nan, -math.inf], "c": (np.int64(1), np.True_)}
    replace_section(tmp_path, "sampling", facts)
    (tmp_path / SAMPLE).write_text("made from it")
    replace_section(tmp_path, "sampling", facts)
    assert (tmp_path / SAMPLE).exists(), "nothing is different"
    assert read_results(tmp_path)["sampling"] == {"a": 0.5, "b": [None, None], "c": [1, True]}


def test_text_and_settings_of_a_run_are_found_again(book: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"run 02_training_evolution\.ipynb"):
        load_settings(tmp_path)
    one = run(book, clip=0)
    save_runs([one], tmp_path, str(book.path))
    assert load_settings(tmp_path) == one.settings
    assert load_book(tmp_path).vocabulary == book.vocabulary
    results = read_results(tmp_path)
    results["training"]["book"]["sha256"] = "another"
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(ReportError, match=r"changed since; run 02_training_evolution\.ipynb again"):
        load_book(tmp_path)


@pytest.mark.parametrize("given", [{"batch_size": 3}, {"order": "chunks", "held_out": 0.1}])
def test_a_run_has_one_number_of_updates_per_epoch(
    book: Corpus, tmp_path: Path, given: dict[str, Any]
) -> None:
    one = run(book, **given)
    save_runs([one], tmp_path, str(book.path))
    training = read_results(tmp_path)["training"]
    assert training["book"]["updates_per_epoch"] == one.updates_per_epoch
    assert training["updates_per_epoch"] == one.updates_per_epoch


def test_there_is_no_run_while_another_takes_its_place(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(tmp_path, book)

    def full(*_: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr("rnn.runs.results.save_model", full)
    with pytest.raises(OSError, match="no room"):
        save_runs([run(book, m=7)], tmp_path, str(book.path))
    assert {"training", "sampling", "text_losses"} & read_results(tmp_path).keys() == set()


def test_last_model_that_is_not_finite_is_not_kept(book: Corpus, tmp_path: Path) -> None:
    save_runs([run(book)], tmp_path, str(book.path))
    broken = run(book)
    broken.state.theta[0] = float("nan")
    save_runs([broken], tmp_path, str(book.path))
    assert not (tmp_path / "last_model.npz").exists()
    assert load_model(tmp_path / "best_model.npz").update == broken.best_update


def test_time_is_taken_of_updates_that_did_not_compile(book: Corpus) -> None:
    one = run(book)
    assert one.new_updates == 40 and one.timed_updates == 39, "the first update is made alone"
    assert one.seconds > 0


def test_the_held_out_loss_is_the_same_wherever_a_run_tells_it(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    one = run(book, held_out=0.2, max_updates=350, epochs=10)
    save_runs([one, run(book, held_out=0.2, seed=1)], tmp_path, str(book.path))
    training = read_results(tmp_path)["training"]
    told, history = training["held_out_loss"], pd.read_csv(tmp_path / "history.csv")
    measured = history.dropna().set_index("update")["validation_loss"]
    assert (told["lowest"]["nats"], told["lowest"]["update"]) == (measured.min(), measured.idxmin())
    assert (told["last"]["nats"], told["last"]["update"]) == (measured[350], 350)
    for losses in told.values():
        assert losses["bits"] == pytest.approx(losses["nats"] / math.log(2))
    assert training["seeds"][0]["held_out_loss"] == told != training["seeds"][1]["held_out_loss"]

    best, loss = load_best(tmp_path, "held_out")
    assert (best.update, loss) == (told["lowest"]["update"], told["lowest"]["nats"])
    by_smooth_loss, loss = load_best(tmp_path)
    assert (by_smooth_loss.update, loss) == (one.best_update, told["lowest_smooth"]["nats"])
    ids, no_marks = book.ids[one.schedule.trained :], np.zeros(0, bool)
    assert loss == text_loss(by_smooth_loss.parameters, ids, no_marks, by_smooth_loss.h)

    monkeypatch.setattr(sys, "argv", ["", str(tmp_path)])
    closing_lines.main()
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "held-out" in line)
    lowest = told["lowest"]
    for number in (lowest["nats"], lowest["bits"], told["last"]["nats"]):
        assert f"{number:.4f}" in line
    assert f"update {lowest['update']:,}" in line


def test_a_single_update_is_not_told_of_as_several(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    save_runs([run(book, max_updates=1)], tmp_path, str(book.path))
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path)])
    closing_lines.main()
    told = capsys.readouterr().out
    assert "smooth loss" in told and "1 updates" not in told


def test_without_a_held_out_part_there_is_no_model_that_is_best_on_it(
    book: Corpus, tmp_path: Path
) -> None:
    save_runs([run(book, held_out=0.2)], tmp_path, str(book.path))
    assert (tmp_path / "best_held_out_model.npz").exists()
    save_runs([run(book)], tmp_path, str(book.path))
    assert not (tmp_path / "best_held_out_model.npz").exists()
    assert "held_out_loss" not in read_results(tmp_path)["training"]
    assert math.isnan(load_best(tmp_path)[1])
    with pytest.raises(ReportError, match=r"^best_by: expected smooth .* train with held_out"):
        load_best(tmp_path, "held_out")
    with pytest.raises(ReportError, match=r"^best_by: expected one of smooth, held_out"):
        load_best(tmp_path, "heldout")
