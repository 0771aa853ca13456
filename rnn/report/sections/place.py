"""The smooth loss and the place in the text: the lowest may fall where the text is easiest."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, page_figure
from rnn.report.show import Section
from rnn.runs.run import Run

_LOOKS_BACK = 1000  # updates after which a loss counts 1/e in the smooth loss
_CLOSE = 0.1  # of the text: lowest losses within this much lie close together
_LABELLED = 8  # epochs, at most, that each have a label at their line


def show(section: Section, run: Run) -> None:
    """Show the smooth loss over the place in the text, where the two can be compared."""
    places = lowest_places(run)
    values = facts(run, places)
    if not values["reason"]:
        section.figure(figure(run, places), "fig-place", values, source="history.csv")
    section.prose("reading", values)


def lowest_places(run: Run) -> pd.DataFrame:
    """Find the lowest smooth loss of every epoch.

    Returns
    -------
    pandas.DataFrame
        One row per epoch: ``epoch``, ``update``, ``place`` (how much of the text was read then, 0
        to 1), ``lowest``, ``highest``, ``complete`` (whether the epoch was read to its end).
        Epochs without a finite loss have none.
    """
    history = _finite(run)
    losses = history.groupby("epoch")["smooth_loss"]
    found = history.loc[losses.idxmin(), ["epoch", "update", "place"]]
    found = found.assign(lowest=losses.min().to_numpy(), highest=losses.max().to_numpy())
    complete = found["epoch"] * run.updates_per_epoch <= run.history["update"].max()
    return found.assign(complete=complete).reset_index(drop=True)


def _finite(run: Run) -> pd.DataFrame:
    """Return the history where the losses are finite, with the place of each in the text."""
    place = ((run.history["update"] - 1) % run.updates_per_epoch + 1) / run.updates_per_epoch
    return run.history.assign(place=place)[np.isfinite(run.history["smooth_loss"])]


def reason_not_comparable(run: Run, places: pd.DataFrame) -> str:
    """Return why the smooth loss cannot be compared with the place in the text.

    ``order`` if an update reads no one place, ``short`` if an epoch is short against what the
    smooth loss averages over, ``once`` if the text was not read twice; empty if it can.
    """
    if run.settings.order != "sequential" or run.settings.batch_size > 1:
        return "order"
    if run.updates_per_epoch < 5 * _LOOKS_BACK:
        return "short"
    return "once" if places["complete"].sum() < 2 else ""


def facts(run: Run, places: pd.DataFrame) -> dict[str, Any]:
    """Return where in the text the lowest smooth losses fall, and how much the loss varies."""
    values = {"reason": reason_not_comparable(run, places), "run": run, "looks_back": _LOOKS_BACK}
    if values["reason"]:
        return values
    whole = places[places["complete"]]
    later = whole[whole["epoch"] > 1]
    begin, end = _arc(later["place"].to_numpy())
    swing = float((later["highest"] - later["lowest"]).mean())
    fall = -float(np.diff(whole["lowest"]).mean())
    return values | {
        "epochs": places.to_dict("records"),
        "later": later["place"].tolist(),
        "begin": begin,
        "end": end,
        "close": (end - begin) % 1 <= _CLOSE,
        "swing": swing,
        "fall": fall,
        "easiest": swing > fall,
    }


def _arc(places: np.ndarray) -> tuple[float, float]:
    """Return the begin and the end of the shortest arc with all places, as one reads in circles."""
    around = np.sort(places)
    widest = int(np.argmax(np.diff(around, append=around[0] + 1)))
    return float(around[(widest + 1) % len(around)]), float(around[widest])


def figure(run: Run, places: pd.DataFrame) -> Figure:
    """Draw the smooth loss over the place in the text, one line per epoch."""
    rows, epochs = _finite(run), places["epoch"].tolist()
    shades = LinearSegmentedColormap.from_list("", ["#5f9fd0", COLOURS[0], "#021a33"])
    colours = dict(zip(epochs, shades(np.linspace(0, 1, len(epochs))), strict=True))
    later = rows[rows["epoch"] > epochs[0]] if len(epochs) > 1 else rows
    low, high = rows["smooth_loss"].min(), later["smooth_loss"].max()
    room = max(high - low, 1e-9) * 0.06
    bottom, top = low - room, high + room
    with page_figure(2.4) as figure:
        axes = figure.subplots()
        for epoch, part in rows.groupby("epoch"):
            axes.plot(part["place"], part["smooth_loss"], "-", color=colours[epoch], linewidth=0.8)
        axes.scatter(places["place"], places["lowest"], 20, COLOURS[1], zorder=3, linewidths=0.6,
                     edgecolors=list(colours.values()))  # fmt: skip
        named = epochs if len(epochs) <= _LABELLED else [epochs[0], epochs[-1]]
        ends = rows.groupby("epoch")[["place", "smooth_loss"]].last().loc[named]
        height = -np.inf
        for epoch, x, y in ends.sort_values("smooth_loss").itertuples(name=None):
            if x >= 0.9:  # beside the axes, apart from the name below
                x, y = 1, (height := max(min(y, top), height + (top - bottom) / 17))
            axes.annotate(f"epoch {epoch}", (x, y), xytext=(4, 0), textcoords="offset points",
                          va="center", fontsize=8, color=colours[epoch],
                          annotation_clip=False)  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(bottom, top), xlabel="place in the text (share read)",
                 ylabel=f"smooth loss (nats per {run.settings.loss_unit})")  # fmt: skip
    return figure
