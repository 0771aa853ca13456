"""Mistakes that were planted in the backward pass: the check must reject every one."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rnn.gradient_check import ACCEPTED, BURN_IN, Case
from rnn.report.show import Section


def show(section: Section, mistakes: pd.DataFrame, cases: Sequence[Case]) -> None:
    """Show what `rnn.gradient_mistakes.check_mistakes` found in the first and last of `cases`."""
    values = facts(mistakes)
    section.table(table(mistakes, cases), "tab-mistakes", values, source="results.json")
    section.prose("reading", values)


def facts(mistakes: pd.DataFrame) -> dict[str, Any]:
    """Return what the sentences about the mistakes mention."""
    planted = mistakes[mistakes["mistake"] != "none"]
    return {
        "accepted": ACCEPTED,
        "burn_in": BURN_IN,
        "planted": len(planted),
        "nearest": planted.nsmallest(1, "complex").iloc[0].to_dict(),
        "right_error": mistakes["complex"].iloc[0],
        "hidden": planted[planted["easy"] <= ACCEPTED]["mistake"].tolist(),
    }


def table(mistakes: pd.DataFrame, cases: Sequence[Case]) -> pd.DataFrame:
    """Return the planted mistakes with their errors in the first and in the last of the cases."""
    errors = mistakes.set_index("mistake")[["easy", "hard", "complex"]].map("{:.1e}".format)
    errors.columns = pd.Index([cases[0].name, cases[-1].name, "complex step"])
    caught = mistakes["caught"].map({True: "rejected", False: "accepted"})
    return errors.assign(verdict=caught.to_numpy())
