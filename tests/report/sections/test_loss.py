"""The section about the loss: what its figure draws and what its sentences mention."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnn.report.figures import svg
from rnn.report.sections.loss import facts, figure, points, published_points, seed_facts
from rnn.report.sentences import Sentences
from rnn.runs.driver import train
from rnn.runs.run import Run
from rnn.settings import Settings
from rnn.text.corpus import Corpus, load_corpus

SETTINGS: dict[str, Any] = {"m": 8, "seq_length": 5, "epochs": 10, "max_updates": 500}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("book") / "book.txt"
    path.write_text("Wren said, and wrote, and read again.\n" * 27, encoding="utf-8")
    return load_corpus(str(path))


def trained(corpus: Corpus, **given: Any) -> Run:
    return train(corpus, Settings(**SETTINGS | given), progress=False)


@pytest.fixture(scope="module")
def run(corpus: Corpus) -> Run:
    """Return a run of two epochs and a half."""
    run = trained(corpus)
    assert run.updates_per_epoch == 205
    return run


def lowest_losses(runs: Sequence[Run]) -> Any:
    return np.array([run.lowest_smooth_loss for run in runs])


def said(block: str, values: dict[str, Any]) -> str:
    return " ".join(Sentences().render("loss", block, values).split())


def lines(drawn: Figure, marker: str) -> list[Any]:
    return [line for line in drawn.axes[0].lines if line.get_marker() == marker]


def legend(drawn: Figure) -> list[str]:
    legends = [*drawn.legends, *(axes.get_legend() for axes in drawn.axes)]
    return [text.get_text() for one in legends if one for text in one.get_texts()]


# ---- The figure -----------------------------------------------------------------------------


def test_the_loss_is_drawn_over_the_updates(run: Run) -> None:
    line = figure(run).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), run.history["update"])
    np.testing.assert_array_equal(line.get_ydata(), run.history["smooth_loss"])


def test_the_best_update_is_marked_and_named(run: Run) -> None:
    drawn = figure(run)
    (mark,) = lines(drawn, "o")
    assert mark.get_xydata().tolist() == [[run.best_update, run.lowest_smooth_loss]]
    assert f"{run.lowest_smooth_loss:.4f}" in legend(drawn)[0]


def test_epochs_are_marked_where_they_begin_and_named(run: Run) -> None:
    axes = figure(run).axes[0]
    starts = [line.get_xdata()[0] for line in axes.lines[1:] if line.get_marker() == "None"]
    assert starts == [205, 410]
    names = [text.get_text() for text in axes.texts]
    assert [name for name in names if name.startswith("epoch")] == ["epoch 1", "epoch 2", "epoch 3"]


def with_epochs(run: Run, count: int) -> Run:
    """Return a run as if its 500 updates were so many epochs."""
    return replace(run, schedule=replace(run.schedule, updates_per_epoch=500 // count))


@pytest.mark.parametrize(("count", "lines"), [(1, 0), (2, 1), (20, 19), (100, 0), (500, 0)])
def test_the_caption_tells_of_lines_at_the_epochs_where_there_are_some(
    run: Run, count: int, lines: int
) -> None:
    run = with_epochs(run, count)
    axes = figure(run).axes[0]
    assert sum(line.get_transform() != axes.transData for line in axes.lines) == lines
    assert ("vertical" in said("caption", facts(run))) == (lines > 0)


@pytest.mark.parametrize("given", [{}, {"held_out": 0.2}])
def test_marks_are_whole_and_no_words_lie_over_curves(corpus: Corpus, given: Any) -> None:
    run = trained(corpus, **given)
    drawn = figure(run)
    drawn.draw_without_rendering()
    axes = drawn.axes[0]
    assert axes.get_legend() is None and len(drawn.legends) == 1
    assert not drawn.legends[0].get_window_extent().overlaps(axes.bbox)
    assert any(f"{run.lowest_smooth_loss:.4f}" in words for words in legend(drawn))
    for text in axes.texts:
        assert text.get_window_extent().y0 >= axes.bbox.y1
    assert all(not line.get_clip_on() for marker in "osD" for line in lines(drawn, marker))


def test_large_losses_are_written_with_commas(run: Run) -> None:
    rows = [(update, 1000 * loss, None) for update, loss, _ in run.state.history]
    drawn = figure(replace(run, state=replace(run.state, history=rows)))
    drawn.draw_without_rendering()
    shown = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
    assert any(re.fullmatch(r"\d+,000", tick) for tick in shown)


@pytest.mark.parametrize("loss", ["sum", "mean"])
def test_the_loss_on_the_held_out_part_is_drawn_in_the_unit_of_the_loss(
    corpus: Corpus, loss: str
) -> None:
    run = trained(corpus, held_out=0.2, loss=loss)
    axes = figure(run).axes[0]
    (line,) = lines(figure(run), "s")
    measured = run.history["validation_loss"].dropna()
    scale = 5 if loss == "sum" else 1
    np.testing.assert_allclose(line.get_ydata(), scale * measured)
    assert run.settings.loss_unit in axes.get_ylabel()
    assert len(legend(axes.figure)) == 3


def test_other_seeds_are_a_band_from_the_lowest_to_the_highest(corpus: Corpus) -> None:
    runs = [trained(corpus, seed=seed) for seed in range(3)]
    (band,) = figure(*runs).axes[0].collections
    losses = np.array([run.history["smooth_loss"] for run in runs])
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (losses.min(), losses.max())


def test_published_losses_stand_beside_the_curve_with_the_names_of_their_sources(
    corpus: Corpus,
) -> None:
    goblet = replace(corpus, name="goblet")
    run = train(goblet, Settings(epochs=60, max_updates=1100), progress=False)
    drawn = figure(run)
    points = published_points("goblet", run.settings, 1100)
    assert points == {"course staff": [(1, 109.236), (1000, 86.412)]}
    assert legend(drawn)[1:] == list(points)
    (line,) = lines(drawn, "D")
    assert [tuple(point) for point in line.get_xydata()] == points["course staff"]


@pytest.mark.parametrize(
    ("name", "given", "who"),
    [
        ("goblet", {}, ["course staff", "students"]),
        ("goblet", {"seed": 5, "epochs": 3}, ["course staff", "students"]),
        ("goblet", {"course": "2026"}, ["course staff"]),
        ("goblet", {"m": 50}, []),
        ("goblet", {"loss": "mean"}, []),
        ("saltmarrow", {}, []),
    ],
)
def test_published_losses_are_shown_where_they_can_be_compared(
    name: str, given: dict[str, Any], who: list[str]
) -> None:
    assert list(published_points(name, Settings(**given), 10**6)) == who


def test_without_others_held_out_part_or_published_losses_only_the_lowest_is_named(
    run: Run,
) -> None:
    assert len(legend(figure(run))) == 1


@pytest.mark.parametrize("updates", [1, 2])
def test_a_run_of_an_update_or_two_can_be_drawn(corpus: Corpus, updates: int) -> None:
    drawn = figure(trained(corpus, max_updates=updates))
    assert svg(drawn).startswith("<svg")
    assert all(tick == round(tick) for tick in drawn.axes[0].get_xticks()), "updates are whole"


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_a_loss_that_became_infinite_can_be_drawn(corpus: Corpus, loss: float) -> None:
    run = trained(corpus)
    run.state.history[3:] = [(update, loss, None) for update, *_ in run.state.history[3:]]
    assert svg(figure(run)).startswith("<svg")


# ---- The sentences --------------------------------------------------------------------------


def test_the_reading_mentions_the_losses_of_the_run(run: Run) -> None:
    values = facts(run)
    text = said("reading", values)
    nats = run.lowest_smooth_loss / 5
    numbers = (run.lowest_smooth_loss, run.state.history[0][1], nats, nats / math.log(2))
    assert all(f"{number:.4f}" in text for number in numbers)
    assert f"{math.exp(nats):.3f}" in text
    assert f"{5 * math.log(run.corpus.K):.4f}" in text
    assert f"{run.best_update:,}" in text


def test_whole_epochs_are_counted_and_their_last_losses_found(run: Run) -> None:
    values, history = facts(run), run.history.set_index("update")["smooth_loss"]
    assert values["after_epochs"] == [history[205], history[410]]
    assert f"{history[410]:.4f}" in said("reading", values)
    assert facts(trained(run.corpus, max_updates=100))["after_epochs"] == []


def test_a_training_that_diverged_is_told_of_with_its_reason(run: Run) -> None:
    values = facts(run) | {"diverged": {"update": 1234, "largest_weight": 5.6e7}, "eta": 0.75}
    for clip in (5.0, math.inf):
        told = said("reading", values | {"clip": clip})
        assert "1,234" in told and r"5.6 \cdot 10^{7}" in told and "0.75" in told
        assert ("[−5, 5]" in told) == (clip == 5)
    assert "1,234" not in said("reading", facts(run))


def test_a_loss_that_rose_is_told_of_with_both_ends(run: Run) -> None:
    values = facts(run) | {"risen": True, "first": 109.5, "last": 400.25, "eta": 0.75}
    told = said("reading", values)
    assert "109.5000" in told and "400.2500" in told and "0.75" in told
    assert "0.75" not in said("reading", facts(run))


def test_caption_and_alternative_have_the_numbers_of_the_figure(run: Run) -> None:
    values = facts(run)
    caption, alt = said("caption", values), said("alt", values)
    assert f"{run.lowest_smooth_loss:.4f}" in caption and f"{run.best_update:,}" in caption
    assert "2.43" in caption  # of 2.439: an epoch is told of when it is complete
    for number in (run.state.history[0][1], run.smooth_loss, run.lowest_smooth_loss):
        assert f"{number:.1f}" in alt


def test_one_update_is_told_of_as_one(corpus: Corpus) -> None:
    alt = said("alt", facts(trained(corpus, max_updates=1)))
    assert re.search(r"\b1 update\b", alt) and "1 updates" not in alt


def test_seeds_are_told_of_by_mean_and_standard_deviation(corpus: Corpus) -> None:
    runs = [trained(corpus, seed=seed) for seed in (3, 4, 5)]
    values = seed_facts(runs)
    text = said("seeds", values)
    lowest = lowest_losses(runs)
    assert f"{lowest.mean():.4f}" in text and f"{lowest.std(ddof=1):.4f}" in text
    assert {"3", "5"} <= set(re.findall(r"\b\d\b", text))


def test_seeds_that_were_stopped_at_different_updates_are_not_compared(corpus: Corpus) -> None:
    runs = [trained(corpus, seed=seed, max_updates=100 * (seed + 1)) for seed in range(3)]
    text = said("seeds", seed_facts(runs))
    assert "100" in text and "300" in text
    assert f"{lowest_losses(runs).mean():.4f}" not in text


def test_two_seeds_are_named_both(corpus: Corpus) -> None:
    runs = [trained(corpus, seed=seed) for seed in (3, 4)]
    assert "3 and 4" in said("seeds", seed_facts(runs))
    runs[1] = trained(corpus, seed=4, max_updates=200)
    assert "3 and 4" in said("seeds", seed_facts(runs))


@pytest.mark.parametrize("given", [{}, {"held_out": 0.2}, {"max_updates": 1}, {"loss": "mean"}])
def test_no_sentence_has_a_number_that_is_none(corpus: Corpus, given: dict[str, Any]) -> None:
    values = facts(trained(corpus, **given))
    text = " ".join(said(block, values) for block in ("caption", "alt", "reading"))
    assert not re.search(r"\b(nan|inf|None)\b", text)


@pytest.mark.parametrize(
    ("epochs", "losses", "falling"),
    [
        (3, [9.0, 5.0, 4.0], True),
        (3, [9.0, 4.0, 4.0], False),
        (3, [9.0, 4.0, 4.5], False),
        (1, [9.0, 5.0, 4.0, 4.0], False),
        (1, [9.0, 5.0, 4.0, 3.5], True),
    ],
)
def test_a_loss_falls_that_is_lower_in_the_last_epoch_or_quarter_than_before(
    corpus: Corpus, epochs: int, losses: list[float], falling: bool
) -> None:
    run = trained(corpus)
    width = run.updates_per_epoch * epochs // len(losses) // 10 * 10
    schedule = replace(run.schedule, updates_per_epoch=10 * width * len(losses) // epochs)
    rows = [(n * width + k, loss, None) for n, loss in enumerate(losses) for k in (1, width // 2)]
    rows = [(10 * update, loss, none) for update, loss, none in rows]
    state = replace(run.state, history=[(1, 9.0, None), *rows])
    state.counts[0], state.losses[0] = 10 * width * len(losses), losses[-1]
    values = facts(replace(run, schedule=schedule, state=state))
    assert values["still_falling"] == falling


def test_after_an_update_nothing_is_said_to_rise_or_to_fall(corpus: Corpus) -> None:
    for updates in (1, 2, 3):
        values = facts(trained(corpus, max_updates=updates))
        assert not values["risen"] and not values["still_falling"]


# ---- The held-out part ----------------------------------------------------------------------


def test_the_held_out_loss_is_told_in_nats_and_in_bits(corpus: Corpus) -> None:
    run = trained(corpus, held_out=0.2)
    update, nats = run.lowest_held_out
    values = facts(run)
    reading = said("reading", values)
    for number in (nats, nats / math.log(2)):
        assert f"{number:.4f}" in reading
    assert f"after update {update:,}" in reading
    for block in ("caption", "alt"):
        assert f"{nats:.4f} nats" in said(block, values)
    (mark,) = lines(figure(run), "D")
    assert mark.get_xydata().tolist() == [[update, pytest.approx(5 * nats)]]


@pytest.mark.parametrize(
    ("held_out", "risen", "falling"),
    [
        ([2.0, 2.1, 2.2], True, False),
        ([2.2, 2.1, 2.0], False, True),
        ([2.0, 2.001, 2.002], False, False),
        ([2.2, 2.0, 2.2], False, True),  # not yet for an epoch
    ],
)
def test_it_is_told_where_the_held_out_loss_has_risen_for_an_epoch(
    corpus: Corpus, held_out: list[float], risen: bool, falling: bool
) -> None:
    run = trained(corpus, held_out=0.2)
    assert 100 < run.updates_per_epoch < 200
    updates = (200, 400, 500)
    rows = [*zip(updates, (4.0, 3.0, 2.0), held_out, strict=True)]
    state = replace(run.state, history=[(1, 9.0, None), *rows[:-1]])
    run = replace(run, state=state, validation_loss=held_out[-1])
    found = facts(run)["measured"]
    assert (found["risen"], found["falling"]) == (risen, falling)
    since = (500 - updates[int(np.argmin(held_out))]) / run.updates_per_epoch
    assert found["since"] == pytest.approx(since)
    assert (f"for {math.floor(100 * since) / 100:g} epoch" in said("reading", facts(run))) == risen


def test_a_training_that_patience_ended_says_when_and_after_how_long(corpus: Corpus) -> None:
    run = trained(corpus, held_out=0.2, patience=3)
    values = facts(run) | {"stopped_at": 1234, "patience": 3}
    assert "after update 1,234" in said("reading", values)
    assert "3 epochs" in said("reading", values)
    assert "1,234" not in said("reading", facts(run))


def test_seeds_are_told_of_by_the_mean_of_their_lowest_held_out_losses(corpus: Corpus) -> None:
    runs = [trained(corpus, seed=seed, held_out=0.2) for seed in range(3)]
    found = np.array([run.lowest_held_out[1] for run in runs])
    values = seed_facts(runs)
    told = said("seeds", values)
    assert f"{found.mean():.4f} nats" in told and f"{found.std(ddof=1):.4f} nats" in told
    assert "NaN" not in said("seeds", values | {"held_out_mean": math.nan})


# ---- What is told of its points -----------------------------------------------------------------


def test_points_are_those_of_the_history_and_the_lowest(run: Run) -> None:
    told = list(points(run))
    history = dict(zip(run.history["update"], run.history["smooth_loss"], strict=True))
    known = history | {run.best_update: run.lowest_smooth_loss}
    assert {update: loss for update, loss, _ in told} == known
    assert [update for update, _, _ in told] == sorted(known)
    last = told[-1][2]
    assert last["epochs"] == pytest.approx(500 / 205)
    assert last["nats"] == pytest.approx(run.smooth_loss / 5)


def test_long_histories_are_told_by_about_a_point_a_pixel(run: Run) -> None:
    rows = [(100 * n, 50 - n / 1000, None) for n in range(5000)]
    long = replace(run, state=replace(run.state, history=rows))
    told = [update for update, _, _ in points(long)]
    assert 500 < len(told) < 700
    assert {run.best_update, run.last_update} <= {*told}


def test_held_out_losses_are_told_in_the_unit_of_the_figure(corpus: Corpus) -> None:
    run = trained(corpus, held_out=0.2)
    told = {update: about["nats"] for update, _, about in points(run) if about["of_held_out"]}
    held_out = run.history.dropna(subset="validation_loss")
    assert told == pytest.approx(dict(held_out[["update", "validation_loss"]].to_numpy()))
    assert told
