"""What each varied setting does to the loss, alone and together with another."""

import itertools
import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, page_figure
from rnn.report.sections.sweep_finished import Sweep, written
from rnn.report.show import Section

_COLUMNS = 3  # panels beside one another: effects ...
_MAP_COLUMNS = 2  # ... and pairs
_MOST_PAIRS = 10
_LEAST_HEIGHT = 1.9  # inches: what the bar of shades needs for its label
_MOST_LABELS = 60  # numbers written into a map


def show(section: Section, sweep: Sweep) -> None:
    """Show the loss by each varied setting alone."""
    values = facts(sweep)
    if sweep.varied:
        section.figure(figure(sweep), "fig-effects", values, source="sweep.json")
    section.prose("reading", values)


def facts(sweep: Sweep) -> dict[str, Any]:
    """Return what the sentences about effects mention: how far apart a setting's means are."""
    effects: dict[str, dict[str, Any]] = {}
    for name in sweep.varied:
        means = {value: _mean(losses) for value, losses in _groups(sweep, name).items()}
        if len(means) > 1:
            low = min(means, key=means.__getitem__)
            span = max(means.values()) - means[low]
            effects[name] = {"best": written(low), "span": span}
    return {
        "sweep": sweep,
        "effects": dict(sorted(effects.items(), key=lambda one: -one[1]["span"])),
        "halving": sweep.asked["halving"],
        "seeds": len(sweep.asked["seeds"]),
    }


def _groups(sweep: Sweep, name: str) -> dict[Any, np.ndarray]:
    """Return the losses by the value of a setting, (points, seeds); no value without any."""
    points = [one for one in sweep.measured if np.isfinite(one.early).all()]
    groups = {v: [p.early for p in points if p.parameters[name] == v] for v in sweep.varied[name]}
    return {value: np.array(losses) for value, losses in groups.items() if losses}


def _mean(losses: np.ndarray) -> float:
    return float(losses.mean(axis=1).mean())


def _spread(losses: np.ndarray) -> float:
    """Return the standard error, over seeds, of the mean over points; zero with one seed."""
    by_seed = losses.mean(axis=0)
    return float(by_seed.std(ddof=1)) / math.sqrt(len(by_seed)) if len(by_seed) > 1 else 0.0


def figure(sweep: Sweep) -> Figure:
    """Draw a panel for each setting: every point, the mean with its spread, and the best."""
    names = list(sweep.varied)
    rows = math.ceil(len(names) / _COLUMNS)
    with page_figure(0.45 + 1.95 * rows) as figure:
        columns = min(len(names), _COLUMNS)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            _draw_effect(axes, sweep, name)
        for axes in grid[len(names) :]:
            axes.set_visible(False)
        grid[0].set_ylim(_limits(sweep))
        figure.supylabel("loss (nats per character)", fontsize=9.5)
        drawn = grid[0].get_legend_handles_labels()
        figure.legend(*drawn, ncols=3, loc="outside upper center", borderaxespad=0.1)
    return figure


def _draw_effect(axes: Axes, sweep: Sweep, name: str) -> None:
    groups = _groups(sweep, name)
    places = np.arange(len(groups))
    for place, losses in enumerate(groups.values()):
        axes.plot([place] * len(losses), losses.mean(axis=1), "_", color="#999999", markersize=7,
                  label="a point" if place == 0 else None)  # fmt: skip
    means = [_mean(losses) for losses in groups.values()]
    errors = [_spread(losses) for losses in groups.values()]
    spread = ", with its standard error over seeds" if len(sweep.asked["seeds"]) > 1 else ""
    axes.errorbar(places, means, errors, fmt="o-", color=COLOURS[0], capsize=2.5,
                  label=f"mean{spread}")  # fmt: skip
    lowest = [losses.mean(axis=1).min() for losses in groups.values()]
    axes.plot(places, lowest, "s--", color=COLOURS[1], markersize=3.5, label="best")
    axes.set_xticks(places, [written(value) for value in groups])
    axes.tick_params(axis="x", labelrotation=0 if len(groups) < 6 else 60)
    axes.set(xlim=(-0.4, len(groups) - 0.6), xlabel=name)
    axes.grid(axis="x", visible=False)


def _limits(sweep: Sweep) -> tuple[float, float]:
    """Return the losses to draw between: the few worst of many points do not squash the rest."""
    losses = np.array([one.early.mean() for one in sweep.measured])
    losses = losses[np.isfinite(losses)]
    means = [_mean(g) for name in sweep.varied for g in _groups(sweep, name).values()]
    low, high = float(losses.min()), max(float(np.quantile(losses, 0.9)), *means)
    room = 0.06 * max(high - low, 1e-3)
    return low - room, high + room


def pairs(section: Section, sweep: Sweep) -> None:
    """Show the lowest loss with each pair of values, as maps."""
    shown = shown_pairs(sweep)
    values = {"pairs": shown, "varied": len(sweep.varied), "halving": sweep.asked["halving"]}
    values["left_out"] = math.comb(len(sweep.varied), 2) - len(shown)
    if shown:
        section.figure(pair_figure(sweep, shown), "fig-pairs", values, source="sweep.json")
    section.prose("reading", values)


def shown_pairs(sweep: Sweep) -> list[tuple[str, str]]:
    """Return the pairs that are drawn: those of the settings with the largest effects."""
    return list(itertools.combinations(facts(sweep)["effects"], 2))[:_MOST_PAIRS]


def pair_map(sweep: Sweep, one: str, other: str) -> np.ndarray:
    """Return the lowest loss of the points with each pair of values, NaN where there is none."""
    rows, columns = sweep.varied[one], sweep.varied[other]
    found = np.full((len(rows), len(columns)), math.nan)
    for point in sweep.measured:
        at = rows.index(point.parameters[one]), columns.index(point.parameters[other])
        found[at] = np.fmin(found[at], point.early.mean())
    return found


def pair_figure(sweep: Sweep, shown: list[tuple[str, str]]) -> Figure:
    """Draw a map for each pair of settings, all with the same shades."""
    columns = min(len(shown), _MAP_COLUMNS)
    rows = math.ceil(len(shown) / columns)
    maps = [pair_map(sweep, *pair) for pair in shown]
    low, high = _limits(sweep)
    tallest = max(len(one) for one in maps)
    with page_figure(max(rows * min(0.9 + 0.32 * tallest, 3.2), _LEAST_HEIGHT)) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, pair, losses in zip(grid.ravel(), shown, maps, strict=False):
            image = axes.imshow(losses, cmap="Blues_r", vmin=low, vmax=high, aspect="auto")
            _label_map(axes, sweep, pair, losses, (low + high) / 2)
        for axes in grid.ravel()[len(shown) :]:
            axes.set_visible(False)
        figure.colorbar(image, ax=grid, shrink=0.9, pad=0.02, label="loss\n(nats per character)")
    return figure


def _label_map(
    axes: Axes, sweep: Sweep, pair: tuple[str, str], losses: np.ndarray, middle: float
) -> None:
    one, other = pair
    axes.grid(visible=False)
    axes.set_yticks(range(len(losses)), [written(value) for value in sweep.varied[one]])
    axes.set_xticks(range(losses.shape[1]), [written(value) for value in sweep.varied[other]])
    axes.tick_params(axis="x", labelrotation=0 if losses.shape[1] < 6 else 60)
    axes.set(xlabel=other, ylabel=one)
    if losses.size <= _MOST_LABELS:
        for (row, column), loss in np.ndenumerate(losses):
            if math.isfinite(loss):
                colour = "white" if loss < middle else "black"
                told = f"{loss:.3f}" if abs(loss) < 1e4 else f"{loss:.2g}"
                axes.text(column, row, told, ha="center", va="center", color=colour,
                          fontsize=7.5)  # fmt: skip
