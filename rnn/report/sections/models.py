"""Losses over the whole text: models compared with one another and with counting."""

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnn.analysis.baselines import baselines
from rnn.report.figures import COLOURS, PAGE_WIDTH, style
from rnn.report.show import Section
from rnn.runs.run import Run

__all__ = ["facts", "figure", "show", "table"]

Losses = dict[str, float]


def show(section: Section, run: Run, losses: Losses) -> None:
    """Compare the losses that `Run.text_losses` gives with one another and with counting."""
    counts = baselines(run.trained_ids, run.corpus.K)
    values = facts(losses, counts) | {"held_out": run.settings.held_out}
    section.table(table(losses, counts), "tab-models", values, source="results.json")
    section.figure(figure(losses, counts), "fig-models", values, source="results.json",
                   caption="figure_caption")  # fmt: skip
    section.prose("reading", values)


def facts(models: Losses, counts: Losses) -> dict[str, Any]:
    """Return which model predicts the text best, and what the network adds to counting.

    Both map a name, such as 'last model', to nats per character; NaN where there is none.
    """
    finite = {name: nats for name, nats in models.items() if math.isfinite(nats)}
    best = min(finite, key=finite.__getitem__, default="")
    nats = finite.get(best, math.inf)
    weakest_first = sorted(counts, key=lambda name: -counts[name])
    beaten = [name for name in weakest_first if counts[name] > nats]
    missed = [name for name in weakest_first if name not in beaten]
    return {
        "losses": counts | models,
        "models": len(models),
        "finite": len(finite),
        "best": best,
        "nats": nats,
        "others": {name: round(loss - nats, 4) for name, loss in finite.items() if name != best},
        "beaten": beaten[-1] if beaten else "",
        "missed": missed[0] if missed else "",
    }


def table(models: Losses, counts: Losses) -> pd.DataFrame:
    """Put losses into a table, those of counting first."""
    rows = [
        (f"{nats:.4f}", f"{nats / math.log(2):.4f}", _perplexity(nats))
        if math.isfinite(nats)
        else ("–",) * 3
        for nats in (counts | models).values()
    ]
    columns = ["nats per character", "bits per character", "perplexity"]
    return pd.DataFrame(rows, columns=columns, index=[*counts, *models])


def _perplexity(nats: float) -> str:
    """Return e to the loss, which a diverged model can make too large for any number."""
    return "∞" if nats > 700 else f"{math.exp(nats):.3f}" if nats < 14 else f"{math.exp(nats):.3g}"


def figure(models: Losses, counts: Losses) -> Figure:
    """Draw losses as dots on one axis, those of counting hollow and above."""
    names = [*counts, *models]
    losses = np.array([*counts.values(), *models.values()], float)
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.55 + 0.24 * len(names)))
        axes = figure.subplots()
        axes.grid(axis="y", visible=False)
        axes.hlines(range(len(names)), 0, np.nan_to_num(losses, posinf=0), color="#bbbbbb",
                    linewidth=0.5)  # fmt: skip
        for row, loss in enumerate(losses):
            finite = math.isfinite(loss)
            edge, fill = ("#555555", "white") if row < len(counts) else (COLOURS[0], COLOURS[0])
            if finite:
                axes.plot(loss, row, "o", markeredgecolor=edge, markerfacecolor=fill)
            axes.annotate(f"{loss:.3f}" if finite else "not finite", (loss if finite else 0.0, row),
                          xytext=(6, 0), textcoords="offset points", va="center",
                          fontsize=8.5)  # fmt: skip
        shown = [textwrap.shorten(name, 45, placeholder=" …").replace("$", r"\$") for name in names]
        axes.set_yticks(range(len(names)), shown)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1.12 * float(np.nanmax(losses[np.isfinite(losses)], initial=1e-9)))
        axes.set_xlabel("loss over the whole text (nats per character)")
    return figure
