"""What a comparison of runs shows, for any runs, also for those that tell little."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from rnn.report.sections.contrast import in_columns, numbers_table, provenance_table, settings_table
from rnn.report.sections.contrast_prose import (
    LABELS,
    axes_of,
    budget_reading,
    cautions_reading,
    curves_alt,
    curves_caption,
    numbers_reading,
    read_alike,
    samples_reading,
    setting_reading,
)
from rnn.report.sections.figures_runs import runs_figure
from rnn.report.show_old import show_figure, show_prose, show_table, show_texts
from rnn.runs.finished import FinishedRun

__all__ = [
    "common_snapshots",
    "show_curves",
    "show_numbers",
    "show_provenance",
    "show_samples",
    "show_settings",
    "show_snapshots",
]

Runs = Sequence[FinishedRun]


def show_settings(runs: Runs) -> None:
    """Show what the runs were told that differs, and what has to be kept in mind."""
    show_prose(setting_reading(runs))
    table = settings_table(runs)
    if len(table):
        caption = "What the runs were told that is not the same for all."
        _show_parts(table, "tab-settings", caption)
    cautions = cautions_reading(runs)
    if cautions:
        show_prose(cautions)


def show_numbers(runs: Runs) -> None:
    """Show the headline numbers and what they say."""
    caption = (
        "What the runs reached. Losses are in nats a character, or in bits where it says so. The "
        "loss over the text is that of the model with the lowest smooth loss."
    )
    _show_parts(numbers_table(runs), "tab-numbers", caption)
    show_prose(numbers_reading(runs))


def show_curves(runs: Runs) -> None:
    """Show the losses over one another, and where they stood after as much of the same."""
    panels = {
        LABELS[axis]: {
            run.name: (run.places(axis), run.losses)
            for run in runs
            if np.isfinite(run.places(axis)).all()
        }
        for axis in axes_of(runs)
    }
    above = (
        (LABELS["character"], float(runs[0].characters_per_update)) if read_alike(runs) else None
    )
    figure = runs_figure(panels, [run.name for run in runs], above)
    show_figure(figure, label="fig-runs", caption=curves_caption(runs), alt=curves_alt(runs))
    budgets = budget_reading(runs)
    if budgets:
        show_prose(budgets)


def show_samples(runs: Runs, length: int) -> None:
    """Show how the texts of the best models begin, side by side."""
    texts = {
        f"{run.name}{_nats(run.text_loss)}": run.results["sampling"]["text"][:length]
        for run in runs
    }
    show_texts(texts, lead=samples_reading(runs))


def show_snapshots(runs: Runs) -> None:
    """Show what the runs wrote at about the same update."""
    texts = common_snapshots(runs)
    if texts:
        lead = (
            "Before about the same update, the last at which all runs took a snapshot, they wrote "
            "this, with the smooth loss in nats a character:"
        )
        show_texts(texts, lead=lead)
    else:
        show_prose("A run has no snapshot after its first, so there is none to compare.")


def show_provenance(runs: Runs) -> None:
    """Show which versions of what made the runs."""
    _show_parts(provenance_table(runs), "tab-provenance", "Where the numbers come from.")


def common_snapshots(runs: Runs) -> dict[str, str]:
    """Return the texts from about the last update at which all runs took a snapshot.

    Returns
    -------
    dict
        From a title with the run's name and its update to the text; empty where a run has no
        snapshot after its first.
    """
    if any(len(run.snapshots) < 2 for run in runs):
        return {}
    common = min(run.snapshots[-1]["update"] for run in runs)
    nearest = [min(run.snapshots, key=lambda one: abs(one["update"] - common)) for run in runs]
    texts = {}
    for run, one in zip(runs, nearest, strict=True):
        nats = _nats(run.per_character(one["smooth_loss"]))
        texts[f"{run.name}, iter {one['update']:,}{nats}"] = one["text"]
    return texts


def _nats(loss: float) -> str:
    return f": {loss:.3f} nats" if math.isfinite(loss) else ""


def _show_parts(table: pd.DataFrame, stem: str, caption: str) -> None:
    """Show a table, in parts where it has more columns than the page has room for."""
    for number, part in enumerate(in_columns(table), start=1):
        label = stem if number == 1 else f"{stem}-{number}"
        more = caption if number == 1 else "The other runs."
        show_table(part, label=label, caption=more, source="results.json")
