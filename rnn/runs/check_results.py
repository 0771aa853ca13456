"""What the gradient check leaves in a run's folder."""

from pathlib import Path
from typing import Any

import pandas as pd

from rnn.gradient_check import CENTRAL, COMPLEX
from rnn.runs.results import replace_section
from rnn.runs.storage import write_whole

__all__ = ["first_setting", "save_check"]


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
        The parameters of the check.
    """
    rows = pd.concat([errors, steps[~steps["h"].isin(errors["h"])]])
    content = rows.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    write_whole(folder / "gradient_check.csv", content.encode())
    central, stepped = first_setting(errors, CENTRAL), first_setting(errors, COMPLEX)
    facts = {
        "parameters": parameters,
        "largest_relative_error": central["max"].max(),
        "largest_mean_relative_error": central["mean"].max(),
        "largest_norm_wise_error": central["norm_wise"].max(),
        "largest_relative_error_complex_step": stepped["max"].max(),
        "verdicts": central["verdict"].to_dict(),
        "planted_mistakes": mistakes.set_index("mistake")["complex"].to_dict(),
    }
    replace_section(folder, "gradient_check", facts)


def first_setting(errors: pd.DataFrame, oracle: str) -> pd.DataFrame:
    """Return what one oracle says of each parameter in the first setting, that of Table 1."""
    chosen = (errors["setting"] == errors["setting"].iloc[0]) & (errors["oracle"] == oracle)
    return errors[chosen].set_index("parameter")
