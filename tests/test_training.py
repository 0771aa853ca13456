"""The compiled loop against a plain NumPy loop, for every setting of the course."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference

from rnn import training
from rnn.errors import ReportError
from rnn.kernels.randomness import DROPOUT, draw_mask, key
from rnn.model import empty_segment, loss_and_gradients
from rnn.optimizers import OPTIMIZERS, update_parameters
from rnn.runs import pretrained
from rnn.runs.driver import train
from rnn.runs.run import Run
from rnn.settings import Schedule, Settings
from rnn.state import MOST_WAITING, first_state, require_memory
from rnn.text.corpus import Corpus, load_corpus
from rnn.text.segments import document_marks

ROOT = Path(__file__).resolve().parents[1]
UPDATES = 120


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return reference.book(tmp_path_factory.mktemp("books"))


@pytest.fixture(autouse=True)
def rows_of_history_at_every_second_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HISTORY_EVERY", 2)


def settings(**given: Any) -> Settings:
    small = {"m": 6, "seq_length": 5, "max_updates": UPDATES, "epochs": 50, "chunks": 5}
    return Settings(**small | {"dtype": "float64", "sig": 0.3, "snapshot_length": 5} | given)


def test_uncompiled_training_is_that_of_compiled_code(book: Corpus, tmp_path: Path) -> None:
    given = {"m": 17, "seq_length": 9, "batch_size": 7, "layers": 2, "max_updates": 6}
    script = f"""
import numba
from rnn.runs.driver import train
from rnn.settings import Settings
from rnn.text.corpus import load_corpus
assert numba.config.DISABLE_JIT
s = Settings(**{given}, dtype="float64", sig=0.3, snapshot_length=5)
train(load_corpus({str(book.path)!r}), s, progress=False).state.theta.tofile("theta")
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    compiled = train(book, settings(**given), progress=False).state.theta
    np.testing.assert_allclose(np.fromfile(tmp_path / "theta"), compiled, rtol=1e-9, atol=1e-12)


def positions(book: Corpus, s: Settings) -> Any:
    if s.order == "sequential":
        return reference.sequential(len(book), s)
    epochs = map(Schedule.of(s, len(book)).epoch, itertools.count())
    return ((e.tolist(), bool(reset)) for epoch in epochs for e, reset in zip(*epoch, strict=True))


def expected(book: Corpus, s: Settings, marks: np.ndarray | None = None) -> Any:
    first, per_epoch = first_state(s, book.K), Schedule.of(s, len(book)).updates_per_epoch
    ids = np.asarray(book.ids)
    return reference.run(ids, first, s, UPDATES, positions(book, s), marks, per_epoch)


def assert_same(run: Run, want: Any) -> None:
    s, K = run.settings, run.corpus.K
    history = run.history
    updates = history["update"].to_numpy()
    ends = range(run.updates_per_epoch, UPDATES + 1, run.updates_per_epoch)
    assert updates.tolist() == sorted({1, *range(2, UPDATES + 1, 2), *ends})
    np.testing.assert_allclose(history["smooth_loss"], np.array(want.smooth)[updates - 1], 1e-11)
    for name, value in reference.named(run.state.theta, s.m, K, s.layers).items():
        np.testing.assert_allclose(value, want.p[name], 1e-7, 1e-9, err_msg=name)
    np.testing.assert_allclose(run.state.h, want.h, 1e-7, 1e-9)
    assert (run.best_update, run.lowest_smooth_loss) == (
        want.best_update,
        pytest.approx(want.lowest_smooth_loss),
    )
    for name, value in reference.named(run.state.best_theta, s.m, K, s.layers).items():
        np.testing.assert_allclose(value, want.best[name], 1e-7, 1e-9, err_msg=f"best {name}")
    np.testing.assert_allclose(run.state.best_h, want.best_h, 1e-7, 1e-9)


#: Every optimiser with every order, and every two of the choices together somewhere.
CHOICES = [
    ("adagrad", "sum", 1, "sequential"),
    ("adagrad", "mean", 4, "chunks"),
    ("adagrad", "sum", 4, "random"),
    ("rmsprop", "mean", 4, "sequential"),
    ("rmsprop", "sum", 1, "chunks"),
    ("rmsprop", "mean", 1, "random"),
    ("adam", "mean", 1, "sequential"),
    ("adam", "sum", 4, "chunks"),
    ("adam", "mean", 4, "random"),
]


@pytest.mark.parametrize(("optimizer", "loss", "batch_size", "order"), CHOICES)
def test_training_and_plain_numpy_end_at_the_same_losses_and_parameters(
    book: Corpus, optimizer: str, loss: str, batch_size: int, order: str
) -> None:
    s = settings(optimizer=optimizer, loss=loss, batch_size=batch_size, order=order)
    assert_same(train(book, s, progress=False), expected(book, s))


@pytest.mark.parametrize("eta_schedule", ["step", "cosine"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_learning_rate_that_falls_is_that_of_plain_numpy_for_every_optimizer(
    book: Corpus, optimizer: str, eta_schedule: str
) -> None:
    s = settings(optimizer=optimizer, eta_schedule=eta_schedule, eta_decay=0.3, batch_size=2)
    assert Schedule.of(s, len(book)).updates_per_epoch < UPDATES / 2
    run = train(book, s, progress=False)
    assert_same(run, expected(book, s))
    constant = train(book, settings(optimizer=optimizer, batch_size=2), progress=False)
    assert not np.array_equal(run.state.theta, constant.state.theta)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"course": "2026", "batch_size": 4, "order": "chunks"},
        {"optimizer": "rmsprop", "order": "random"},
    ],
    ids=str,
)
def test_two_layers_and_plain_numpy_end_at_the_same_losses_and_parameters(
    book: Corpus, given: dict[str, Any]
) -> None:
    s = settings(layers=2, **given)
    assert_same(train(book, s, progress=False), expected(book, s))


def test_every_optimizer_has_a_reference_and_an_unknown_one_is_an_error(book: Corpus) -> None:
    assert set(reference.STEPS) == set(OPTIMIZERS)
    s = settings()
    schedule, state = Schedule.of(s, len(book)), first_state(s, book.K)
    object.__setattr__(s, "optimizer", "sgd")  # past the checks of the settings
    for use in (
        lambda: first_state(s, book.K),
        lambda: require_memory(s, book.K),
        lambda: training.Trainer(book, schedule, state),
        lambda: reference.run(book.ids, state, s, 1, positions(book, s)),
    ):
        with pytest.raises(KeyError, match="sgd"):
            use()


@pytest.mark.parametrize("given", [{"course": "2026"}, {"clip": 0.05}, {"clip": 0}])
def test_training_and_plain_numpy_agree_whatever_the_clipping(
    book: Corpus, given: dict[str, Any]
) -> None:
    s = settings(**given)
    assert_same(train(book, s, progress=False), expected(book, s))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_state_is_reset_where_a_document_begins(book: Corpus, batch_size: int) -> None:
    s = settings(document_end=" ", batch_size=batch_size)
    text = book.decode(book.ids)
    begins = np.array([i > 0 and text[i - 1] == " " for i in range(len(text))])
    assert begins.any()
    np.testing.assert_array_equal(document_marks(book.ids, book.encode(" ")), begins)
    run = train(book, s, progress=False)
    assert_same(run, expected(book, s, begins))
    one_document = train(book, settings(batch_size=batch_size), progress=False)
    assert run.state.losses[0] != one_document.state.losses[0]


@pytest.mark.parametrize("order", ["sequential", "chunks", "random"])
def test_results_do_not_depend_on_how_updates_are_divided_into_calls(
    book: Corpus, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = settings(order=order, batch_size=2)
    at_once = train(book, s, progress=False)
    monkeypatch.setattr(training, "SECONDS_PER_CALL", 0.0)
    calls = []
    compiled = training.train_segments
    monkeypatch.setattr(
        training, "train_segments", lambda *args: calls.append(1) or compiled(*args)
    )
    one_by_one = train(book, s, progress=False)
    assert len(calls) > UPDATES / 3
    assert one_by_one.history.equals(at_once.history)
    for name, value in vars(at_once.state).items():
        np.testing.assert_array_equal(getattr(one_by_one.state, name), value, name)


def test_best_model_is_a_copy_that_later_updates_leave_alone(book: Corpus) -> None:
    # Long after the lowest smooth loss: with steps this large the loss only rises again.
    s = settings(eta=3.0)
    run = train(book, s, progress=False)
    assert run.best_update < UPDATES
    assert not np.shares_memory(run.state.theta, run.state.best_theta)
    short = train(book, settings(eta=3.0, max_updates=run.best_update), progress=False)
    np.testing.assert_array_equal(run.state.best_theta, short.state.theta)
    np.testing.assert_array_equal(run.state.best_h, short.state.h)
    assert not np.array_equal(run.state.best_theta, run.state.theta)


def test_state_is_carried_within_the_book_and_reset_at_its_end(book: Corpus) -> None:
    s = settings()
    per_epoch = (len(book) - 1) // s.seq_length
    assert per_epoch < UPDATES
    one_epoch = train(book, settings(max_updates=per_epoch), progress=False).state
    assert np.abs(one_epoch.h).max() > 0.01
    # Had it been carried over the end, this state would make the next loss another one.
    p = reference.named(one_epoch.theta, s.m, book.K)
    ids = np.asarray(book.ids)
    loss, _, _ = reference.segment(p, ids[:5], ids[1:6], np.zeros(s.m))
    carried, _, _ = reference.segment(p, ids[:5], ids[1:6], one_epoch.h[0])
    smooth = one_epoch.losses[0]
    following = train(book, settings(max_updates=per_epoch + 1), progress=False).state.losses[0]
    assert following == pytest.approx(0.999 * smooth + 0.001 * loss, rel=1e-13)
    assert following != pytest.approx(0.999 * smooth + 0.001 * carried, rel=1e-9)


@pytest.mark.parametrize("order", ["chunks", "random"])
def test_best_model_keeps_its_state_even_if_the_next_update_is_reset(
    book: Corpus, order: str
) -> None:
    sharp = 0
    for seed in range(8):
        # So small an eta that the smooth loss wanders, and is lowest somewhere in the middle.
        s = settings(order=order, eta=1e-4, batch_size=2, chunks=40, seed=seed)
        run, want = train(book, s, progress=False), expected(book, s)
        assert run.best_update == want.best_update
        np.testing.assert_allclose(run.state.best_h, want.best_h, 1e-7, 1e-9)
        epoch, index = run.schedule.place(want.best_update + 1)
        _, resets = run.schedule.epoch(epoch)
        sharp += 1 < want.best_update < UPDATES and index > 0 and resets[index]
    assert sharp, "or no reset would follow a best model within a call of the compiled loop"


@pytest.fixture(scope="module")
def saltmarrow() -> Corpus:
    return load_corpus("saltmarrow")


def smooth_losses(book: Corpus, **given: Any) -> np.ndarray:
    s = Settings(**{"max_updates": 100} | given)
    return train(book, s, progress=False).history["smooth_loss"].to_numpy()


@pytest.mark.parametrize(
    "given",
    [{"course": "2026"}, {"optimizer": "rmsprop"}, {"optimizer": "adam"}, {"eta": 0.01}, {"m": 16}],
    ids=str,
)
def test_float32_and_float64_agree_over_the_first_updates(
    saltmarrow: Corpus, given: dict[str, Any]
) -> None:
    single = smooth_losses(saltmarrow, dtype="float32", **given)
    double = smooth_losses(saltmarrow, dtype="float64", **given)
    np.testing.assert_allclose(single, double, rtol=1e-6)
    assert len(single) > 2 and not np.array_equal(single, double)


def test_classic_training_is_chaotic_at_first_whatever_the_type(
    saltmarrow: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # AdaGrad's first steps of 0.1 make W as large as a random network's where chaos begins:
    # this is why no two types can agree for long with m = 100 and eta = 0.1.
    def start_nearby(settings: Settings, K: int) -> Any:
        state = first_state(settings, K)
        state.theta *= 1 + 1e-13
        return state

    exact = smooth_losses(saltmarrow, dtype="float64", max_updates=300)
    single = smooth_losses(saltmarrow, dtype="float32", max_updates=300)
    monkeypatch.setattr(pretrained, "first_state", start_nearby)
    nearby = smooth_losses(saltmarrow, dtype="float64", max_updates=300)
    np.testing.assert_allclose(single[:3], exact[:3], rtol=1e-6)
    np.testing.assert_allclose(nearby[:3], exact[:3], rtol=1e-12)
    assert np.abs(nearby / exact - 1).max() > 1e-5


def test_numbers_too_small_for_full_precision_are_zero_in_training_alone(tmp_path: Path) -> None:
    # RMSProp's memory of a character that does not come again falls to 0.9 of it each update.
    (tmp_path / "rare.txt").write_text("z" + "ab" * 4000)
    chosen = settings(optimizer="rmsprop", max_updates=1500, dtype="float32")
    memory = train(load_corpus(tmp_path / "rare.txt"), chosen, progress=False).state.memory
    smallest = np.finfo(np.float32).tiny
    assert memory[memory > 0].min() >= smallest
    assert np.count_nonzero(memory == 0) >= chosen.m  # the row of z
    assert smallest / np.float32(2) > 0


@pytest.mark.slow
def test_float32_and_float64_differ_no_more_than_seeds_do(saltmarrow: Corpus) -> None:
    single, double = (
        [
            smooth_losses(saltmarrow, dtype=dtype, seed=seed, max_updates=2000)[-1]
            for seed in range(12)
        ]
        for dtype in ("float32", "float64")
    )
    standard_error = np.sqrt((np.var(single, ddof=1) + np.var(double, ddof=1)) / len(double))
    assert abs(np.mean(single) - np.mean(double)) < 3 * standard_error
    assert np.abs(single - np.mean(double)).max() < 4 * np.std(double, ddof=1)


def test_first_smooth_loss_is_the_first_loss_near_tau_ln_K(book: Corpus, tmp_path: Path) -> None:
    s = settings(sig=0.01, max_updates=1)
    run = train(book, s, progress=False)
    ids = np.asarray(book.ids)
    p = reference.named(first_state(s, book.K).theta, s.m, book.K)
    loss, _, _ = reference.segment(p, ids[:5], ids[1:6], np.zeros(s.m))
    assert run.history["smooth_loss"].tolist() == pytest.approx([loss], rel=1e-13)
    assert loss == pytest.approx(5 * np.log(book.K), rel=1e-3)


_TRAINED = """
import json, sys
from rnn.runs.driver import train
from rnn.settings import Settings
from rnn.text.corpus import load_corpus
for given in json.loads(sys.argv[1]):
    print(train(load_corpus(), Settings(max_updates=200, **given), progress=False).smooth_loss)
"""


@pytest.mark.exhaustive
def test_a_process_that_compiles_gets_the_numbers_of_one_that_need_not(tmp_path: Path) -> None:
    given = [{"optimizer": name, "dtype": d} for name in OPTIMIZERS for d in ("float32", "float64")]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", _TRAINED, json.dumps(given)]
    first, second = (subprocess.check_output(command, env=environment) for _ in range(2))
    assert first == second
    assert len(set(first.split())) == len(given)


# ---- Dropout --------------------------------------------------------------------------------


def test_masks_follow_from_seed_and_update_and_leave_out_the_share_asked_for() -> None:
    def mask(seed: int, update: int, rate: float = 0.3) -> np.ndarray:
        drawn = np.empty((2, 25, 4, 50))
        draw_mask(drawn, rate, key(seed, DROPOUT), update)
        return drawn

    first = mask(0, 1)
    np.testing.assert_array_equal(first, mask(0, 1))
    assert set(np.unique(first)) == {0, 1 / 0.7}
    assert (first == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert first.mean() == pytest.approx(1, abs=0.03)
    for other in (mask(1, 1), mask(0, 2)):
        assert ((first == 0) == (other == 0)).mean() == pytest.approx(0.58, abs=0.03)
    assert (mask(0, 1, 0.6) == 0)[first == 0].all()


@pytest.mark.parametrize("cell", ["vanilla", "lstm"])
def test_steps_in_the_backward_pass_are_those_with_gradients_computed_first(
    book: Corpus, cell: str
) -> None:
    s = settings(cell=cell, layers=2, dropout=0.4, max_updates=60)
    state, schedule = first_state(s, book.K), Schedule.of(s, len(book))
    architecture, h, tau = s.architecture(book.K), state.h, s.seq_length
    optimizer = OPTIMIZERS[str(s.optimizer)](np.full(1, s.eta), s.clip)
    ids, mask = np.asarray(book.ids).astype(np.int64), np.empty((2, tau, 1, s.m))
    for n in range(1, 61):
        epoch, index = schedule.place(n)
        starts, resets = schedule.epoch(epoch)
        begin = starts[index, 0]
        x, y = (ids[b : b + tau, np.newaxis] for b in (begin, begin + 1))
        draw_mask(mask, s.dropout, key(s.seed, DROPOUT), n)
        parameters, h = architecture.parameters(state.theta), h * (not resets[index])
        _, gradients, h = loss_and_gradients(parameters, x, y, h, mask=mask)
        g = np.concatenate([part.ravel() for part in gradients])
        update_parameters(optimizer, state.theta, g, state.memory, n, 0)
    made = train(book, s, progress=False).state
    np.testing.assert_allclose(made.theta, state.theta, 1e-9, 1e-11)
    np.testing.assert_allclose(made.h, h, 1e-9, 1e-11)


def test_the_loss_of_an_update_is_that_with_its_mask(book: Corpus) -> None:
    s = settings(layers=2, dropout=0.4, max_updates=1, epochs=1)
    state = train(book, s, progress=False).state
    parameters = s.architecture(book.K).parameters(first_state(s, book.K).theta)
    mask = np.empty((2, s.seq_length, 1, s.m))
    draw_mask(mask, 0.4, key(s.seed, DROPOUT), 1)
    ids = np.asarray(book.ids)
    x, y = ids[: s.seq_length, None], ids[1 : s.seq_length + 1, None]
    zero = np.zeros((1, 2 * s.m))
    loss = loss_and_gradients(parameters, x, y, zero, mask=mask).loss
    assert state.losses[0] == pytest.approx(loss, rel=1e-14)
    assert loss != loss_and_gradients(parameters, x, y, zero).loss


@pytest.mark.parametrize(
    "given",
    [{"m": 50}, {"m": 40, "cell": "lstm", "layers": 2}, {"cell": "gru", "batch_size": 50}],
    ids=str,
)
def test_memory_too_small_for_the_arrays_of_a_training_is_noticed(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    s, K = Settings(epochs=20, **given), 60
    state = first_state(s, K)
    x = np.zeros((s.seq_length, s.batch_size), np.int64)
    segment = empty_segment(s.architecture(K).parameters(state.theta), x, x)
    arrays = [*segment, *(v for v in vars(state).values() if isinstance(v, np.ndarray))]
    need = sum({array.ctypes.data: array.nbytes for array in arrays}.values())
    need += MOST_WAITING * state.theta.nbytes
    monkeypatch.setattr(os, "sysconf", lambda name: need if name == "SC_PHYS_PAGES" else 1)
    with pytest.raises(ReportError):
        require_memory(s, K)
