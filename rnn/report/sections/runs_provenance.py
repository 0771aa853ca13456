"""Which versions of what made the compared runs, and on which machines."""

import pandas as pd

from rnn.report.sections.runs_settings import COLUMNS, NONE, Runs, written
from rnn.report.show import Section


def show(section: Section, runs: Runs) -> None:
    """Show where the numbers of the runs come from."""
    section.table(table(runs), "tab-provenance", {}, source="results.json", columns=COLUMNS)


def table(runs: Runs) -> pd.DataFrame:
    """Put what made the runs into a table: a row per fact, a column per run, all as text."""
    columns = {}
    for run in runs:
        source = run.results.get("provenance", {})
        versions = {"commit": (source.get("commit") or NONE)[:10]} | source.get("versions", {})
        digest = f"{run.book['sha256'][:10]}…"
        facts = versions | {"machine": source.get("machine"), "sha256 of the text": digest}
        columns[run.name] = {name: written(name, value) for name, value in facts.items()}
    return pd.DataFrame(columns).fillna(NONE)
