"""What a training run records, and that nothing but its settings decides about it."""

import math
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference

from rnn import training
from rnn.errors import ReportError
from rnn.evaluation import text_loss
from rnn.kernels.randomness import SNAPSHOT, generator
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.driver import train, train_seeds
from rnn.runs.run import Run
from rnn.sampling import synthesize
from rnn.settings import Schedule, Settings
from rnn.state import MOST_WAITING, TrainingState, first_state
from rnn.text.corpus import Corpus, load_corpus

ONE_DOCUMENT = np.zeros(0, bool)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return reference.book(tmp_path_factory.mktemp("books"), 2000)


def settings(**given: Any) -> Settings:
    small = {"m": 6, "seq_length": 5, "max_updates": 250, "epochs": 50, "dtype": "float64"}
    return Settings(**small | {"sig": 0.3, "snapshot_every": 100, "snapshot_length": 30} | given)


def run(book: Corpus, **given: Any) -> Run:
    return train(book, settings(**given), progress=False)


def parameters(state: TrainingState, book: Corpus) -> Any:
    return settings().architecture(book.K).parameters(state.theta)


def assert_same_state(one: Run, other: Run) -> None:
    for name, value in vars(one.state).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(other.state, name), value, name)


# The history


def test_history_has_the_first_the_last_and_every_hundredth_update(book: Corpus) -> None:
    assert run(book).history["update"].tolist() == [1, 100, 200, 250]
    assert run(book, max_updates=200).history["update"].tolist() == [1, 100, 200]
    assert run(book, max_updates=1).history["update"].tolist() == [1]


def test_history_has_the_last_update_of_every_epoch(book: Corpus) -> None:
    r = run(book, max_updates=0, epochs=3)
    ends = [epoch * r.updates_per_epoch for epoch in (1, 2, 3)]
    assert r.updates_per_epoch % 100 and set(ends) <= set(r.history["update"])
    assert r.history["update"].is_monotonic_increasing and r.history["update"].is_unique


def test_history_of_a_short_run_begins_that_of_a_longer_one(book: Corpus) -> None:
    short, long = run(book, max_updates=150).history, run(book).history
    assert short.iloc[:2].equals(long.iloc[:2])
    assert short["update"].tolist() == [1, 100, 150]
    assert 150 not in long["update"].tolist()


def test_history_counts_epochs_from_one(book: Corpus) -> None:
    r = run(book, max_updates=0, epochs=2)
    assert r.updates_per_epoch == 399
    assert r.history["update"].tolist() == [1, 100, 200, 300, 399, 400, 500, 600, 700, 798]
    assert r.history["epoch"].tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_training_ends_after_the_epochs_or_the_updates_whichever_come_first(book: Corpus) -> None:
    assert run(book, epochs=1, max_updates=0).last_update == 399
    assert run(book, epochs=1, max_updates=1000).last_update == 399
    assert run(book, epochs=1, max_updates=77).last_update == 77


def test_at_the_end_of_every_epoch_the_loss_over_the_whole_text_is_measured(book: Corpus) -> None:
    best = set()
    for seed in range(6):
        how = {"optimizer": "adam", "eta": 0.1, "seed": seed}
        r = run(book, max_updates=0, epochs=3, **how)
        states = [run(book, max_updates=399 * epoch, **how).state for epoch in (1, 2, 3)]
        losses = [
            text_loss(parameters(state, book), book.ids, ONE_DOCUMENT, state.h[0])
            for state in states
        ]
        measured = r.text_losses()
        assert r.state.epoch_losses == losses
        assert measured["best model at the end of an epoch"] == min(losses)
        best.add(int(np.argmin(losses)))
    assert best - {2}, "or the test would not tell the best from the last"


def test_nothing_is_measured_before_it_is_asked_for(book: Corpus) -> None:
    r = run(book, max_updates=0, epochs=2)
    assert len(r.state.waiting) == 2 and not r.state.epoch_losses
    first = r.text_losses()
    assert len(r.state.waiting) == 0 and len(r.state.epoch_losses) == 2
    assert r.text_losses() == first and len(r.state.epoch_losses) == 2


def test_many_epochs_are_measured_as_few_are(book: Corpus) -> None:
    many = run(book, max_updates=0, epochs=MOST_WAITING + 3)
    few = run(book, max_updates=0, epochs=2)
    assert len(many.state.waiting) <= MOST_WAITING and len(many.state.epoch_losses) > 0
    many.text_losses()
    few.text_losses()
    assert many.state.epoch_losses[:2] == few.state.epoch_losses
    assert len(many.state.epoch_losses) == MOST_WAITING + 3 and len(many.state.waiting) == 0


def test_characters_that_only_the_held_out_part_has_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("abcab" * 200 + "z", encoding="utf-8")
    r = run(load_corpus(str(path)), max_updates=0, epochs=1, held_out=0.1)
    r.text_losses()
    assert len(r.state.epoch_losses) == 1 and math.isfinite(r.state.epoch_losses[0])


# The same numbers


def test_the_same_seed_gives_the_same_run_and_another_seed_another(book: Corpus) -> None:
    one, same, other = run(book, seed=1), run(book, seed=1), run(book, seed=2)
    assert_same_state(one, same)
    assert one.state.snapshots == same.state.snapshots
    assert one.history.equals(same.history)
    assert not np.array_equal(one.state.theta, other.state.theta)


def test_progress_is_shown_and_changes_nothing(
    book: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = train(book, settings(), progress=True)
    said = capsys.readouterr()
    assert "smooth loss" in said.err and "250/250" in said.err and "epoch 1/50" in said.err
    assert not said.out
    hidden = run(book)
    assert not capsys.readouterr().err
    assert_same_state(shown, hidden)


def test_training_works_in_a_thread_of_its_own(book: Corpus) -> None:
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(run(book)))
    thread.start()
    thread.join()
    assert_same_state(runs[0], run(book))


# Snapshots


def test_snapshots_come_before_the_first_and_every_so_many_th_update(book: Corpus) -> None:
    r = run(book)
    assert [snapshot["update"] for snapshot in r.state.snapshots] == [1, 100, 200]
    losses = dict(zip(r.history["update"], r.history["smooth_loss"], strict=True))
    for snapshot in r.state.snapshots:
        assert snapshot["smooth_loss"] == losses[snapshot["update"]]
        assert len(snapshot["text"]) == 30


@pytest.mark.parametrize("update", [1, 200, 400, 425])
def test_a_snapshot_goes_on_from_the_current_state_and_the_segments_first_character(
    book: Corpus, update: int
) -> None:
    r = run(book, max_updates=425, snapshot_every=25)
    text = next(s["text"] for s in r.state.snapshots if s["update"] == update)
    if update == 1:
        before = first_state(settings(), book.K)
    else:
        before = run(book, max_updates=update - 1).state
    # Update 400 is the first one of the second epoch: the state is zero, and so is the position.
    h = np.zeros(6) if update in (1, 400) else before.h[0]
    x0 = int(book.ids[(update - 1) % 399 * 5])
    rng = generator(0, SNAPSHOT, update)
    ids = synthesize(parameters(before, book), h, x0, 30, rng)
    assert text == book.decode(ids)


def test_a_snapshot_does_not_depend_on_what_was_sampled_before(book: Corpus) -> None:
    often, seldom = run(book, snapshot_every=20), run(book, snapshot_every=100)
    assert_same_state(often, seldom)
    by_update = {snapshot["update"]: snapshot for snapshot in often.state.snapshots}
    assert [by_update[s["update"]] for s in seldom.state.snapshots] == seldom.state.snapshots


def test_a_longer_snapshot_begins_like_a_shorter_one(book: Corpus) -> None:
    short, long = run(book, snapshot_length=10), run(book, snapshot_length=40)
    for one, other in zip(short.state.snapshots, long.state.snapshots, strict=True):
        assert other["text"][:10] == one["text"]


def test_a_snapshot_ends_with_its_document(book: Corpus) -> None:
    texts = [s["text"] for s in run(book, document_end=" ").state.snapshots]
    whole = [s["text"] for s in run(book).state.snapshots]
    assert texts[0] == whole[0].partition(" ")[0] + " " != whole[0]
    assert all(text.count(" ") <= 1 and text.find(" ") in (-1, len(text) - 1) for text in texts)


def test_a_snapshot_at_the_beginning_of_a_document_has_a_zero_state(book: Corpus) -> None:
    end = next(c for c in book.vocabulary if book.ids[99 * 5 - 1] == book.encode(c)[0])
    r = run(book, document_end=end)
    before = run(book, document_end=end, max_updates=99).state
    x0, rng = int(book.ids[99 * 5]), generator(0, SNAPSHOT, 100)
    ids = synthesize(parameters(before, book), np.zeros(6), x0, 30, rng, end=book.encode(end))
    assert r.state.snapshots[1]["text"] == book.decode(ids)
    assert np.abs(before.h).max() > 0.01


@pytest.mark.parametrize("end", ["Z", "\x00", "é"])
def test_an_end_of_document_with_unknown_characters_is_refused(book: Corpus, end: str) -> None:
    with pytest.raises(
        ReportError, match=r"^document_end: expected characters of 'book-2000-1\.txt'"
    ):
        run(book, document_end=end)


# The held-out part


def test_training_is_the_same_as_if_the_held_out_part_were_cut_off(
    book: Corpus, tmp_path: Path
) -> None:
    held_out = run(book, held_out=0.25, max_updates=700)
    cut = tmp_path / "cut.txt"
    cut.write_text(book.decode(book.ids)[:1500], newline="")
    shorter = load_corpus(cut)
    assert shorter.vocabulary == book.vocabulary
    without = run(shorter, max_updates=700)
    held_out.state.held_out_theta = without.state.held_out_theta  # which is of nothing there
    held_out.state.held_out_h = without.state.held_out_h
    assert_same_state(held_out, without)
    assert held_out.state.snapshots == run(shorter, max_updates=700).state.snapshots


def test_validation_loss_is_that_of_the_model_on_the_held_out_part(book: Corpus) -> None:
    r = run(book, held_out=0.25, max_updates=350)
    measured = r.history.dropna()
    # 299 updates an epoch: a fifth of them, as whole hundreds.
    assert measured["update"].tolist() == [100, 200, 299, 300, 350], "and the end of the epoch"
    for update, loss in zip(measured["update"], measured["validation_loss"], strict=True):
        state = run(book, held_out=0.25, max_updates=update).state
        ids = book.ids[1500:]
        assert loss == text_loss(parameters(state, book), ids, ONE_DOCUMENT, state.h[0])
    assert "validation_loss" not in run(book).history


def test_documents_begin_in_the_held_out_part_too(book: Corpus) -> None:
    r = run(book, held_out=0.25, document_end=" ")
    ids = book.ids[1500:]
    rest = book.decode(ids)
    marks = np.array([i > 0 and rest[i - 1] == " " for i in range(len(rest))])
    last, h = parameters(r.state, book), r.state.h[0]
    assert r.validation_loss == text_loss(last, ids, marks, h)
    assert r.validation_loss != text_loss(last, ids, ONE_DOCUMENT, h)


@pytest.fixture
def curve(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, float]], None]:
    """Return a function that makes held-out losses up: by update, else they are 3."""

    def made_up(losses: dict[int, float]) -> None:
        def loss(trainer: training.Trainer) -> float:
            return losses.get(trainer.state.update, 3.0)

        monkeypatch.setattr(training.Trainer, "validation_loss", loss)

    return made_up


#: An epoch has 299 updates; the loss is measured at every hundredth and at its end.
HELD_OUT: dict[str, Any] = {"held_out": 0.25, "max_updates": 1500}


@pytest.mark.parametrize(
    ("losses", "patience", "end"),
    [
        ({}, 1, 400),  # 299 updates after the first one of all, at 100
        ({}, 2, 700),
        ({}, 0, 1500),
        ({200: 2.0}, 1, 500),  # 499 is not measured, nor enough after 300
        ({200: 2.0, 400: 1.9, 598: 1.8}, 1, 897),  # the end of an epoch to that of the next
        ({n: 3 - n / 1e4 for n in range(2000)}, 1, 1500),
        ({n: 3 + n / 1e4 for n in range(2000)} | {300: math.nan}, 1, 400),
    ],
)
def test_training_stops_where_the_held_out_loss_has_not_fallen_for_so_many_epochs(
    book: Corpus, curve: Any, losses: dict[int, float], patience: int, end: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    curve(losses)
    r = run(book, **HELD_OUT, patience=patience)
    assert r.last_update == end
    told = capsys.readouterr().err
    assert bool(r.early_stopping) == bool(told) == (end < 1500)
    if told:
        update, nats = r.lowest_held_out
        assert told.count("\n") == 1
        assert f"update {end}:" in told and f"update {update}, {nats:.4f} nats" in told


def test_the_model_with_the_lowest_held_out_loss_is_that_of_its_update(
    book: Corpus, curve: Any
) -> None:
    curve({100: 2.5, 400: 2.0, 600: 2.0, 1450: 2.2})
    r = run(book, **HELD_OUT | {"max_updates": 1450})
    assert r.lowest_held_out == (400, 2.0), "the first of two that are equal"
    then = run(book, **HELD_OUT | {"max_updates": 400})
    model = r.best_held_out_model
    assert model and model.update == 400 and model.smooth_loss == then.smooth_loss
    for one, other in zip(model.parameters, then.last_model.parameters, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.h, then.last_model.h)
    assert model.x == then.last_model.x


def test_the_last_model_is_the_best_on_the_held_out_part_if_its_loss_is_the_lowest(
    book: Corpus, curve: Any
) -> None:
    curve({400: 2.0, 450: 1.5})
    r = run(book, **HELD_OUT | {"max_updates": 450})
    assert r.lowest_held_out == (450, 1.5)
    model = r.best_held_out_model
    assert model and model.update == 450
    np.testing.assert_array_equal(model.parameters.V, r.last_model.parameters.V)


def test_models_are_measured_on_the_held_out_part_too(book: Corpus) -> None:
    r = run(book, max_updates=0, epochs=3, held_out=0.1)
    over_text, losses = r.text_losses(), r.held_out_text_losses()
    assert losses.keys() == over_text.keys()
    ids, history = book.ids[r.schedule.trained :], r.history.set_index("update")
    for name, model in {
        "model with the lowest smooth loss": r.best_model,
        "model with the lowest held-out loss": r.best_held_out_model,
        "last model": r.last_model,
    }.items():
        assert model
        assert losses[name] == text_loss(model.parameters, ids, ONE_DOCUMENT, model.h)
    assert losses["model with the lowest held-out loss"] == history["validation_loss"].min()
    end = (1 + int(np.argmin(r.state.epoch_losses))) * r.updates_per_epoch
    assert losses["best model at the end of an epoch"] == history["validation_loss"][end]
    assert run(book).held_out_text_losses() == {} and run(book).best_held_out_model is None


# What goes wrong


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_what_was_reached(
    book: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    r = run(book, eta=1.7e308, clip=0, max_updates=200)
    update = r.last_update + 1
    assert 1 < update < 200
    assert r.diverged in capsys.readouterr().err
    assert r.diverged.startswith(f"the loss of update {update} is not a finite number (the ")
    assert r.state.diverged["update"] == update
    assert r.diverged.endswith("an eta smaller than 1.7e+308 or clip = 5 usually helps")
    assert "\n" not in r.diverged
    assert r.history["update"].tolist()[-1] == r.last_update
    assert np.isfinite(r.history["smooth_loss"]).all()
    assert math.isfinite(r.lowest_smooth_loss) and 1 <= r.best_update <= r.last_update
    assert np.isfinite(r.state.best_theta).all() and np.isfinite(r.state.best_h).all()
    assert [snapshot["update"] for snapshot in r.state.snapshots] == [1]


def test_a_best_model_that_its_own_update_broke_is_not_taken(
    book: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = training.train_segments

    def breaks_at_once(*args: Any) -> bool:
        compiled(*args)
        state = next(arg for arg in args if isinstance(arg, training.Progress))
        if state.counts[0] > 100:
            state.theta[:] = state.best_theta[:] = np.nan
            state.losses[1], state.counts[1] = 0.0, state.counts[0]
            return False
        return True

    monkeypatch.setattr(training, "train_segments", breaks_at_once)
    monkeypatch.setattr(training, "SECONDS_PER_CALL", 0.0)
    r = run(book, eta=0.01)
    assert r.state.diverged and r.last_update == 101
    assert np.isfinite(r.state.best_theta).all()
    assert 1 <= r.best_update <= 100 and r.lowest_smooth_loss > 1


def test_the_best_model_of_a_run_that_broke_does_not_depend_on_the_clock(
    book: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    etas, found = Schedule.etas, set()

    def breaking(schedule: Schedule, first: int, updates: int) -> np.ndarray:
        rates = etas(schedule, first, updates)
        if first <= 700:
            rates[700 - first : 701 - first] = math.inf
        return rates

    monkeypatch.setattr(Schedule, "etas", breaking)
    for seconds in (0.0, 0.01, 1.0):
        monkeypatch.setattr(training, "SECONDS_PER_CALL", seconds)
        r = run(book, max_updates=900, epochs=100, optimizer="adam", eta=0.001)
        assert r.state.diverged["update"] == 701 and r.best_update > 600
        found.add((r.best_update, r.lowest_smooth_loss, r.state.best_theta.tobytes()))
    assert len(found) == 1


def test_an_error_beside_a_training_ends_it_soon(book: Corpus, tmp_path: Path) -> None:
    seen: list[Any] = []

    def fails(trainers: Any) -> None:
        seen.extend(trainers)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train_seeds(book, settings(max_updates=10**7, epochs=10**6), tmp_path, 1, False, fails)
    assert 0 < seen[0].state.update < 10**6


def test_a_first_update_that_breaks_the_network_leaves_its_first_weights(book: Corpus) -> None:
    r = run(book, eta=1.7e308, clip=0, optimizer="rmsprop", max_updates=200)
    assert r.state.diverged == {"update": 2, "largest_weight": math.inf}
    assert r.last_update == r.best_update == r.best_model.update == 1
    assert r.lowest_smooth_loss == r.history["smooth_loss"][0] < math.inf
    assert np.isfinite(r.state.best_theta).all()


def test_a_diverged_run_stays_what_it_is_when_it_is_taken_up_again(
    book: Corpus, tmp_path: Path
) -> None:
    s = settings(eta=1.7e308, clip=0, max_updates=200)
    first, again = (
        train(book, s, Checkpoints(tmp_path / "c", book, s), progress=False) for _ in range(2)
    )
    assert first.state.diverged == again.state.diverged != {}
    assert again.new_updates == 0 and again.last_update == first.last_update
    assert again.history.equals(first.history)


@pytest.mark.filterwarnings("ignore:overflow")
def test_first_weights_without_a_finite_loss_are_refused(book: Corpus) -> None:
    with pytest.raises(ReportError) as caught:
        run(book, sig=1.5e308)
    expected = "sig: expected first weights with a finite loss, got 1.5e+308; lower it"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "given",
    [{"m": 10**9}, {"m": 10**15}, {"m": 10**7, "snapshot_length": 10**15}],
    ids=str,
)
def test_sizes_that_no_memory_holds_are_refused_at_once(
    book: Corpus, given: dict[str, int]
) -> None:
    with pytest.raises(ReportError) as caught:
        run(book, **given)
    message = str(caught.value)
    assert message.startswith("m: expected sizes that fit into ") and "\n" not in message
    assert all(f"{value:,}" in message for value in given.values())


# Signals


class Interruption:
    """Stands for the compiled loop; a signal falls right after one of its calls."""

    def __init__(self, number: int, call: int, times: int = 1) -> None:
        self.loop, self.number, self.left, self.times = (
            training.train_segments,
            number,
            call,
            times,
        )

    def __call__(self, *args: Any) -> bool:
        finite = self.loop(*args)
        self.left -= 1
        if self.left == 0:
            for _ in range(self.times):
                signal.raise_signal(self.number)
        return finite


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize(
    ("number", "call"), [(signal.SIGINT, 1), (signal.SIGINT, 3), (signal.SIGTERM, 2)]
)
def test_a_signal_ends_the_run_with_its_state_saved_and_nothing_lost(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: int
) -> None:
    s = settings()
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        patch.setattr(training, "train_segments", Interruption(number, call))
        with pytest.raises(KeyboardInterrupt):
            train(book, s, Checkpoints(tmp_path / "c", book, s), progress=False)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    resumed = train(book, s, Checkpoints(tmp_path / "c", book, s), progress=False)
    assert 0 < resumed.new_updates < 250
    whole = run(book)
    assert_same_state(resumed, whole)
    assert resumed.history.equals(whole.history)
    assert resumed.state.snapshots == whole.state.snapshots


def test_a_signal_while_a_state_is_saved_waits_until_it_is(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = settings()
    saved = []
    save = Checkpoints.save

    def interrupted(self: Checkpoints, state: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        save(self, state)
        saved.append(int(state.counts[0]))

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda *a: interrupted(*a) if not saved else save(*a))
        patch.setattr("rnn.runs.checkpoints._SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            train(book, s, Checkpoints(tmp_path / "c", book, s), progress=False)
    assert saved == [1]
    resumed = train(book, s, Checkpoints(tmp_path / "c", book, s), progress=False)
    assert_same_state(resumed, run(book))


def test_a_second_signal_is_obeyed_at_once(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = settings()
    monkeypatch.setattr(training, "train_segments", Interruption(signal.SIGINT, 2, times=2))
    with pytest.raises(KeyboardInterrupt):
        train(book, s, Checkpoints(tmp_path / "c", book, s), progress=False)
    assert not list((tmp_path / "c").glob("*.state")), "a half-made update is not saved"


# Several seeds


def test_seeds_side_by_side_give_what_each_gives_alone(book: Corpus, tmp_path: Path) -> None:
    runs = train_seeds(book, settings(seed=4), tmp_path, 3, progress=False)
    assert [one.settings.seed for one in runs] == [4, 5, 6]
    for one in runs:
        alone = run(book, seed=one.settings.seed)
        assert_same_state(one, alone)
        assert one.history.equals(alone.history)
        assert one.state.snapshots == alone.state.snapshots


def test_seeds_go_on_where_fewer_or_shorter_runs_ended(book: Corpus, tmp_path: Path) -> None:
    train_seeds(book, settings(max_updates=120), tmp_path, 1, progress=False)
    first, second = train_seeds(book, settings(), tmp_path, 2, progress=False)
    assert first.new_updates == 130 and second.new_updates == 250
    assert_same_state(first, run(book))
    assert_same_state(second, run(book, seed=1))


@pytest.mark.parametrize("seeds", [0, 1.5, "2"])
def test_a_number_of_seeds_that_cannot_be_is_refused(
    book: Corpus, tmp_path: Path, seeds: Any
) -> None:
    with pytest.raises(ReportError, match="seeds: expected a whole number of at least 1"):
        train_seeds(book, settings(), tmp_path, seeds, progress=False)


# The models that are compared


def test_models_are_compared_over_the_whole_text_that_was_trained_on(book: Corpus) -> None:
    r = run(book, max_updates=0, epochs=3, held_out=0.1)
    losses = r.text_losses()
    assert list(losses) == [
        "model with the lowest smooth loss", "model with the lowest held-out loss", "last model",
        "best model at the end of an epoch",
    ]  # fmt: skip
    trained = r.corpus.ids[: r.schedule.trained]
    assert len(trained) == len(book) - round(0.1 * len(book))
    last = text_loss(parameters(r.state, book), trained, ONE_DOCUMENT, r.state.h[0])
    assert losses["last model"] == last == r.state.epoch_losses[-1]
    assert losses["best model at the end of an epoch"] == min(r.state.epoch_losses)
    assert losses["model with the lowest smooth loss"] == text_loss(
        r.best_model.parameters, trained, ONE_DOCUMENT, r.best_model.h
    )
    assert "best model at the end of an epoch" not in run(book, max_updates=9).text_losses()
