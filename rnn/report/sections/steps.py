"""The step of the central differences: a large one truncates, a small one divides rounding."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnn.report.figures import NOTE, page_figure
from rnn.report.show import Section


def show(section: Section, steps: pd.DataFrame, h: float) -> None:
    """Show the errors of `rnn.gradient_check.check_steps` over the step; `h` is the check's."""
    values = facts(steps) | {"h": h}
    section.prose("reading", values)
    drawn, told = figure(steps, h), points(steps)
    section.figure(drawn, "fig-step", values, source="gradient_check.csv", points=told)


def facts(steps: pd.DataFrame) -> dict[str, Any]:
    """Return the largest norm-wise error of each step, and the step where that is lowest."""
    worst = steps.groupby("h")["norm_wise"].max()
    return {"errors": worst.to_dict(), "best_step": worst.idxmin()}


def points(steps: pd.DataFrame) -> Iterator[tuple[float, float, dict[str, Any]]]:
    """Yield the points of `figure`, curve by curve, with what is told of each."""
    for name, line in steps[steps["norm_wise"] > 0].groupby("parameter", sort=False):
        for h, error in sorted(zip(line["h"], line["norm_wise"], strict=True)):
            yield h, error, {"parameter": name, "h": h, "norm_wise": error}


def figure(steps: pd.DataFrame, h: float) -> Figure:
    """Draw the norm-wise error of each parameter over the step, with the step `h` marked."""
    with page_figure(2.5) as figure:
        axes = figure.subplots()
        for name, line in steps[steps["norm_wise"] > 0].groupby("parameter", sort=False):
            axes.loglog(line["h"], line["norm_wise"], label=f"${name}$")
        axes.axvline(h, color="#555555", linewidth=0.6)
        axes.annotate(f"$h$ = {h:g}", (h, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                      ha="center", **NOTE)  # fmt: skip
        for text, x, side in (("← rounding", 0.005, "left"), ("truncation →", 0.995, "right")):
            axes.annotate(text, (x, 0.03), xycoords="axes fraction", xytext=(0, 0), ha=side,
                          **NOTE)  # fmt: skip
        axes.legend(loc="upper left" if h < 1e-6 else "upper right", bbox_to_anchor=(h, 1.02),
                    bbox_transform=axes.get_xaxis_transform(), ncols=5,
                    columnspacing=1.2)  # fmt: skip
        axes.set_xlabel("step $h$ of the central differences")
        axes.set_ylabel("norm-wise relative error")
    return figure
