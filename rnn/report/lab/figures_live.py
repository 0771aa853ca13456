"""The curve that grows while a network trains."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, PAGE_WIDTH, style

__all__ = ["live_figure"]


def live_figure(
    curves: Sequence[tuple[np.ndarray, np.ndarray]], last: int, updates_per_epoch: int, unit: str
) -> Figure:
    """Draw smooth losses so far, on an axis as long as the whole training.

    Parameters
    ----------
    curves : sequence of (updates, losses)
        One a seed; the first is drawn on top.
    last : int
        The training's last update.
    updates_per_epoch : int
        The distance between the epochs' marks.
    unit : str
        What the loss is a sum or mean over: 'segment' or 'character'.

    Returns
    -------
    matplotlib.figure.Figure
        Somewhat wider than the page's.
    """
    with style():
        figure = Figure(figsize=(PAGE_WIDTH * 1.2, 2.6))
        axes = figure.subplots()
        axes.grid(axis="x", visible=False)
        for start in range(updates_per_epoch, last, updates_per_epoch):
            axes.axvline(start, color="#999999", linewidth=0.5, dashes=(1, 2))
        for number, (updates, losses) in reversed(list(enumerate(curves))):
            axes.plot(
                updates, losses, "-", color=COLOURS[0], alpha=0.3 if number else 1, linewidth=0.9
            )
        # The fall from the first loss would squash all that follows.
        updates, losses = curves[0]
        later = losses[updates > updates[-1] / 8]
        high, low = float(later.max()), float(min(losses.min() for _, losses in curves))
        axes.set_ylim(low - 0.04 * (high - low) - 1e-3, high + 0.1 * (high - low) + 1e-3)
        axes.plot(updates[-1:], losses[-1:], "o", color=COLOURS[1], markeredgewidth=0)
        axes.set_xlim(0, last * 1.005)
        axes.set_xlabel("update")
        axes.set_ylabel(f"smooth loss (nats a {unit})")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure
