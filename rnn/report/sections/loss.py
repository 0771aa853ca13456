"""The smooth loss over the updates: its figure, the spread over seeds, and what the curve shows."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, NOTE, page_figure
from rnn.report.show import Section
from rnn.runs.run import Run
from rnn.settings import Settings

# The assignment's handouts (KTH DD2424, Assignment 4) print the smooth loss of the staff's own
# run; 'students' are lowest smooth losses in reports that were made public, all with the classic
# settings on The Goblet of Fire: the third is the report that this project re-creates.
_CLASSIC = {
    "course staff": [(1, 109.236), (1000, 86.412), (4000, 60.063), (30_000, 47.612),
                     (363_000, 39.451)],
    "students": [(256_086, 42.23), (308_052, 40.0659), (441_000, 39.21)],
}  # fmt: skip
_2026 = {
    "course staff": [(1, 4.605), (1000, 3.381), (4000, 2.260), (30_000, 1.786), (150_000, 1.534)]
}


def show(section: Section, runs: Sequence[Run]) -> None:
    """Show the smooth loss of the first run, with the band of the others."""
    values = facts(runs[0])
    drawn, told = figure(*runs), points(runs[0])
    section.figure(drawn, "fig-loss", values, source="history.csv", points=told)
    if len(runs) > 1:
        section.prose("seeds", seed_facts(runs))
    section.prose("reading", values)


def facts(run: Run) -> dict[str, Any]:
    """Return what the sentences about the loss of a run mention."""
    ends = run.history.groupby("epoch").last()
    nats = run.settings.per_character(run.lowest_smooth_loss)
    return {
        "epochs": run.last_update / run.updates_per_epoch,
        "updates": run.last_update,
        "first": run.state.history[0][1],
        "last": run.smooth_loss,
        "lowest": run.lowest_smooth_loss,
        "lowest_update": run.best_update,
        "lowest_nats": nats,
        "perplexity": math.exp(nats),
        "held_out": run.settings.held_out,
        "characters": run.settings.characters_in_loss,
        "K": run.corpus.K,
        "uniform": run.settings.characters_in_loss * math.log(run.corpus.K),
        "after_epochs": ends[ends["update"] % run.updates_per_epoch == 0]["smooth_loss"].tolist(),
        "diverged": run.state.diverged,
        "still_falling": run.best_update / run.last_update > 0.9,
    }


def seed_facts(runs: Sequence[Run]) -> dict[str, Any]:
    """Return how much the losses differ from seed to seed."""
    lowest = np.array([run.lowest_smooth_loss for run in runs])
    last = np.array([run.smooth_loss for run in runs])
    return {
        "seeds": len(runs),
        "first_seed": runs[0].settings.seed,
        "last_seed": runs[-1].settings.seed,
        "updates": [run.last_update for run in runs],
        "lowest_mean": lowest.mean(),
        "lowest_deviation": lowest.std(ddof=1),
        "last_mean": last.mean(),
        "last_deviation": last.std(ddof=1),
    }


def points(run: Run) -> Iterator[tuple[float, float, dict[str, Any]]]:
    """Yield places on the curves of `figure`, with what is told of each: about one a pixel."""
    history, counted = run.history, run.settings.characters_in_loss
    rows = history.iloc[:: math.ceil(len(history) / 600)]
    curve = {*zip(rows["update"], rows["smooth_loss"], strict=True)}
    curve |= {(run.best_update, run.lowest_smooth_loss), (run.last_update, run.smooth_loss)}
    held_out = history.dropna(subset="validation_loss") if run.settings.held_out else history[:0]
    told = [(update, loss, False) for update, loss in sorted(curve)]
    for update, nats in zip(held_out["update"], held_out.get("validation_loss", []), strict=True):
        told.append((update, nats * counted, True))
    for update, loss, of_held_out in told:
        if math.isfinite(loss):
            epochs = update / run.updates_per_epoch
            about = {"update": update, "epochs": epochs, "loss": loss, "of_held_out": of_held_out}
            yield update, loss, about | {"nats": loss / counted}


def figure(run: Run, *others: Run) -> Figure:
    """Draw the smooth loss over the updates, with the epochs and the best update marked.

    A validation loss is drawn in the unit of the loss; of runs with other seeds, the band from the
    lowest loss to the highest of all.
    """
    history, last = run.history, run.last_update
    with page_figure(2.9) as figure:
        axes = figure.subplots()
        axes.grid(axis="x", visible=False)
        if others:
            histories = [one.history.set_index("update")["smooth_loss"] for one in (run, *others)]
            band = pd.concat(histories).groupby(level="update").agg(["min", "max"])
            label = f"{len(others) + 1} seeds, lowest to highest"
            axes.fill_between(band.index, band["min"], band["max"], color=COLOURS[0], alpha=0.3,
                              linewidth=0, label=label)  # fmt: skip
        (line,) = axes.plot(history["update"], history["smooth_loss"], linewidth=0.9)
        if "validation_loss" in history:
            held_out = history.dropna(subset="validation_loss")
            losses = held_out["validation_loss"] * run.settings.characters_in_loss
            axes.plot(held_out["update"], losses, "s--", markersize=2.5, linewidth=0.8,
                      color=COLOURS[2], label="held-out part")  # fmt: skip
            line.set_label("smooth loss in training")
        _mark_epochs(axes, run.updates_per_epoch, last)
        _mark_lowest(axes, run)
        points = published_points(run.corpus.name, run.settings, last)
        for marker, (who, reported) in zip("D^sv", points.items(), strict=False):
            axes.plot(*zip(*reported, strict=True), marker, color=COLOURS[2], label=who,
                      markerfacecolor="white", zorder=4)  # fmt: skip
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right", borderaxespad=0.2)
        axes.set_xlim(0, last * 1.005)
        axes.set_xlabel("update")
        axes.set_ylabel(f"smooth loss (nats per {run.settings.loss_unit})")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure


def _mark_epochs(axes: Axes, per_epoch: int, last: int) -> None:
    for start in range(0, last, per_epoch):
        end = min(start + per_epoch, last)
        if start:
            axes.axvline(start, color="#999999", linewidth=0.5, dashes=(1, 2))
        if end - start > last / 25:
            axes.annotate(f"epoch {start // per_epoch + 1}", ((start + end) / 2, 1), xytext=(0, 2),
                          xycoords=("data", "axes fraction"), ha="center", **NOTE)  # fmt: skip


def _mark_lowest(axes: Axes, run: Run) -> None:
    """Put a dot at the lowest loss, and its number a third of the way up to the highest."""
    update, lowest, losses = run.best_update, run.lowest_smooth_loss, run.history["smooth_loss"]
    axes.plot([update], [lowest], "o", color=COLOURS[1], markeredgewidth=0, zorder=3)
    high = max(losses[np.isfinite(losses)], default=lowest)
    axes.annotate(
        f"lowest: {lowest:.4f} at update {update:,}", (update, lowest),
        xytext=(update, lowest + (max(high, lowest) - lowest) * 0.33 + 1e-9), fontsize=8.5,
        ha="right" if update > run.last_update / 2 else "left",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#555555", "shrinkB": 3},
    )  # fmt: skip


def published_points(
    name: str, settings: Settings, last_update: int
) -> dict[str, list[tuple[int, float]]]:
    """Return the published smooth losses up to an update that a run can be compared with.

    These are from who reports them to updates with their losses; none but for the corpus with the
    name 'goblet' and the course's settings, as losses are comparable only if the units are.
    """
    kept = ("epochs", "max_updates", "snapshot_every", "snapshot_length", "seed", "dtype", "course")
    course = Settings(**{name: getattr(settings, name) for name in kept})
    if name != "goblet" or settings != course:
        return {}
    published = _2026 if settings.course == "2026" else _CLASSIC
    return {
        who: within
        for who, points in published.items()
        if (within := [point for point in points if point[0] <= last_update])
    }
