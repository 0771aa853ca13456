"""A point of a sweep is the run that notebook 02 would make, in however many slices, anywhere."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import reference

from rnn.runs.checkpoints import checkpoints_of
from rnn.runs.driver import train_seeds
from rnn.runs.points import VERSION, is_saved, save_point, train_slice
from rnn.runs.results import replace_section, save_runs
from rnn.runs.storage import run_folder
from rnn.settings import Settings
from rnn.text.corpus import Corpus

SMALL = Settings(m=6, seq_length=5, max_updates=900, epochs=50, snapshot_every=300, held_out=0.1)
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return reference.book(tmp_path_factory.mktemp("books"), 2000)


def task(settings: Settings, **given: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"parameters": settings.as_dict(), "until": 10**9, "seconds": 60.0}
    return facts | {"state": b"", "update": 0, "version": VERSION} | given


def in_slices(book: Corpus, settings: Settings, folder: Path) -> tuple[dict[str, Any], int]:
    """Train in the shortest slices, each in a text and a task that have travelled."""
    got: dict[str, Any] = {"state": b"", "update": 0, "ended": False}
    slices = 0
    while not got["ended"]:
        words = task(settings, seconds=0.0, state=got["state"], update=got["update"])
        got = train_slice(*pickle.loads(pickle.dumps((book, words))))
        states = checkpoints_of(folder / "checkpoints", book, settings, SEEDS[0])
        states.take(got["update"], got["state"])
        slices += 1
    told = ("updates", "update"), *((one, one) for one in ("validation_loss", "text_losses"))
    facts = {name: got[key] for name, key in told}
    return facts | {"seed": settings.seed, "seconds": 1.0, "timed_updates": 1}, slices


@pytest.mark.parametrize(
    "given", [{}, {"eta_schedule": "cosine"}, {"patience": 1, "eta": 0.3}], ids=str
)
def test_slices_leave_the_bytes_of_a_run_in_one_go(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    asked = replace(SMALL, **given)
    monkeypatch.setattr("rnn.runs.points._SHARE", 1e9)
    whole, sliced = run_folder(tmp_path / "whole"), run_folder(tmp_path / "sliced")
    runs = train_seeds(book, asked, whole / "checkpoints", len(SEEDS), progress=False)
    save_runs(runs, whole, "book")
    replace_section(whole, "text_losses", runs[0].text_losses())

    told = []
    for seed in SEEDS:
        facts, slices = in_slices(book, replace(asked, seed=seed), sliced)
        assert slices > 3
        told.append(facts)
    assert not is_saved(sliced, asked, told)
    save_point(sliced, book, "book", asked, told)
    assert is_saved(sliced, asked, told)

    ends = {one["updates"] for one in told}
    assert (min(ends) < SMALL.max_updates) == ("patience" in given)
    names = ["history.csv", "snapshots.json", "best_model.npz", "last_model.npz", "results.json"]
    names.append("best_held_out_model.npz")
    states = {path for end in ends for path in whole.rglob(f"*{end:015d}.state")}
    names += [str(path.relative_to(whole)) for path in states]
    assert len(states) >= len(SEEDS)
    for name in names:
        assert (sliced / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_stage_ends_where_it_is_told_and_is_measured_there(book: Corpus) -> None:
    got = train_slice(book, task(SMALL, until=120))
    assert (got["update"], got["ended"]) == (120, True)
    assert got["text_losses"].keys() and got["validation_loss"] > 0
    later = train_slice(book, task(SMALL, state=got["state"], update=120))
    assert later["state"] == train_slice(book, task(SMALL))["state"]


def test_what_cannot_be_trained_is_told_and_not_raised(book: Corpus) -> None:
    got = train_slice(book, task(replace(SMALL, held_out=0.999)))
    assert set(got) == {"error"} and "corpus" in got["error"]
    got = train_slice(book, task(SMALL) | {"parameters": {"m": "many"}})
    assert set(got) == {"error"}


def test_another_version_of_the_math_trains_nothing(book: Corpus) -> None:
    assert train_slice(book, task(SMALL, version="older")) == {"other_version": VERSION}


def test_a_training_that_diverges_ends_and_says_so(book: Corpus) -> None:
    wild = replace(SMALL, eta=1e38, held_out=0.0)
    got = train_slice(book, task(wild))
    assert got["ended"] and got["diverged"] and got["update"] < SMALL.max_updates
