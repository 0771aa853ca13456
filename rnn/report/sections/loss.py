"""The smooth loss over the updates: its figure, the spread over seeds, and what the curve shows."""

import math
import tomllib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnn.kernels.elementary import log
from rnn.report.figures import COLOURS, NOTE, page_figure
from rnn.report.sentences import decimals
from rnn.report.show import Section
from rnn.runs.run import Run
from rnn.settings import Settings

RISE = 0.005  # nats per character: what a loss that is said to have risen has risen at least
_FALLEN = 0.995  # times what a smooth loss was on average: what one that falls is at most
_LAG = 1000  # updates for which the smooth loss remembers a loss, on average
_MOST_LINES = 40  # that mark epochs: more would be a hatch

_PUBLISHED = tomllib.loads(Path(__file__).with_name("loss.toml").read_text(encoding="utf-8"))


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
    held_out = held_out_facts(run)
    first, last = run.state.history[0][1], run.smooth_loss
    return {
        "epochs": run.last_update / run.updates_per_epoch,
        "epoch_lines": len(_epoch_starts(run)),
        "updates": run.last_update,
        "first": first,
        "last": last,
        "lowest": run.lowest_smooth_loss,
        "lowest_update": run.best_update,
        "lowest_nats": nats,
        "held_out": run.settings.held_out,
        "measured": held_out,
        "stopped_at": run.stopped_at,
        "patience": run.settings.patience,
        "characters": run.settings.characters_in_loss,
        "K": run.corpus.K,
        "pretrained": bool(run.pretrained),
        "uniform": run.settings.characters_in_loss * float(log(float(run.corpus.K))),
        "after_epochs": ends[ends["update"] % run.updates_per_epoch == 0]["smooth_loss"].tolist(),
        "diverged": run.state.diverged,
        "clip": run.settings.clip,
        "eta": run.settings.eta,
        "risen": run.settings.per_character(last - first) >= RISE,
        "still_falling": _is_falling(run) and held_out.get("falling", True),
    }


def _is_falling(run: Run) -> bool:
    """Return whether the smooth loss fell at last, on average.

    The last epoch is compared with the one before, as the text is easier in some places than in
    others; several, where they are so short that the smooth loss lags behind.  In a training too
    short for that it is the last quarter, and the one before.
    """
    width = math.ceil(_LAG / run.updates_per_epoch) * run.updates_per_epoch
    width = width if 2 * width <= run.last_update else run.last_update // 4
    losses = run.history.set_index("update")["smooth_loss"]
    begin = run.last_update - width + 1
    after, before = losses.loc[begin:].mean(), losses.loc[begin - width : begin - 1].mean()
    return bool(after < _FALLEN * before)


def held_out_facts(run: Run) -> dict[str, Any]:
    """Return what the sentences mention of the held-out loss; nothing where there is none.

    ``since`` is the time from the lowest to the last, in epochs.  The loss has ``risen`` if that is
    an epoch or more and the difference is not small.  It is ``falling`` if the lowest of several is
    one of the last two.
    """
    (update, nats), last = run.lowest_held_out, run.validation_loss
    if last is None or not update:
        return {}
    measured = run.history.dropna(subset="validation_loss")["update"].to_numpy()
    since = (run.last_update - update) / run.updates_per_epoch
    return {
        "update": update,
        "nats": nats,
        "last": last,
        "since": since,
        "risen": since >= 1 and last - nats >= RISE,
        "falling": len(measured) > 1 and bool(update >= measured[-2]),
    }


def seed_facts(runs: Sequence[Run]) -> dict[str, Any]:
    """Return how much the losses differ from seed to seed."""
    lowest = np.array([run.lowest_smooth_loss for run in runs])
    last = np.array([run.smooth_loss for run in runs])
    found = [run.lowest_held_out for run in runs]
    held_out = np.array([nats if update else math.nan for update, nats in found])
    return {
        "seeds": len(runs),
        "first_seed": runs[0].settings.seed,
        "last_seed": runs[-1].settings.seed,
        "updates": [run.last_update for run in runs],
        "lowest_mean": lowest.mean(),
        "lowest_deviation": lowest.std(ddof=1),
        "last_mean": last.mean(),
        "last_deviation": last.std(ddof=1),
        "held_out": bool(runs[0].settings.held_out),
        "held_out_mean": held_out.mean(),
        "held_out_deviation": held_out.std(ddof=1),
    }


def points(run: Run) -> Iterator[tuple[float, float, dict[str, Any]]]:
    """Yield places on the curves of `figure`, with what is told of each: about one a pixel."""
    history, counted = run.history, run.settings.characters_in_loss
    rows = history.iloc[:: math.ceil(len(history) / 600)]
    curve = {*zip(rows["update"], rows["smooth_loss"], strict=True)}
    curve |= {(run.best_update, run.lowest_smooth_loss), (run.last_update, run.smooth_loss)}
    held_out = history.reindex(columns=["update", "validation_loss"])  # NaN, where there is none
    told = [(update, loss, False) for update, loss in sorted(curve)]
    told += [(update, nats * counted, True) for update, nats in held_out.itertuples(index=False)]
    for update, loss, of_held_out in told:
        if math.isfinite(loss):
            epochs = update / run.updates_per_epoch
            about = {"update": update, "epochs": epochs, "loss": loss, "of_held_out": of_held_out}
            yield update, loss, about | {"nats": loss / counted}


def figure(run: Run, *others: Run) -> Figure:
    """Draw the smooth loss over the updates, with the epochs and the best update marked.

    A held-out loss is drawn in the unit of the loss; of runs with other seeds, the band from the
    lowest loss to the highest of all.
    """
    history, last = run.history, run.last_update
    with page_figure(2.5) as figure:
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
                      color=COLOURS[2], label="held-out part", clip_on=False)  # fmt: skip
            line.set_label("smooth loss in training")
            if (best := run.lowest_held_out)[0]:
                axes.plot(best[0], best[1] * run.settings.characters_in_loss, "D", markersize=5,
                          color=COLOURS[2], markerfacecolor="white", zorder=3,
                          clip_on=False)  # fmt: skip
        update, lowest = run.best_update, run.lowest_smooth_loss
        name = f"lowest: {decimals(lowest)} at update {update:,}"
        axes.plot([update], [lowest], "o", color=COLOURS[1], markeredgewidth=0, zorder=3,
                  clip_on=False, label=name)  # fmt: skip
        points = published_points(run.corpus.name, run.settings, last)
        for marker, (who, reported) in zip("D^sv", points.items(), strict=False):
            axes.plot(*zip(*reported, strict=True), marker, color=COLOURS[2], label=who,
                      markerfacecolor="white", zorder=4, clip_on=False)  # fmt: skip
        starts = _epoch_starts(run)
        for start in starts:
            axes.axvline(start, color="#999999", linewidth=0.5, dashes=(1, 2))
        for epoch, (start, end) in enumerate(pairwise((0, *starts, last)), start=1):
            if last / 25 < end - start <= run.updates_per_epoch:
                axes.annotate(f"epoch {epoch}", ((start + end) / 2, 1), xytext=(0, 2), ha="center",
                              xycoords=axes.get_xaxis_transform(), **NOTE)  # fmt: skip
        # Beside the curves there is no place that is free in every run.
        figure.legend(loc="outside upper right", ncols=3, borderaxespad=0.2)
        axes.locator_params(axis="x", integer=True)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        if 1e3 <= axes.get_ylim()[1] < 1e6:
            axes.yaxis.set_major_formatter("{x:,.10g}")
        axes.set(xlim=(0, last * 1.005), xlabel="update",
                 ylabel=f"smooth loss (nats per {run.settings.loss_unit})")  # fmt: skip
    return figure


def _epoch_starts(run: Run) -> range:
    """Return the updates after which the second epoch and later ones begin, if lines mark them."""
    starts = range(run.updates_per_epoch, run.last_update, run.updates_per_epoch)
    return starts if len(starts) <= _MOST_LINES else range(0)


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
    points = {
        who: [(update, loss) for update, loss in losses if update <= last_update]
        for who, losses in _PUBLISHED[settings.course].items()
    }
    return {who: within for who, within in points.items() if within}
