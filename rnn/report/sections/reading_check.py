"""The sentences and tables of the gradient check: Markdown with every number computed.

They hold for any text and any setting, also where the check does not turn out well.
"""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from rnn.gradient_check import (
    ACCEPTED,
    BURN_IN,
    CENTRAL,
    COMPLEX,
    FEW,
    MANY,
    PARAMETERS,
    THRESHOLDS,
    Case,
)
from rnn.report.show_old import escape
from rnn.runs import results
from rnn.runs.storage import write_whole
from rnn.text.corpus import Corpus

__all__ = [
    "mistakes_caption",
    "mistakes_reading",
    "mistakes_table",
    "oracles_reading",
    "oracles_setting",
    "oracles_table",
    "save_check",
    "setting",
    "settings_reading",
    "settings_table",
    "steps_alt",
    "steps_caption",
    "steps_reading",
    "table_1_reading",
]


def power(number: float) -> str:
    """Write a number as mathematics: ``2.2 x 10^-6``."""
    if not math.isfinite(number):
        return str(number)
    digits, exponent = f"{number:.1e}".split("e")
    if number == 0 or -3 < int(exponent) < 3:
        return f"{number:.3g}"
    factor = "" if digits == "1.0" else rf"{digits} \cdot "
    return f"${factor}10^{{{int(exponent)}}}$"


def setting(case: Case, book: Corpus, sig: float, h: float, eps: float) -> str:
    """Say what was checked and how."""
    n = case.theta.size
    return (
        f"I chose `eps = {eps:g}` and took central differences with `h = {h:g}` for $g_n$, in "
        f"float64. The network has `m = {case.m}` hidden units; its weights were drawn with "
        f"standard deviation `sig = {sig:g}`, its biases and $h_0$ are zero, and it reads the "
        f"first `seq_length = {len(case.x)}` characters of *{escape(book.title)}* "
        f"(K = {book.K}). [Table](#tab-gradients) covers every entry of every parameter, "
        f"{n:,} in all."
    )


def table_1_reading(errors: pd.DataFrame) -> str:
    """Say what Table 1 shows."""
    first = _first(errors, CENTRAL)
    worst = first.sort_values("max").iloc[-1]
    stepped = _first(errors, COMPLEX)["max"].max()
    overall = first["norm_wise"].max()
    text = (
        f"All means are at most {power(first['mean'].max())}. The largest error of a single "
        f"entry, {power(worst['max'])}, is found in {worst['parameter']}, where the gradient is "
        f"as small as {power(worst['gradient_at_max'])}. "
    )
    if overall <= ACCEPTED and stepped <= ACCEPTED:
        return text + (
            "An error of that size is the rounding of the loss: against a second oracle, below, "
            f"the largest is {power(stepped)}. I therefore take the analytic gradients to be "
            "right and use them for the training."
        )
    if stepped <= ACCEPTED:
        return text + (
            "With these values the central differences themselves are too coarse to decide; "
            f"against a second oracle, below, the largest error is {power(stepped)}, so I take "
            "the analytic gradients to be right."
        )
    return text + "**Such errors cannot be explained by rounding: the gradients are not right.**"


def oracles_setting(case: Case) -> str:
    """Introduce the complex step and the verdicts."""
    few = (
        f" Of the {case.K:,} characters' rows in U, V and c the complex step, and all that follows "
        f"[Table](#tab-oracles), looks at {FEW}, the segment's first; [Table](#tab-gradients) "
        "covers all."
        if case.K > MANY
        else ""
    )
    *kept, last = [f"{word} up to {power(end)}" for word, end in THRESHOLDS.items()]
    return (
        "Central differences subtract two nearly equal losses, so they cannot tell small errors "
        "from rounding. The complex step subtracts nothing: the loss is computed with complex "
        r"numbers, and $g_n = \operatorname{Im} L(\theta + i h) / h$ allows $h = 10^{-20}$. "
        "[Table](#tab-oracles) compares both; a norm-wise error has the norms of whole "
        "parameters in place of absolute values, so that tiny entries cannot dominate it. The "
        "verdict is on the norm-wise error for central differences and on the largest error for "
        f"the complex step: {', '.join(kept)}, {last}, wrong above.{few}"
    )


def oracles_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return, for Table 1's setting, what each oracle says of each parameter."""
    central, stepped = _first(errors, CENTRAL), _first(errors, COMPLEX)
    table = {
        "exactly zero": central["exactly_zero"].map("{:.1%}".format),
        "central, norm-wise": central["norm_wise"].map(_short),
        "verdict": central["verdict"],
        "complex step, max": stepped["max"].map(_short),
        "verdict ": stepped["verdict"],
    }
    return pd.DataFrame(table).set_axis(central["parameter"], axis=0).rename_axis(None)


def oracles_reading(errors: pd.DataFrame, case: Case) -> str:
    """Say what the zeros of U do to its mean."""
    zero = _first(errors, CENTRAL).set_index("parameter")["exactly_zero"]["U"]
    unread = case.K - len(set(case.x.tolist()))
    diluted = (
        f", and makes the mean of U in [Table](#tab-gradients) smaller by a factor of "
        f"{1 / (1 - zero):.1f}"
        if 0 < zero < 1
        else ""
    )
    return (
        f"{unread} of the {case.K} characters do not occur in the segment, so their rows of U "
        f"have no gradient: {zero:.1%} of U is exactly zero, which both oracles confirm"
        f"{diluted}."
    )


def settings_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of each parameter in each setting, and the complex step's largest."""
    central = errors[errors["oracle"] == CENTRAL]
    table = central.pivot(index="setting", columns="parameter", values="norm_wise")
    table = table.loc[central["setting"].unique(), list(PARAMETERS)].map(_short)
    stepped = errors[errors["oracle"] == COMPLEX].groupby("setting")["max"].max()
    table["complex step"] = stepped.map(_short)
    return table.rename_axis(columns=None)


def settings_reading(errors: pd.DataFrame) -> str:
    """Say how the other settings turned out."""
    count = errors["setting"].nunique()
    stepped = errors[errors["oracle"] == COMPLEX]["max"].max()
    bad = [word for word in (*THRESHOLDS, "wrong") if word in ("too high", "wrong")]
    rejected = errors[errors["verdict"].isin(bad)]["setting"].nunique()
    outcome = (
        f"in none of the {count} settings is a verdict worse than acceptable"
        if rejected == 0
        else f"in {rejected} of the {count} settings a verdict is worse than acceptable"
    )
    return (
        "With $h_0 = 0$ the first outer product in the gradient of W vanishes whatever the code "
        "does, and small weights keep the network nearly linear. So I checked again with $h_0$ "
        f"drawn uniformly from $(-1, 1)$, and after {BURN_IN} updates of AdaGrad: {outcome}, and "
        f"the complex step finds no error above {power(stepped)} ([Table](#tab-settings))."
    )


def steps_caption(h: float) -> str:
    """Caption the figure of the step."""
    return f"Norm-wise relative error of each parameter against $h$; the line marks $h$ = {h:g}."


def steps_alt(steps: pd.DataFrame) -> str:
    """Tell the figure of the step to those who cannot see it."""
    best, error = _best_step(steps)
    return (
        f"Five curves of the relative error against h from {steps['h'].max():g} to "
        f"{steps['h'].min():g}, one a parameter: falling, then rising again, lowest near "
        f"h = {best:g} with {error:.1e}."
    )


def steps_reading(steps: pd.DataFrame, h: float) -> str:
    """Say what the figure of the step shows."""
    worst = steps.groupby("h")["norm_wise"].max()
    best, error = _best_step(steps)
    coarse, fine = worst[0.1] / worst[0.01], worst[1e-9] / worst[1e-8]
    return (
        "[Figure](#fig-step) shows why the step matters. On its right the truncation error "
        f"falls as $h^2$: from {power(0.1)} to {power(0.01)} the largest norm-wise error drops "
        f"by a factor of {coarse:.3g}. On its left the rounding of the loss, divided by $h$, takes "
        f"over: from {power(1e-8)} to {power(1e-9)} it grows by a factor of {fine:.3g}. The "
        f"lowest is {power(error)} at $h$ = {power(best)}; at the step of "
        f"[Table](#tab-gradients) it is {power(worst[h])}."
    )


def mistakes_table(mistakes: pd.DataFrame, easy: Case, hard: Case) -> pd.DataFrame:
    """Return the planted mistakes with the errors at which they are caught."""
    table = {
        "mistake": mistakes["mistake"],
        easy.name: mistakes["easy"].map(_short),
        hard.name: mistakes["hard"].map(_short),
        "complex step": mistakes["complex"].map(_short),
        "verdict": mistakes["caught"].map({True: "rejected", False: "accepted"}),
    }
    return pd.DataFrame(table).set_index("mistake")


def mistakes_caption() -> str:
    """Caption the table of the planted mistakes."""
    return (
        "Planted mistakes: norm-wise errors against central differences in two settings, and "
        "the largest error against the complex step in the second, rejected above "
        f"{power(ACCEPTED)}."
    )


def mistakes_reading(mistakes: pd.DataFrame) -> str:
    """Say which mistakes are caught, and which the first setting would have missed."""
    planted = mistakes[mistakes["mistake"] != "none"]
    nearest = planted.sort_values("complex").iloc[0]
    hidden = planted[planted["easy"] <= ACCEPTED]["mistake"].tolist()
    text = (
        f"After {BURN_IN} updates and with $h_0 \\neq 0$, all {len(planted)} mistakes are "
        f"caught; the least conspicuous one "
        f"({escape(nearest['mistake'])}) at an error of {power(nearest['complex'])}, where the "
        f"right gradients have {power(mistakes['complex'].iloc[0])}. "
    )
    if hidden:
        text += (
            f"In the setting of [Table](#tab-gradients) alone, central differences would have "
            f"accepted {len(hidden)} of them: {', '.join(map(escape, hidden))}."
        )
    return text


def save_check(
    folder: Path,
    errors: pd.DataFrame,
    steps: pd.DataFrame,
    mistakes: pd.DataFrame,
    parameters: dict[str, Any],
) -> None:
    """Write ``gradient_check.csv`` and the check's part of ``results.json``.

    Parameters
    ----------
    folder : Path
        The run's folder.
    errors, steps : pandas.DataFrame
        From `rnn.gradient_check.check` and `rnn.gradient_check.check_steps`; together the rows
        of the file.
    mistakes : pandas.DataFrame
        From `rnn.gradient_mistakes.check_mistakes`.
    parameters : dict
        What the check was told.
    """
    rows = pd.concat([errors, steps[~steps["h"].isin(errors["h"])]])
    content = rows.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    write_whole(folder / "gradient_check.csv", content.encode())
    central, stepped = _first(errors, CENTRAL), _first(errors, COMPLEX)
    facts = {
        "parameters": parameters,
        "largest_relative_error": central["max"].max(),
        "largest_mean_relative_error": central["mean"].max(),
        "largest_norm_wise_error": central["norm_wise"].max(),
        "largest_relative_error_complex_step": stepped["max"].max(),
        "verdicts": dict(zip(central["parameter"], central["verdict"], strict=True)),
        "planted_mistakes": {row["mistake"]: row["complex"] for row in mistakes.to_dict("records")},
    }
    results.record(folder, "gradient_check", facts)


def _first(errors: pd.DataFrame, oracle: str) -> pd.DataFrame:
    """Return the rows of Table 1's setting, by one oracle."""
    chosen = (errors["setting"] == errors["setting"].iloc[0]) & (errors["oracle"] == oracle)
    return errors[chosen].reset_index(drop=True)


def _best_step(steps: pd.DataFrame) -> tuple[float, float]:
    best = steps.groupby("h")["norm_wise"].max().reset_index().sort_values("norm_wise").iloc[0]
    return float(best["h"]), float(best["norm_wise"])


def _short(error: float) -> str:
    return f"{error:.1e}"
