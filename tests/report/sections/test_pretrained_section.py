"""The report says which model a training went on with, and what that has changed."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from rnn.report.sections.runs import settings_table
from rnn.report.sections.runs_finished import read_runs
from rnn.runs import results
from rnn.runs.driver import train
from rnn.runs.pretrained import load_pretrained, load_text, losses_before_and_after
from rnn.runs.run import Run
from rnn.settings import Settings
from rnn.text.corpus import load_corpus

SMALL = {"m": 6, "seq_length": 5, "epochs": 2, "max_updates": 120, "snapshot_length": 30}
OLD = 'The sea, the sand. Wren said: "He is late." And so Wren went.\n\n' * 30
NEW = "Sjön är *stilla*. Ingen ser den, ingen hör den.\n" * 30


def leave(run: Run, folder: Path) -> None:
    """Leave what a finished run leaves."""
    results.save_runs([run], folder, str(run.corpus.path))
    results.replace_section(folder, "text_losses", run.text_losses())
    results.replace_section(folder, "losses_before_and_after", losses_before_and_after(run))
    drawn = {"seed": 0, "temperature": 1.0, "top_p": 1.0, "prime": "", "length": 3}
    results.replace_section(folder, "sampling", {**drawn, "text": "The"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the run ``a_*run*``, whose text is a *book*."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "a_*book*.txt").write_text(OLD, encoding="utf-8")
    (folder / "new.txt").write_text(NEW, encoding="utf-8")
    (folder / "a_*run*").mkdir()
    book = load_corpus(str(folder / "a_*book*.txt"))
    leave(train(book, Settings(**SMALL), progress=False), folder / "a_*run*")
    return folder


def go_on(folder: Path, text: str = "new.txt", **given: Any) -> Run:
    pretrained = load_pretrained(str(folder / "a_*run*"), {})
    corpus = load_text(str(folder / text), "utf-8", pretrained)
    s = Settings(**SMALL | {"eta": 0.01} | given)
    return train(corpus, s, progress=False, pretrained=pretrained)


@pytest.mark.parametrize("given", [{}, {"held_out": 0.2}, {"course": "2026"}], ids=str)
def test_model_and_new_characters_and_losses_are_told(
    folder: Path, shown, given: dict[str, Any]
) -> None:
    run = go_on(folder, **given)
    assert run.pretrained
    told = shown("training", run).prose
    assert run.pretrained.sha256[:12] in told and "*run*" not in told
    assert all(f"`{character}`" in told for character in "*Ijöä")
    assert f"{run.pretrained.model.update:,}" in told and f"{run.corpus.distinct} distinct" in told
    losses = losses_before_and_after(run)
    out = shown("pretrained", run, losses)
    assert out.labels == ["tab-pretrained"] and "*book*" not in out.words
    assert len(out.texts[0].splitlines()) == 1 + len(losses)
    for of in losses.values():
        for nats in of.values():
            assert f"{nats:.4f}" in out.texts[0] and f"{nats:.4f} nats" in out.prose
            assert f"{nats / math.log(2):.4f}" in out.texts[0]
            assert f"{nats / math.log(2):.4f} bits" in out.prose
    assert f"{run.history['smooth_loss'][0]:.4f}" in shown("loss", [run]).prose


def test_text_all_of_whose_characters_are_known_has_no_new_ones(folder: Path, shown) -> None:
    run = go_on(folder, "a_*book*.txt")
    told = shown("training", run).prose
    assert f"K = {run.corpus.K} distinct" in told and "sig" not in told
    out = shown("pretrained", run, losses_before_and_after(run))
    assert len(out.texts[0].splitlines()) == 3, "a row for each, though the titles are the same"


def test_lost_old_text_is_told_in_a_sentence(folder: Path, shown, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    run = go_on(folder)
    losses = losses_before_and_after(run)
    del losses["old text"]
    out = shown("pretrained", run, losses)
    assert len(out.texts[0].splitlines()) == 2 and "book" in out.prose


def test_training_with_drawn_weights_says_nothing_of_it(folder: Path, shown) -> None:
    run = train(load_corpus(str(folder / "new.txt")), Settings(**SMALL), progress=False)
    out = shown("pretrained", run, losses_before_and_after(run))
    assert not out.prose and not out.records


def test_folder_and_comparison_sections_name_the_run_before(folder: Path, shown) -> None:
    run = go_on(folder)
    assert run.pretrained
    (folder / "new").mkdir()
    leave(run, folder / "new")
    provenance = shown("results.provenance", folder / "new").texts[0]
    assert run.pretrained.sha256 in provenance
    book = shown("results.book", folder / "new").texts[0]
    assert f" {run.corpus.K}" in book and f" {run.corpus.distinct}" in book
    assert shown("results.checklist", folder / "new").labels == ["tab-checklist"]
    compared = read_runs(f"{folder / 'a_*run*'} {folder / 'new'}")
    assert settings_table(compared).loc["from_run"].tolist() == ["–", "a_*run*"]
    assert compared[1].parameters == run.settings.architecture(run.corpus.K).size
    for section in ("runs.settings", "runs.numbers", "runs.snapshots"):
        assert "*run*" not in shown(section, compared).prose
