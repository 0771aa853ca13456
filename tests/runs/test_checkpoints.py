"""Nothing is lost to an interruption: a run in pieces leaves the bytes of a whole one."""

import errno
import json
import math
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
from tqdm import tqdm

from rnn.errors import ReportError
from rnn.model import named
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.driver import train
from rnn.runs.models import load_model, save_model
from rnn.runs.run import Run
from rnn.runs.storage import write_whole
from rnn.settings import Schedule, Settings
from rnn.text.corpus import Corpus
from rnn.training import Trainer


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return reference.book(tmp_path_factory.mktemp("books"), 2000)


def save_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn.runs.checkpoints._SECONDS", 0.0)
    monkeypatch.setattr("rnn.runs.checkpoints._SHARE", math.inf)


def settings(**given: Any) -> Settings:
    small = {"m": 6, "seq_length": 5, "max_updates": 500, "epochs": 50, "dtype": "float64"}
    return Settings(**small | {"sig": 0.3, "snapshot_every": 60, "snapshot_length": 30} | given)


def results(run: Run, folder: Path) -> list[bytes]:
    """Write what a run leaves, and read it back as bytes."""
    save_model(folder / "best_model.npz", run.best_model)
    history = run.history.to_csv(index=False).encode()
    losses = run.text_losses()
    told = json.dumps([run.state.snapshots, run.state.epoch_losses, losses]).encode()
    return [(folder / "best_model.npz").read_bytes(), history, told]


def states(folder: Path) -> list[int]:
    return sorted(int(path.stem.split("-")[1]) for path in folder.glob("*.state"))


def go(book: Corpus, folder: Path, s: Settings) -> Run:
    return train(book, s, Checkpoints(folder, book, s), progress=False)


# Exact resume


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"course": "2026"},
        {"optimizer": "rmsprop", "batch_size": 3},
        {"order": "chunks", "chunks": 9, "held_out": 0.2},
        {"order": "random", "batch_size": 4, "eta": 1e-4},
        {"document_end": " ", "held_out": 0.1},
        {"eta": 3.0},
        {"layers": 2, "batch_size": 2, "dropout": 0.3},
        {"eta_schedule": "step", "eta_decay": 0.4, "held_out": 0.2},
        pytest.param({"cell": "gru", "held_out": 0.1}, marks=pytest.mark.exhaustive),
        pytest.param({"cell": "lstm", "layers": 2, "dropout": 0.3}, marks=pytest.mark.exhaustive),
    ],
    ids=str,
)
def test_a_run_in_pieces_leaves_the_same_bytes_as_one_without_interruption(
    book: Corpus, tmp_path: Path, given: dict[str, Any]
) -> None:
    for last in (1, 2, 59, 60, 61, 133, 200, 399, 400, 431):
        part = go(book, tmp_path / "states", settings(**given, max_updates=last))
        assert part.last_update == last
    pieces = go(book, tmp_path / "states", settings(**given))
    assert pieces.new_updates == 500 - 431
    whole = train(book, settings(**given), progress=False)
    for name, value in vars(whole.state).items():
        np.testing.assert_array_equal(getattr(pieces.state, name), value, name)
    assert results(pieces, tmp_path) == results(whole, tmp_path)


def test_a_model_of_two_layers_is_saved_and_loaded_as_it_is(book: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    s = settings(layers=2, max_updates=50)
    model = train(book, s, progress=False).best_model
    save_model(path, model)
    with np.load(path) as arrays:
        assert {"W1", "b1", "U1", "W2", "b2", "U2", "V", "c"} < set(arrays)
        assert arrays["h"].shape == (12,)
    loaded = load_model(path)
    assert type(loaded.parameters) is type(model.parameters)
    for name, part in named(model.parameters).items():
        np.testing.assert_array_equal(named(loaded.parameters)[name], part, name)
    np.testing.assert_array_equal(loaded.h, model.h)
    save_model(tmp_path / "again.npz", loaded)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_states_of_another_architecture_are_not_used(book: Corpus, tmp_path: Path) -> None:
    go(book, tmp_path, settings(max_updates=50))
    assert go(book, tmp_path, settings(layers=2, max_updates=60)).new_updates == 60
    assert go(book, tmp_path, settings(max_updates=60, dropout=0.1)).new_updates == 60
    assert go(book, tmp_path, settings(max_updates=70)).new_updates == 20


def test_more_epochs_begin_where_fewer_ended(
    book: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seven = settings(epochs=7, max_updates=0)
    fourteen = settings(epochs=14, max_updates=0)
    assert go(book, tmp_path / "states", seven).last_update == 7 * 399
    longer = go(book, tmp_path / "states", fourteen)
    assert longer.new_updates == 7 * 399
    assert "going on from update 2,793" in capsys.readouterr().err
    whole = train(book, fourteen, progress=False)
    assert results(longer, tmp_path) == results(whole, tmp_path)


def test_a_cosine_over_more_updates_begins_anew(book: Corpus, tmp_path: Path) -> None:
    s = settings(eta_schedule="cosine")
    longer = settings(eta_schedule="cosine", max_updates=510)
    assert go(book, tmp_path / "states", s).new_updates == 500
    assert go(book, tmp_path / "states", longer).new_updates == 510
    assert go(book, tmp_path / "states", s).new_updates == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("eta_schedule", ["step", "cosine"])
def test_a_training_that_is_stopped_in_the_middle_of_a_decay_ends_with_the_same_bytes(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eta_schedule: str
) -> None:
    s = settings(eta_schedule=eta_schedule, held_out=0.2, optimizer="adam", eta=0.01)
    save, saved = Checkpoints.save, []

    def interrupted(self: Checkpoints, state: Any) -> None:
        save(self, state)
        saved.append(state.update)
        if len(saved) == 4:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        save_after_every_step(patch)
        patch.setattr(Checkpoints, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            go(book, tmp_path / "c", s)
    assert 100 < saved[-1] < 450
    resumed = go(book, tmp_path / "c", s)
    assert 0 < resumed.new_updates < 400
    whole = train(book, s, progress=False)
    for name, value in vars(whole.state).items():
        np.testing.assert_array_equal(getattr(resumed.state, name), value, name)
    assert results(resumed, tmp_path) == results(whole, tmp_path)


def test_patience_ends_a_training_as_if_there_were_no_other_states(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = {300: 2.0}
    monkeypatch.setattr(
        Trainer, "validation_loss", lambda trainer: losses.get(trainer.state.update, 3.0)
    )
    patient = settings(held_out=0.2, max_updates=1000)
    impatient = settings(held_out=0.2, max_updates=1000, patience=1)
    per_epoch = Schedule.of(patient, len(book)).updates_per_epoch
    assert 300 < per_epoch < 400
    first = go(book, tmp_path / "a", impatient)
    assert first.last_update == first.stopped_at == 2 * per_epoch
    assert go(book, tmp_path / "a", impatient).new_updates == 0
    further = go(book, tmp_path / "a", patient)
    assert further.new_updates == 1000 - 2 * per_epoch and not further.stopped_at
    again = go(book, tmp_path / "a", impatient)
    assert results(again, tmp_path) == results(first, tmp_path)
    assert results(further, tmp_path) == results(train(book, patient, progress=False), tmp_path)


def test_a_finished_run_is_not_run_again(book: Corpus, tmp_path: Path) -> None:
    first = go(book, tmp_path / "states", settings())
    again = go(book, tmp_path / "states", settings())
    assert (first.new_updates, again.new_updates) == (500, 0)
    assert results(first, tmp_path) == results(again, tmp_path)


def test_a_state_beyond_the_wanted_update_is_neither_used_nor_lost(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "states"
    go(book, folder, settings(max_updates=400))
    go(book, folder, settings(max_updates=500))
    save_after_every_step(monkeypatch)
    s = settings(max_updates=300)
    shorter = go(book, folder, s)
    assert (shorter.new_updates, shorter.last_update) == (300, 300)
    assert results(shorter, tmp_path) == results(train(book, s, progress=False), tmp_path)
    assert states(folder)[-2:] == [400, 500] and 300 in states(folder)
    assert go(book, folder, settings()).new_updates == 0


def test_the_last_two_states_are_kept(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_after_every_step(monkeypatch)
    go(book, tmp_path, settings())
    kept = states(tmp_path)
    assert len(kept) == 2 and kept[1] == 500 and 430 < kept[0] < 500


@pytest.mark.parametrize(
    "given", [{"seed": 1}, {"eta": 0.2}, {"m": 7}, {"clip": 4}, {"dtype": "float32"}], ids=str
)
def test_states_of_other_settings_are_neither_used_nor_lost(
    book: Corpus, tmp_path: Path, given: dict[str, Any]
) -> None:
    go(book, tmp_path, settings(max_updates=50))
    other = go(book, tmp_path, settings(max_updates=60, **given))
    assert other.new_updates == 60
    assert go(book, tmp_path, settings(max_updates=70)).new_updates == 20


def test_of_other_settings_not_more_than_four_states_are_kept(book: Corpus, tmp_path: Path) -> None:
    for seed in range(8):
        go(book, tmp_path, settings(max_updates=10, seed=seed))
    assert len(states(tmp_path)) == 5
    assert go(book, tmp_path, settings(max_updates=11, seed=6)).new_updates == 1


def test_states_of_another_book_are_not_used(book: Corpus, tmp_path: Path) -> None:
    other = reference.book(tmp_path, 2000, seed=2)
    assert other.vocabulary == book.vocabulary
    go(other, tmp_path / "states", settings(max_updates=50))
    assert go(book, tmp_path / "states", settings(max_updates=60)).new_updates == 60


def test_a_state_under_the_name_of_another_run_is_left_aside(
    book: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s, other = settings(max_updates=50), settings(max_updates=50, seed=1)
    go(book, tmp_path / "one", s)
    go(book, tmp_path / "two", other)
    (mine,), (theirs,) = ((tmp_path / f).glob("*.state") for f in ("one", "two"))
    theirs.replace(mine)
    run = go(book, tmp_path / "one", s)
    assert run.new_updates == 50
    assert "expected a state of this run, got another" in capsys.readouterr().err


# Damage


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    return content[:-500] + bytes([content[-500] ^ 1]) + content[-499:]


@pytest.mark.parametrize(
    "damage",
    [cut, flip, lambda content: b"", lambda content: b"\0" * len(content), lambda content: b"x"],
    ids=["cut", "flip", "empty", "zeros", "foreign"],
)
def test_a_broken_state_is_said_and_the_one_before_it_is_used(
    book: Corpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
) -> None:
    folder = tmp_path / "states"
    go(book, folder, settings(max_updates=200))
    go(book, folder, settings(max_updates=300))
    newest = sorted(folder.glob("*.state"))[-1]
    newest.write_bytes(damage(newest.read_bytes()))
    run = go(book, folder, settings())
    said = [line for line in capsys.readouterr().err.splitlines() if line][-2:]
    assert said[0].startswith(f"checkpoint skipped: {newest.name}: expected a whole file")
    assert said[1] == "going on from update 200"
    assert run.new_updates == 300
    assert results(run, tmp_path) == results(train(book, settings(), progress=False), tmp_path)


def test_with_all_states_broken_training_begins_anew(book: Corpus, tmp_path: Path) -> None:
    go(book, tmp_path, settings(max_updates=200))
    for path in tmp_path.glob("*.state"):
        path.write_bytes(cut(path.read_bytes()))
    assert go(book, tmp_path, settings()).new_updates == 500


def test_a_full_disk_ends_training_with_a_line_and_the_last_state_kept(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(book, tmp_path, settings(max_updates=200))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fails(descriptor: int) -> None:
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(ReportError, match="No space left on device"):
            go(book, tmp_path, settings())
    assert states(tmp_path) == [200]
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]
    assert go(book, tmp_path, settings()).new_updates == 300


def test_what_a_killed_process_left_half_written_is_cleared_away(
    book: Corpus, tmp_path: Path
) -> None:
    left = tmp_path / ".0123456789abcdef-000000000000100.state.4711.tmp"
    left.write_bytes(b"half")
    go(book, tmp_path, settings(max_updates=10))
    assert not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="locks of Unix")
def test_two_processes_do_not_train_the_same_run(book: Corpus, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, book, settings())
    with checkpoints.held():
        with pytest.raises(ReportError) as caught:
            go(book, tmp_path, settings())
        message = str(caught.value)
        assert f"got process {os.getpid()}; wait until it ends" in message
    assert go(book, tmp_path, settings(max_updates=10)).new_updates == 10


def test_a_folder_that_cannot_be_made_is_one_line(book: Corpus, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match=r"^states: expected a folder that can be written"):
        Checkpoints(tmp_path / "file" / "states", book, settings())


# What saving costs


def test_states_are_saved_so_seldom_that_saving_takes_a_hundredth_of_the_time(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(os, "fsync", lambda descriptor: clock.__setitem__(0, clock[0] + 1))
    s = settings()
    state = train(book, settings(max_updates=3), progress=False).state
    checkpoints = Checkpoints(tmp_path, book, s)
    saves = 0
    while clock[0] < 10_000:
        clock[0] += 0.2
        before = clock[0]
        if time.monotonic() >= checkpoints.due:
            checkpoints.save(state)
        saves += clock[0] > before
    assert 40 < saves < 52, "two seconds a save, one percent of ten thousand"


# Kill -9


def train_in_a_child(book: Corpus, s: Settings, folder: Path, dies_at_write: int) -> None:
    """Train with a state saved after every step; be killed in the middle of a write if told."""
    writes = 0
    fsync = os.fsync

    def killed(descriptor: int) -> None:
        nonlocal writes
        writes += 1
        if writes == dies_at_write:
            size = os.fstat(descriptor).st_size
            if size > 10_000:  # the file, not the folder: half of it never reached the disk
                os.ftruncate(descriptor, random.randrange(size))
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = killed
    # By default one lock of tqdm serves all children: one that is killed with it stops the others.
    tqdm.set_lock(threading.RLock())
    run = go(book, folder / "states", s)
    for name, content in zip("abc", results(run, folder), strict=True):
        write_whole(folder / name, content)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
def test_a_run_killed_at_many_random_moments_ends_with_the_same_bytes(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_after_every_step(monkeypatch)
    fork = multiprocessing.get_context("fork")
    rng = random.Random(1)
    kills = torn = finished = 0
    variants: list[dict[str, Any]] = [
        {}, {"order": "chunks", "held_out": 0.2}, {"course": "2026", "batch_size": 2},
        {"order": "random", "eta": 1e-4},
    ]  # fmt: skip
    while kills < 60 or finished < len(variants):
        s = settings(
            m=16, max_updates=4000, snapshot_every=40, seed=finished,
            **variants[finished % len(variants)],
        )  # fmt: skip
        want = results(train(book, s, progress=False), tmp_path)
        folder = tmp_path / str(finished)
        folder.mkdir()
        died_before = kills
        while not (folder / "c").exists():
            # Some die at a moment of the clock, some while a state is being written.
            writing = kills % 3 == 0
            dies_at_write = rng.randrange(1, 60) if writing else 0
            child = fork.Process(target=train_in_a_child, args=(book, s, folder, dies_at_write))
            child.start()
            if not writing and kills - died_before < 15:
                child.join(rng.uniform(0, 0.3))
                child.kill()
            child.join()
            if child.exitcode == -signal.SIGKILL:
                kills += 1
                torn += bool(list((folder / "states").glob(".*.tmp")))
            else:
                assert child.exitcode == 0
        assert [(folder / name).read_bytes() for name in "abc"] == want
        finished += 1
    assert kills >= 60 and torn >= 10
