"""The step of the central differences: a large one truncates, a small one divides rounding."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnn.report.figures import PAGE_WIDTH, style
from rnn.report.show import Section

__all__ = ["facts", "figure", "show"]


def show(section: Section, steps: pd.DataFrame, h: float) -> None:
    """Show the errors of `rnn.gradient_check.check_steps` over the step; `h` is the check's."""
    values = facts(steps, h)
    section.prose("reading", values)
    section.figure(figure(steps, h), "fig-step", values, source="gradient_check.csv")


def facts(steps: pd.DataFrame, h: float) -> dict[str, Any]:
    """Return what the sentences about the step mention: norm-wise errors, largest of a step."""
    worst = steps.groupby("h")["norm_wise"].max()
    return {
        "h": h,
        "largest_step": worst.index.max(),
        "smallest_step": worst.index.min(),
        "truncation": worst[0.1] / worst[0.01],
        "rounding": worst[1e-9] / worst[1e-8],
        "best_step": worst.idxmin(),
        "lowest": worst.min(),
        "at_h": worst[h],
    }


def figure(steps: pd.DataFrame, h: float) -> Figure:
    """Draw the norm-wise error of each parameter over the step, with the step `h` marked."""
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.5))
        axes = figure.subplots()
        for name in dict.fromkeys(steps["parameter"]):
            line = steps[(steps["parameter"] == name) & (steps["norm_wise"] > 0)]
            axes.loglog(line["h"], line["norm_wise"], label=f"${name}$")
        axes.axvline(h, color="#555555", linewidth=0.6)
        marks: Any = {"textcoords": "offset points", "fontsize": 8, "color": "#555555"}
        axes.annotate(f"$h$ = {h:g}", (h, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                      ha="center", **marks)  # fmt: skip
        for text, x, side in (("← rounding", 0.005, "left"), ("truncation →", 0.995, "right")):
            axes.annotate(text, (x, 0.03), xycoords="axes fraction", xytext=(0, 0), ha=side,
                          **marks)  # fmt: skip
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
