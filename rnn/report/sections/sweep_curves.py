"""How the points of a sweep got where they are: their losses on the way, and what that took."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, NOTE, page_figure, write_out
from rnn.report.sections.runs_curves import FALL, UNEVEN, cut_off
from rnn.report.sections.sweep_finished import Sweep, SweptPoint
from rnn.report.show import Section
from rnn.settings import Settings

_NAMED = 5  # curves with a colour and a name
_STROKES = ("-", "--", ":", "-.", "-")  # of the named ones, for grey print
_LEGEND = 100  # letters in a row of the legend, about


def show(section: Section, sweep: Sweep) -> None:
    """Show the smooth losses of all points on one axis."""
    values = facts(sweep)
    drawn = figure(sweep, values["named"], values["characters"])
    section.figure(drawn, "fig-curves", values, source="history.csv")


def facts(sweep: Sweep) -> dict[str, Any]:
    """Return what the sentences about the curves mention.

    They go over ``characters`` where an update reads more of them at some points than at others.
    """
    named = [sweep.setting(one) for one in sweep.points[:_NAMED]]
    characters = len({_pace(one) for one in sweep.measured}) > 1
    curves = [_curve(one, characters) for one in sweep.measured]
    return {
        "sweep": sweep,
        "named": named,
        "others": len(sweep.measured) - len(named),
        "characters": characters,
        "cut_off": cut_off([y for _, y in curves], _limits(curves)[1]),
    }


def _pace(point: SweptPoint) -> int:
    return int(point.parameters["seq_length"] * point.parameters["batch_size"])


def _curve(point: SweptPoint, characters: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return updates, or characters read, and smooth losses in nats per character."""
    history, settings = point.history, Settings(**point.parameters)
    x = history["update"].to_numpy(float) * (_pace(point) if characters else 1)
    return x, history["smooth_loss"].to_numpy(float) / settings.characters_in_loss


def figure(sweep: Sweep, named: list[str], characters: bool) -> Figure:
    """Draw the curves over updates or characters: the first, `named`, in colours, others grey."""
    curves = [_curve(one, characters) for one in sweep.measured]
    with page_figure(3.1) as figure:
        axes = figure.subplots()
        for rank, (x, y) in reversed(list(enumerate(curves))):
            if rank < len(named):
                axes.plot(x, y, _STROKES[rank], color=COLOURS[rank], zorder=3, label=named[rank])
            else:
                axes.plot(x, y, "-", color="#9a9a9a", linewidth=0.5, alpha=0.6)
        right = max((float(x[-1]) for x, _ in curves if len(x)), default=1) * 1.01
        axes.set(xlim=(0, right), xlabel="characters read" if characters else "updates",
                 ylim=_limits(curves), ylabel="smooth loss (nats per character)")  # fmt: skip
        write_out(axes.xaxis, axes)
        columns = max(1, _LEGEND // max(len(name) + 10 for name in named))
        legend = figure.legend(ncols=columns, loc="outside upper center", borderaxespad=0.1,
                               handlelength=2.6, reverse=True)  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def _limits(curves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Return the losses to draw between: from the lowest up to where most points end, or more."""
    finite = [(x, y) for x, y in curves if len(y) and np.isfinite(y).all()]
    if not finite:
        return 0.0, 1.0
    ends = [float(y[-1]) for _, y in finite]
    fallen = [float(np.interp(FALL * x[-1], x, y)) for x, y in finite]
    low = min(float(y.min()) for _, y in finite)
    high = max(float(np.quantile(ends, 0.9)), min(fallen))
    room = 0.05 * max(high - low, 1e-3)
    return low - room, high + room


def cost(section: Section, sweep: Sweep) -> None:
    """Show what a training of each point takes, against its loss."""
    front = pareto_front(sweep.points)
    timed = sum(math.isfinite(one.seconds) for one in sweep.points)
    values: dict[str, Any] = {"sweep": sweep, "front": front, "timed": timed}
    if timed > 1:
        section.figure(cost_figure(sweep, front), "fig-cost", values, source="sweep.json")
    section.prose("reading" if timed else "untimed", values)


def pareto_front(points: list[SweptPoint]) -> list[SweptPoint]:
    """Return the points for which no other is at least as quick and better, the quickest first."""
    front: list[SweptPoint] = []
    for one in sorted(points, key=lambda one: (one.seconds, one.loss)):
        if math.isfinite(one.seconds) and (not front or one.loss < front[-1].loss):
            front.append(one)
    return front


def cost_figure(sweep: Sweep, front: list[SweptPoint]) -> Figure:
    """Draw losses over seconds, with the front as a line of steps."""
    points = [one for one in sweep.points if math.isfinite(one.seconds)]
    seconds, losses = [one.seconds for one in points], np.array([one.loss for one in points])
    errors = np.nan_to_num([one.error for one in points])
    times, best = [one.seconds for one in front], [one.loss for one in front]
    with page_figure(2.9) as figure:
        axes = figure.subplots()
        axes.errorbar(
            seconds, losses, errors, fmt="o", color="#8a8a8a", markersize=3.5, elinewidth=0.6
        )
        axes.step(times, best, "-", where="post", color=COLOURS[0], linewidth=0.9)
        axes.plot(times, best, "o", color=COLOURS[0])
        if max(seconds) > UNEVEN * max(min(seconds), 1e-9):
            axes.set_xscale("log")
        write_out(axes.xaxis, axes)
        low, high = float(losses.min()), max(float(np.quantile(losses, 0.95)), max(best))
        room = 0.08 * max(high - low, 1e-3)
        axes.set(ylim=(low - room, high + 2 * room), ylabel="loss (nats per character)",
                 xlabel="seconds of one training on one core")  # fmt: skip
        for number, place in enumerate(zip(times, best, strict=True), start=1):
            axes.annotate(str(number), place, xytext=(0, -5), ha="center", va="top", **NOTE)
    return figure
