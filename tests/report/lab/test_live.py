"""A training that a person watches: the same numbers, one output in its place, and an end."""

import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pages import Page, pdf_text, to_html, to_pdf

from rnn import training as trainer
from rnn.report.lab import live
from rnn.settings import Settings
from rnn.text.corpus import Corpus, load_corpus

UPDATES = 300


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("book") / "book.txt"
    path.write_text("<b>Wren said & wrote</b>\n" * 60, encoding="utf-8")
    return load_corpus(str(path))


def settings(**given: Any) -> Settings:
    usual = {"m": 8, "seq_length": 5, "epochs": 10, "max_updates": UPDATES, "snapshot_every": 100}
    return Settings(**usual | given)


class Screen:
    """Stands in for a notebook's front end: the outputs, and how often each was drawn."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.drawn = 0

    def display(self, bundle: Any, *, raw: bool, metadata: Any, display_id: bool) -> "Screen":
        assert raw and display_id
        self.outputs.append({})
        self.update(bundle, raw=raw, metadata=metadata)
        return self

    def update(self, bundle: Any, *, raw: bool, metadata: Any) -> None:
        self.outputs[-1] = {"data": bundle, "metadata": metadata}
        self.drawn += 1

    @property
    def page(self) -> str:
        (output,) = self.outputs
        return str(output["data"]["text/html"])

    @property
    def status(self) -> str:
        """The line above the curve."""
        found = re.search(r"<p>(.*?)</p>", self.page, re.DOTALL)
        assert found
        return found[1]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Have somebody look on, and draw at every look."""
    shown = Screen()
    monkeypatch.setattr(live, "is_interactive", lambda: True)
    monkeypatch.setattr(live, "display", shown.display)
    monkeypatch.setattr(live, "_EVERY", 0.0)
    monkeypatch.setattr(live, "_SHARE", np.inf)
    return shown


def interrupted_at(call: int) -> Any:
    """Return an engine that is interrupted, as by the stop button, in one of its calls.

    From then on it is slow, so that whoever waits for it has the time to hear of it.
    """
    calls = iter(range(1, 10**6))
    engine = trainer.train_segments

    def train_segments(*args: Any) -> bool:
        number = next(calls)
        if number == call:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if number >= call:
            time.sleep(0.5)
        return engine(*args)

    return train_segments


def test_watched_training_has_the_numbers_of_one_that_is_not(
    book: Corpus, tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    (watched,) = live.train(book, settings(), tmp_path / "watched", 1)
    monkeypatch.setattr(live, "is_interactive", lambda: False)
    drawn = screen.drawn
    (alone,) = live.train(book, settings(), tmp_path / "alone", 1)
    assert screen.drawn == drawn > 0, "nothing is drawn where nobody looks on"
    assert watched.history.equals(alone.history)
    assert watched.state.snapshots == alone.state.snapshots
    assert (watched.state.theta == alone.state.theta).all()


def test_view_is_one_output_drawn_again_with_curve_and_latest_sample(
    book: Corpus, tmp_path: Path, screen: Screen
) -> None:
    (run,) = live.train(book, settings(), tmp_path, 1)
    assert len(screen.outputs) == 1 and screen.drawn >= 2
    assert screen.page.startswith('<div class="rnn-live">')
    assert 'class="rnn-live-curve"' in screen.page
    assert f"{UPDATES}" in screen.status
    last = run.state.snapshots[-1]
    assert last["update"] == UPDATES
    assert f"lowest so far {run.lowest_smooth_loss:.4f} at update {run.best_update}" in screen.page
    shown = re.findall(r"<pre[^>]*>(.*?)</pre>", screen.page, re.DOTALL)
    assert len(shown) == 1 and "<" not in shown[0], "what was synthesized is no markup"
    assert last["text"] in "".join(Page(screen.page).words)


def test_view_of_a_training_that_diverged_ends_with_the_reason(
    book: Corpus, tmp_path: Path, screen: Screen
) -> None:
    ruinous = settings(optimizer="rmsprop", eta=1e38, clip=0)
    (run,) = live.train(book, ruinous, tmp_path, 1)
    assert run.diverged and run.last_update < UPDATES
    assert run.diverged in Page(f"<p>{screen.status}</p>").text


def test_view_is_left_out_of_the_pages(book: Corpus, tmp_path: Path, screen: Screen) -> None:
    live.train(book, settings(), tmp_path, 1)
    (output,) = screen.outputs
    cell = new_code_cell("train()", outputs=[new_output("display_data", **output)])
    nb = new_notebook(cells=[cell])
    for page in (pdf_text(to_pdf(nb)), Page(to_html(nb)).text):
        assert screen.status not in page
    assert "rnn-live" not in to_html(nb)


def test_interrupt_ends_a_watched_training_with_what_was_reached_and_the_next_goes_on(
    book: Corpus, tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "train_segments", interrupted_at(3))
        (part,) = live.train(book, settings(), tmp_path / "part", 1)
    assert signal.getsignal(signal.SIGINT) is before
    assert 0 < part.last_update < UPDATES
    assert f"{part.last_update}" in screen.status and f"{UPDATES}" in screen.status
    assert part.history["update"].iloc[-1] == part.last_update, "it can be told and drawn"
    assert part.best_model.update <= part.last_model.update == part.last_update
    (rest,) = live.train(book, settings(), tmp_path / "part", 1)
    assert rest.new_updates == UPDATES - part.last_update
    (whole,) = live.train(book, settings(), tmp_path / "whole", 1)
    assert rest.history.equals(whole.history)
    assert (rest.state.theta == whole.state.theta).all()


def test_interrupt_of_a_training_that_nobody_watches_ends_the_run(
    book: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "train_segments", interrupted_at(3))
    with pytest.raises(KeyboardInterrupt):
        live.train(book, settings(), tmp_path, 1)
    assert list(tmp_path.glob("*.state"))


def test_view_of_several_seeds_draws_them_all(
    book: Corpus, tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    figure = live.live_figure

    def counted(trainers: Any) -> Any:
        made = figure(trainers)
        drawn.append(len([line for line in made.axes[0].lines if len(line.get_xdata()) > 2]))
        return made

    monkeypatch.setattr(live, "live_figure", counted)
    live.train(book, settings(), tmp_path, 3)
    assert drawn[-1] == 3 and len(screen.outputs) == 1


def test_view_of_a_finished_training_says_that_nothing_was_trained(
    book: Corpus, tmp_path: Path, screen: Screen
) -> None:
    live.train(book, settings(), tmp_path, 1)
    trained = screen.status
    screen.outputs.clear()
    (run,) = live.train(book, settings(), tmp_path, 1)
    assert run.new_updates == 0
    assert f"{UPDATES}" in screen.status and screen.status != trained


def test_view_is_drawn_once_a_second_and_less_often_where_drawing_is_slow(
    book: Corpus, tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = live.train(book, settings(), tmp_path, 1)
    monkeypatch.setattr(live, "_EVERY", 1.0)
    monkeypatch.setattr(live, "_SHARE", 0.1)
    clock, cost = [0.0], [0.01]
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    view = live.LiveView()
    looks: list[float] = []

    def show(said: str) -> None:
        looks.append(clock[0])
        clock[0] += cost[0]

    monkeypatch.setattr(view, "_show", show)
    at_work = trainer.Trainer(book, run.schedule, run.state)
    while clock[0] < 10:
        view.look([at_work])
        clock[0] += 0.2
    assert 8 <= len(looks) <= 10
    cost[0] = 1.0
    while clock[0] < 100:
        view.look([at_work])
        clock[0] += 0.2
    assert len([look for look in looks if look > 12]) <= 9, "a tenth of the time at most"


def test_curve_is_thinned_out_and_ends_where_the_training_is(book: Corpus, tmp_path: Path) -> None:
    (run,) = live.train(book, settings(), tmp_path, 1)
    at_work = trainer.Trainer(book, run.schedule, run.state)
    run.state.history[:] = [(update, 1.0, None) for update in range(1, 5000)]
    run.state.counts[0] = 5000
    updates, losses = live._curve(at_work)
    assert len(updates) == len(losses) <= 700
    assert (updates[0], updates[-1]) == (1, 5000)
    assert losses[-1] == run.state.losses[0]


@pytest.mark.parametrize("loss", ["sum", "mean"])
def test_curve_names_the_unit_of_the_loss(book: Corpus, tmp_path: Path, loss: str) -> None:
    (run,) = live.train(book, settings(loss=loss), tmp_path, 1)
    at_work = trainer.Trainer(book, run.schedule, run.state)
    label = live.live_figure([at_work]).axes[0].get_ylabel()
    assert ("segment" in label) == (loss == "sum") and ("character" in label) == (loss == "mean")
