"""The gradient check: what was compared with what, and the errors of the assignment's setting."""

from typing import Any

import pandas as pd

from rnn.gradient_check import ACCEPTED, CENTRAL, COMPLEX, Case, table_1
from rnn.report.show import Section
from rnn.runs.results import first_setting
from rnn.text.corpus import Corpus

__all__ = ["facts", "show"]


def show(
    section: Section, errors: pd.DataFrame, case: Case, corpus: Corpus, sig: float, eps: float
) -> None:
    """Show the errors of `rnn.gradient_check.check` in its first case, by central differences.

    Parameters
    ----------
    section : Section
        Where they are shown.
    errors : pandas.DataFrame
        What the check returned.
    case : Case
        The first case.
    corpus : Corpus
        Its text.
    sig, eps : float
        What the case and the check were made with.
    """
    values = facts(errors, case, corpus, sig, eps)
    section.prose("setting", values)
    section.table(
        table_1(errors), "tab-gradients", values, source="gradient_check.csv",
        float_format="{:.4e}",
    )  # fmt: skip
    section.prose("reading", values)


def facts(
    errors: pd.DataFrame, case: Case, corpus: Corpus, sig: float, eps: float
) -> dict[str, Any]:
    """Return what the sentences about the first setting mention."""
    central, stepped = first_setting(errors, CENTRAL), first_setting(errors, COMPLEX)
    worst = central.sort_values("max").iloc[-1]  # NaN is sorted last
    return {
        "h": central["h"].iloc[0],
        "eps": eps,
        "sig": sig,
        "m": case.architecture.m,
        "seq_length": len(case.x),
        "title": corpus.title,
        "K": corpus.K,
        "entries": case.theta.size,
        "largest_mean": central["mean"].max(skipna=False),
        "largest": worst["max"],
        "largest_in": worst.name,
        "gradient_there": worst["gradient_at_max"],
        "largest_complex": stepped["max"].max(skipna=False),
        "central_accepts": bool((central["norm_wise"] <= ACCEPTED).all()),
        "complex_accepts": bool((stepped["max"] <= ACCEPTED).all()),
    }
