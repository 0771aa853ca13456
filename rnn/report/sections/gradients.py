"""The gradient check: what was compared with what, and the errors of the assignment's setting."""

from typing import Any

import pandas as pd

from rnn.gradient_check import ACCEPTED, CENTRAL, COMPLEX, Case, first_setting, table_1
from rnn.report.show import Section
from rnn.text.corpus import Corpus


def show(
    section: Section, errors: pd.DataFrame, case: Case, corpus: Corpus, sig: float, eps: float
) -> None:
    """Show the errors of `rnn.gradient_check.check` in its first case, by central differences.

    The case was made of `corpus` with `sig`, the errors with `eps`.
    """
    values = facts(errors) | {"case": case, "corpus": corpus, "sig": sig, "eps": eps}
    section.prose("setting", values)
    section.table(
        table_1(errors), "tab-gradients", values, source="gradient_check.csv",
        float_format="{:.4e}",
    )  # fmt: skip
    section.prose("reading", values)


def facts(errors: pd.DataFrame) -> dict[str, Any]:
    """Return the largest errors of the first case, and which oracle accepts all of its errors."""
    central, stepped = first_setting(errors, CENTRAL), first_setting(errors, COMPLEX)
    return {
        "h": central["h"].iloc[0],
        "largest_mean": central["mean"].max(skipna=False),
        "worst": central.reset_index().sort_values("max").iloc[-1].to_dict(),  # NaN is sorted last
        "largest_complex": stepped["max"].max(skipna=False),
        "central_accepts": bool((central["norm_wise"] <= ACCEPTED).all()),
        "complex_accepts": bool((stepped["max"] <= ACCEPTED).all()),
    }
