"""The gradient check: its errors, its oracles, the step of the differences, planted mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnn import gradient_check as check
from rnn.cells import name_of
from rnn.gradient_check import CENTRAL, COMPLEX, Case, first_setting, table_1
from rnn.report.figures import NOTE, page_figure
from rnn.report.show import Section
from rnn.text.corpus import Corpus

_SOURCE = "gradient_check.csv"
_LINES = ("-", "--", ":", "-.")  # of layers
_COLUMNS = 6  # of parameters, that a page has room for
_short = "{:.1e}".format


def show(
    section: Section, errors: pd.DataFrame, case: Case, corpus: Corpus, sig: float, eps: float
) -> None:
    """Show the errors of `rnn.gradient_check.check` in its first case, by central differences.

    The case was made of `corpus` with `sig`, the errors with `eps`.
    """
    values = facts(errors) | {"case": case, "corpus": corpus, "sig": sig, "eps": eps}
    values["entries"] = case.sampled(check.MOST).entries
    values |= {"cell": name_of(case.architecture.cell), "layers": case.architecture.layers}
    section.prose("setting", values)
    section.table(
        table_1(errors), "tab-gradients", values, source=_SOURCE, float_format="{:.4e}",
        columns=_COLUMNS,
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
        "central_accepts": bool((central["norm_wise"] <= check.ACCEPTED).all()),
        "complex_accepts": bool((stepped["max"] <= check.ACCEPTED).all()),
    }


def oracles(section: Section, errors: pd.DataFrame, case: Case) -> None:
    """Show what both oracles say, in `errors` of `rnn.gradient_check.check`, of its first case.

    All its cases, the settings, follow in a second table.
    """
    values = oracles_facts(errors, case)
    section.prose("setting", values)
    section.table(section.rows("table", values), "tab-oracles", values, source=_SOURCE)
    section.prose("reading", values)
    section.prose("harder", values)
    table = settings_table(errors)
    section.table(
        table, "tab-settings", values, source=_SOURCE, caption="harder_caption", columns=_COLUMNS
    )


def oracles_facts(errors: pd.DataFrame, case: Case) -> dict[str, Any]:
    """Return what the sentences about oracles and settings mention."""
    U = "U" if case.architecture.layers == 1 else "U1"
    accepted = [word for word, end in check.THRESHOLDS.items() if end <= check.ACCEPTED]
    central, stepped = first_setting(errors, CENTRAL), first_setting(errors, COMPLEX)
    judged = zip(central.index, central.to_dict("records"), stepped.to_dict("records"), strict=True)
    return {
        "judged": list(judged),
        "case": case,
        "cell": name_of(case.architecture.cell),
        "U": U,
        "thresholds": list(check.THRESHOLDS.items()),
        "looked_at": len(dict(case.small().parts())["c"]),
        "entries": case.small().sampled().entries,
        "of_entries": case.small().entries,
        "not_read": case.architecture.K - len(np.unique(case.x)),
        "zeros": central.loc[U, "exactly_zero"],
        "burn_in": check.BURN_IN,
        "dropout": any(errors["setting"].str.endswith("dropout")) and check.DROPPED,
        "settings": errors["setting"].nunique(),
        "rejected": errors[~errors["verdict"].isin(accepted)]["setting"].nunique(),
        "largest_complex": errors[errors["oracle"] == COMPLEX]["max"].max(skipna=False),
    }


def settings_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of each parameter in each setting, and the complex step's largest."""
    central = errors[errors["oracle"] == CENTRAL]
    table = central.pivot(index="setting", columns="parameter", values="norm_wise")
    table = table.loc[central["setting"].unique(), central["parameter"].unique()]
    stepped = errors[errors["oracle"] == COMPLEX].groupby("setting")["max"]
    table["complex step"] = stepped.max(skipna=False)
    return table.map(_short).rename_axis(columns=None)


def steps(section: Section, steps: pd.DataFrame, h: float) -> None:
    """Show the errors of `rnn.gradient_check.check_steps` over the step; `h` is the check's."""
    worst = steps.groupby("h")["norm_wise"].max()
    values = {"errors": worst.to_dict(), "best_step": worst.idxmin(), "h": h}
    values["curves"] = steps["parameter"].nunique()
    section.prose("reading", values)
    curves = steps[steps["norm_wise"] > 0].groupby("parameter", sort=False)
    points = [
        (x, error, {"parameter": name, "h": x, "norm_wise": error})
        for name, curve in curves
        for x, error in sorted(zip(curve["h"], curve["norm_wise"], strict=True))
    ]
    section.figure(steps_figure(steps, h), "fig-step", values, source=_SOURCE, points=points)


def steps_figure(steps: pd.DataFrame, h: float) -> Figure:
    """Draw the norm-wise error of each parameter over the step, with the step `h` marked."""
    one_layer = steps["parameter"].nunique() == len(check.PARAMETERS)
    with page_figure(2.1 if one_layer else 2.5) as figure:
        axes = figure.subplots()
        for key, line in steps[steps["norm_wise"] > 0].groupby("parameter", sort=False):
            name = str(key)
            # A layer's curves have a line of their own, and the colours of the parameters.
            style = _LINES[int(name[1:] or 1) % len(_LINES) - 1]
            colour = f"C{check.PARAMETERS.index(name[0])}"
            label = f"${name[0]}_{{{name[1:]}}}$" if name[1:] else f"${name}$"
            axes.loglog(line["h"], line["norm_wise"], style, color=colour, label=label)
        axes.axvline(h, color="#555555", linewidth=0.6)
        axes.annotate(f"$h$ = {h:g}", (h, 1), xycoords=axes.get_xaxis_transform(), xytext=(0, 3),
                      ha="center", **NOTE)  # fmt: skip
        for text, x, side in (("← rounding", 0.005, "left"), ("truncation →", 0.995, "right")):
            axes.text(x, 0.03, text, transform=axes.transAxes, ha=side, fontsize=8, color="#555555")
        if one_layer:
            axes.legend(loc="upper left" if h < 1e-6 else "upper right", bbox_to_anchor=(h, 1.02),
                        bbox_transform=axes.get_xaxis_transform(), ncols=5,
                        columnspacing=1.2)  # fmt: skip
        else:
            figure.legend(loc="outside upper center", ncols=6, columnspacing=1.2)
        axes.set_xlabel("step $h$ of the central differences")
        axes.set_ylabel("norm-wise relative error")
    return figure


def mistakes(section: Section, mistakes: pd.DataFrame, cases: Sequence[Case]) -> None:
    """Show what `rnn.gradient_mistakes.check_mistakes` found in the first and last of `cases`."""
    values = mistakes_facts(mistakes) | {"dropout": cases[-1].mask is not None}
    errors = mistakes.set_index("mistake")[["easy", "hard", "complex"]].map(_short)
    errors.columns = pd.Index([cases[0].name, cases[-1].name, "complex step"])
    caught = mistakes["caught"].map({True: "rejected", False: "accepted"})
    table = errors.assign(verdict=caught.to_numpy())
    section.table(table, "tab-mistakes", values, source="results.json")
    section.prose("reading", values)


def mistakes_facts(mistakes: pd.DataFrame) -> dict[str, Any]:
    """Return what the sentences about the mistakes mention."""
    planted = mistakes[mistakes["mistake"] != "none"]
    return {
        "accepted": check.ACCEPTED,
        "burn_in": check.BURN_IN,
        "planted": len(planted),
        "nearest": planted.nsmallest(1, "complex").iloc[0].to_dict(),
        "right_error": mistakes["complex"].iloc[0],
        "hidden": planted[planted["easy"] <= check.ACCEPTED]["mistake"].tolist(),
    }
