"""The report's figures, drawn for its pages: their fonts, their width, their line weights."""

import atexit
import io
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import font_manager
from matplotlib.figure import Figure

from rnn.report.fonts import embedded_fonts

__all__ = ["COLOURS", "PAGE_WIDTH", "loss_figure", "step_figure", "style", "svg"]

#: Width of the text on the page, in inches.
PAGE_WIDTH = 6.1

#: Distinct for colour-blind eyes (after Okabe and Ito); neighbours differ in lightness, for grey
#: print.
COLOURS = ("#0b4f8a", "#d55e00", "#2b2b2b", "#56b4e9", "#00765a", "#cc79a7")

_STROKES = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.4)),
    (0, (7, 1.6, 1.2, 1.6)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)


@cache
def _text_font() -> str:
    """Make the page's own face known to matplotlib; return its name, or one of matplotlib's."""
    font = embedded_fonts().get("NewCM10-Regular")
    if font is None:
        return "STIXGeneral"
    with tempfile.NamedTemporaryFile(suffix=".otf", delete=False) as file:
        file.write(font)
    atexit.register(os.unlink, file.name)
    font_manager.fontManager.addfont(file.name)
    return font_manager.FontProperties(fname=file.name).get_name()


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the page: ``with style(): figure = Figure(...)``."""
    lines = cycler(color=COLOURS) + cycler(linestyle=_STROKES)
    settings: Any = {
        "font.family": [_text_font(), "DejaVu Sans"],
        "mathtext.fontset": "cm",
        "text.hinting": "none",
        "font.size": 9.5,
        "axes.labelsize": 9.5,
        "axes.titlesize": 9.5,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "axes.linewidth": 0.5,
        "axes.edgecolor": "#333333",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": lines,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.4,
        "xtick.major.width": 0.5,
        "ytick.major.width": 0.5,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "lines.linewidth": 1.0,
        "lines.markersize": 4.5,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
    }
    with matplotlib.rc_context(settings):
        yield


def svg(figure: Figure) -> str:
    """Return a figure as SVG, the same bytes for the same figure.

    Letters are drawn as outlines, so that they look alike in the PDF and in every browser.
    """
    drawn = io.StringIO()
    fixed: Any = {"svg.hashsalt": "report", "svg.fonttype": "path"}
    with style(), matplotlib.rc_context(fixed):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"^.*?(?=<svg)", "", drawn.getvalue(), count=1, flags=re.DOTALL)


def loss_figure(
    history: pd.DataFrame,
    updates_per_epoch: int,
    best_update: int,
    best_loss: float,
    points: dict[str, list[tuple[int, float]]] | None = None,
    others: Sequence[pd.DataFrame] = (),
    unit: str = "segment",
) -> Figure:
    """Draw the smooth loss over the updates, with the epochs and the best update marked.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``update``, ``epoch``, ``smooth_loss`` and, with a held-out part,
        ``validation_loss`` in the unit of the smooth loss.
    updates_per_epoch : int
        The distance between the epochs' marks.
    best_update : int
        The update of the lowest smooth loss.
    best_loss : float
        That loss.
    points : dict, optional
        What others report: from who they are to updates with their smooth losses.
    others : sequence of pandas.DataFrame
        The histories of other seeds: the band from the lowest to the highest of all is drawn.
    unit : str
        What the loss is a sum or mean over: 'segment' or 'character'.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as the page's text.
    """
    updates = history["update"].to_numpy()
    losses = history["smooth_loss"].to_numpy()
    last = int(updates[-1])
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.9))
        axes = figure.subplots()
        axes.grid(axis="x", visible=False)
        if others:
            table = pd.concat(h.set_index("update")["smooth_loss"] for h in (history, *others))
            band = table.groupby(level="update").agg(["min", "max"])
            label = f"{len(others) + 1} seeds, lowest to highest"
            axes.fill_between(band.index, band["min"], band["max"], color=COLOURS[0], alpha=0.3,
                              linewidth=0, label=label)  # fmt: skip
        line = axes.plot(updates, losses, linewidth=0.9)
        if "validation_loss" in history:
            held_out = history.dropna(subset="validation_loss")
            axes.plot(held_out["update"], held_out["validation_loss"], "s--", markersize=2.5,
                      linewidth=0.8, color=COLOURS[2], label="held-out part")  # fmt: skip
            line[0].set_label("smooth loss in training")
        for start in range(0, last, updates_per_epoch):
            end = min(start + updates_per_epoch, last)
            if start:
                axes.axvline(start, color="#999999", linewidth=0.5, dashes=(1, 2))
            if end - start > last / 25:
                axes.annotate(
                    f"epoch {start // updates_per_epoch + 1}",
                    ((start + end) / 2, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                    color="#555555",
                )
        axes.plot([best_update], [best_loss], "o", color=COLOURS[1], markeredgewidth=0, zorder=3)
        for i, (who, reported) in enumerate((points or {}).items()):
            axes.plot(*zip(*reported, strict=True), "D^sv"[i % 4], color=COLOURS[2], label=who,
                      markerfacecolor="white", zorder=4)  # fmt: skip
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right", borderaxespad=0.2)
        high = float(np.nanmax(losses[np.isfinite(losses)], initial=best_loss))
        left = best_update > last / 2
        axes.annotate(
            f"lowest: {best_loss:.4f} at update {best_update:,}",
            (best_update, best_loss),
            xytext=(best_update, best_loss + (high - best_loss) * 0.33 + 1e-9),
            ha="right" if left else "left",
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#555555", "shrinkB": 3},
        )
        axes.set_xlim(0, max(last, 1) * 1.005)
        axes.set_xlabel("update")
        axes.set_ylabel(f"smooth loss (nats a {unit})")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure


def step_figure(steps: pd.DataFrame, h: float) -> Figure:
    """Draw the gradients' errors against the step of the central differences.

    Parameters
    ----------
    steps : pandas.DataFrame
        Columns ``h``, ``parameter`` and ``norm_wise``.
    h : float
        The step to mark.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as the page's text.
    """
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.5))
        axes = figure.subplots()
        for name in dict.fromkeys(steps["parameter"]):
            line = steps[(steps["parameter"] == name) & (steps["norm_wise"] > 0)]
            axes.loglog(line["h"], line["norm_wise"], label=f"${name}$")
        axes.axvline(h, color="#555555", linewidth=0.6)
        for text, place, side in (
            (f"$h$ = {h:g}", (h, 1), "center"),
            ("← rounding", (0.005, 0.03), "left"),
            ("truncation →", (0.995, 0.03), "right"),
        ):
            marked = side == "center"
            axes.annotate(
                text,
                place,
                xycoords=("data" if marked else "axes fraction", "axes fraction"),
                xytext=(0, 3 if marked else 0),
                textcoords="offset points",
                ha=side,
                fontsize=8,
                color="#555555",
            )
        axes.legend(
            loc="upper left" if h < 1e-6 else "upper right",
            bbox_to_anchor=(h, 1.02),
            bbox_transform=axes.get_xaxis_transform(),
            ncols=5,
            columnspacing=1.2,
        )
        axes.set_xlabel("step $h$ of the central differences")
        axes.set_ylabel("norm-wise relative error")
    return figure
