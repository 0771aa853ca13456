"""What compared runs reached: their headline numbers, and which losses are the lowest."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from rnn.report.sections.runs_settings import COLUMNS, NONE, Runs, ranked
from rnn.report.show import Section


def show(section: Section, runs: Runs) -> None:
    """Show the headline numbers and what they say."""
    values = facts(runs)
    section.table(
        table(section, runs), "tab-numbers", values, source="results.json", columns=COLUMNS
    )
    section.prose("reading", values)


def facts(runs: Runs) -> dict[str, Any]:
    """Return what the sentences about the numbers of runs mention.

    ``losses`` has the lowest loss of each kind: ``names`` with it, ``others`` that are finite,
    the ``next`` one and how far it is ``above``.  ``seeds`` has the two lowest means over seeds.
    """
    losses = {
        "smooth": _lowest({run.name: run.per_character(run.lowest_smooth_loss) for run in runs}),
        "text": _lowest({run.name: run.text_loss for run in runs}),
    }
    seeds = {run.name: run.seed_losses for run in runs if len(run.seed_losses) > 1}
    means = ranked({name: over.mean() for name, over in seeds.items()})
    if len(means) < len(runs):
        return {"losses": losses, "seeds": {}}
    names = list(means)[:2]
    errors = [seeds[name].std(ddof=1) / math.sqrt(len(seeds[name])) for name in names]
    apart = means[names[1]] - means[names[0]]
    return {
        "losses": losses,
        "seeds": {"names": names, "apart": apart, "error": math.hypot(*errors)},
    }


def _lowest(losses: Mapping[str, float]) -> dict[str, Any]:
    """Return whose loss is the lowest, and how far below the next."""
    finite = ranked(losses)
    lowest = min(finite.values(), default=math.nan)
    above = {name: loss - lowest for name, loss in finite.items() if round(loss - lowest, 4)}
    return {
        "nats": lowest,
        "names": [name for name in finite if name not in above],
        "others": len(finite) - 1,
        "next": next(iter(above), ""),
        "above": min(above.values(), default=math.nan),
    }


def table(section: Section, runs: Runs) -> pd.DataFrame:
    """Put what the runs reached into a table: a row per number, a column per run, all as text.

    Losses are in nats per character; rows without any number are left out.
    """
    values = {"dash": NONE, "ln2": math.log(2)}
    told = {run.name: section.rows("table", values | {"run": run}) for run in runs}
    table = pd.DataFrame({name: rows.set_index("number")["value"] for name, rows in told.items()})
    return table[(table != NONE).any(axis=1)].rename_axis(None)
