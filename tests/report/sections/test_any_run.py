"""The sections about a run hold for any text and any settings, also short and bad ones."""

import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from section_outputs import Outputs

from rnn.report.sections.runs_finished import read_runs
from rnn.runs import results
from rnn.runs.driver import train
from rnn.runs.models import load_model, write
from rnn.settings import Settings
from rnn.text.corpus import load_corpus

ENGLISH = 'The sea, the sand. Wren said: "He is late." And so Wren went.\n\n' * 40
CHINESE = "".join(chr(0x4E00 + i * i % 101) + "。" * (i % 9 == 0) for i in range(900))
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "usual": (ENGLISH, {"max_updates": 120, "snapshot_every": 50}),
    "parts": (ENGLISH, {"held_out": 0.1, "order": "chunks", "chunks": 4, "batch_size": 2,
                        "document_end": "\n\n", "course": "2026"}),
    "tiny": ("ab\nabc ", {"seq_length": 2, "snapshot_every": 1, "snapshot_length": 1}),
    "Chinese": (CHINESE, {"order": "random"}),
    "diverged": (ENGLISH, {"eta": 1e38, "clip": 0.0, "optimizer": "rmsprop"}),
    "broken at once": (ENGLISH, {"eta": 3e38, "clip": 0.0, "optimizer": "rmsprop"}),
    "deep": (ENGLISH, {"layers": 2, "dropout": 0.3, "max_updates": 120}),
    "lstm": (ENGLISH, {"cell": "lstm", "layers": 2, "dropout": 0.3, "max_updates": 120}),
    "gru": (ENGLISH, {"cell": "gru", "max_updates": 120}),
    "Adam at 1": (ENGLISH, {"optimizer": "adam", "eta": 1.0, "max_updates": 90}),
    "eta 100": (ENGLISH, {"eta": 100.0, "dtype": "float64", "max_updates": 90}),
    "eta 1000": (ENGLISH, {"eta": 1000.0, "max_updates": 90, "held_out": 0.1}),
    "steep": (ENGLISH, {"sig": 1e5, "eta": 1e30, "clip": 0.0, "max_updates": 90}),
    "wild": (ENGLISH, {"eta": 1e3, "clip": 0.0, "optimizer": "rmsprop", "max_updates": 200}),
}  # fmt: skip


#: Those that compile another cell.
SLOW = ("lstm", "gru")


@pytest.fixture(
    params=[pytest.param(n, marks=[pytest.mark.exhaustive] if n in SLOW else []) for n in RUNS],
    scope="module",
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a run of a few updates, its text and its folder with its results."""
    text, settings = RUNS[request.param]
    folder = tmp_path_factory.mktemp("run")
    (folder / "a_*book*.txt").write_text(text, encoding="utf-8")
    corpus = load_corpus(str(folder / "a_*book*.txt"))
    usual = {"m": 6, "seq_length": 5, "epochs": 2, "snapshot_length": 30}
    run = train(corpus, Settings(**usual | settings), progress=False)
    results.save_runs([run], folder, str(folder / "a_*book*.txt"))
    return run, folder


def sound(out: Outputs) -> None:
    assert out.prose or out.records
    assert not re.search(r"\bnan\b|None(?! of)|undefined|\{\{|\{%", out.words)
    assert "*book*" not in out.words, "data is escaped"


def test_training_says_settings_and_numbers(run: Any, shown) -> None:
    run, _ = run
    out = shown("training", run)
    sound(out)
    epochs = run.last_update / run.updates_per_epoch
    assert f"{max(1, math.floor(100 * epochs)) / 100:g} epoch" in out.prose
    numbers = len(run.corpus.ids), run.last_update, run.updates_per_epoch
    assert all(f"{number:,}" in out.prose for number in numbers)
    assert f"seq_length = {run.settings.seq_length}" in out.prose


def test_snapshots_are_shown_with_their_losses(run: Any, shown) -> None:
    run, _ = run
    out, snapshots = shown("snapshots", run), run.state.snapshots[:11]
    sound(out)
    assert out.texts == [snapshot["text"] for snapshot in snapshots]
    for record, snapshot in zip(out.records, snapshots, strict=True):
        assert f"{snapshot['update']} " in record.title
        assert f"{snapshot['smooth_loss']:,.4f}" in record.title


def test_quality_place_and_models_hold(run: Any, shown) -> None:
    run, folder = run
    out = shown("snapshots.quality", run)
    sound(out)
    assert out.labels == ["fig-quality", "tab-quality"]
    sound(shown("place", run))
    losses = run.text_losses()
    out = shown("models", run, losses)
    sound(out)
    assert out.labels == ["tab-models"]
    assert all(name in out.texts[0] for name in losses)
    assert not (folder / "report.html").exists() and "text_losses" not in results.read_results(
        folder
    ), "showing writes nothing"


def test_the_best_models_text_and_its_units_hold(run: Any, shown) -> None:
    run, folder = run
    model = load_model(folder / "best_model.npz")
    written = write(model, 40, 0)
    options = {"temperature": 0.7, "top_p": 0.9, "prime": run.corpus.decode(run.corpus.ids[:3])}
    for out in (
        shown("best_text", model, written, run.corpus),
        shown("best_text", model, written, run.corpus, **options),
    ):
        sound(out)
        assert out.texts == [written]
        assert f"{model.smooth_loss:,.4f}" in out.prose and f"{model.update:,}" in out.prose
    assert "0.7" in out.prose and "0.9" in out.prose
    out = shown("best_text.settings", model, 0, temperatures=(0.3, 1.3), nuclei=(0.5,))
    assert len(out.texts) == 3
    assert [re.findall(r"[\d.]+", one.title) for one in out.records] == [["0.3"], ["1.3"], ["0.5"]]
    sound(shown("units", model, run.corpus))


def test_the_book_has_the_trainings_own_numbers(run: Any, shown) -> None:
    run, folder = run
    out = shown("results.book", folder)
    assert out.labels == ["tab-book"]
    (table,) = out.texts
    lines = [line.split() for line in table.splitlines()]
    assert any("updates" in line and line[-1] == f"{run.updates_per_epoch:,}" for line in lines)
    uniform = run.settings.characters_in_loss * np.log(run.corpus.K)
    assert any("loss" in line and line[-1] == f"{uniform:.3f}" for line in lines)
    for facts in (run.corpus.sha256, f"{len(run.corpus.ids):,}", "a_*book*.txt"):
        assert facts in table


def test_a_training_that_came_to_nothing_is_told_of_in_numbers(run: Any, shown) -> None:
    run, _ = run
    told, reached = shown("loss", [run]).prose, run.state.diverged
    assert "\\`" not in told, "names of parameters are code, not data"
    if reached:
        assert f"{reached['update']:,}" in told and f"{run.settings.eta:g}" in told
        assert reached["update"] == run.last_update + 1
    elif run.settings.per_character(run.smooth_loss - run.history["smooth_loss"][0]) > 0.01:
        assert f"{run.smooth_loss:{',.4f' if run.smooth_loss < 1e7 else '.7g'}}" in told
        assert f"{run.settings.eta:g}" in told
    sound(shown("loss", [run, run]))


def test_any_run_can_be_compared(run: Any, shown, tmp_path: Path) -> None:
    run, folder = run
    for name in "ab":
        shutil.copytree(folder, tmp_path / name)
        results.replace_section(tmp_path / name, "text_losses", run.text_losses())
        drawn = {"seed": 0, "temperature": 1.0, "top_p": 1.0, "prime": "", "length": 3}
        results.replace_section(tmp_path / name, "sampling", {**drawn, "text": "The"})
    compared = read_runs(f"{tmp_path / 'a'} {tmp_path / 'b'}")
    for section in ("runs.settings", "runs.numbers", "runs_curves", "runs.snapshots"):
        sound(shown(section, compared))


def test_folder_sections_hold(run: Any, shown) -> None:
    _, folder = run
    for section in ("results.checklist", "results.provenance"):
        sound(shown(section, folder))
