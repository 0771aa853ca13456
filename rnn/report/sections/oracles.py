"""Two oracles and harder settings, to tell wrong gradients from coarse estimates."""

from typing import Any

import numpy as np
import pandas as pd

from rnn import gradient_check as check
from rnn.report.show import Section

_short = "{:.1e}".format


def show(section: Section, errors: pd.DataFrame, case: check.Case) -> None:
    """Show what both oracles say, in `errors` of `rnn.gradient_check.check`, of its first case.

    All its cases, the settings, follow in a second table.
    """
    values, source = facts(errors, case), "gradient_check.csv"
    section.prose("setting", values)
    section.table(oracles_table(errors), "tab-oracles", values, source=source)
    section.prose("reading", values)
    section.prose("harder", values)
    table = settings_table(errors)
    section.table(table, "tab-settings", values, source=source, caption="harder_caption")


def facts(errors: pd.DataFrame, case: check.Case) -> dict[str, Any]:
    """Return what the sentences about oracles and settings mention."""
    accepted = [word for word, end in check.THRESHOLDS.items() if end <= check.ACCEPTED]
    return {
        "case": case,
        "thresholds": list(check.THRESHOLDS.items()),
        "looked_at": len(dict(case.small().parts())["c"]),
        "not_read": case.architecture.K - len(np.unique(case.x)),
        "zeros": check.first_setting(errors, check.CENTRAL).loc["U", "exactly_zero"],
        "burn_in": check.BURN_IN,
        "settings": errors["setting"].nunique(),
        "rejected": errors[~errors["verdict"].isin(accepted)]["setting"].nunique(),
        "largest_complex": errors[errors["oracle"] == check.COMPLEX]["max"].max(skipna=False),
    }


def oracles_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return what each oracle says of each parameter in the first setting."""
    central, stepped = (
        check.first_setting(errors, check.CENTRAL),
        check.first_setting(errors, check.COMPLEX),
    )
    table = {
        "exactly zero": central["exactly_zero"].map("{:.1%}".format),
        "central, norm-wise": central["norm_wise"].map(_short),
        "verdict": central["verdict"],
        "complex step, max": stepped["max"].map(_short),
        "verdict ": stepped["verdict"],
    }
    return pd.DataFrame(table).rename_axis(None)


def settings_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of each parameter in each setting, and the complex step's largest."""
    central = errors[errors["oracle"] == check.CENTRAL]
    table = central.pivot(index="setting", columns="parameter", values="norm_wise")
    table = table.loc[central["setting"].unique(), list(check.PARAMETERS)]
    stepped = errors[errors["oracle"] == check.COMPLEX].groupby("setting")["max"]
    table["complex step"] = stepped.max(skipna=False)
    return table.map(_short).rename_axis(columns=None)
