"""What going on with a finished model has changed: the losses over both texts, before and after."""

import math
from collections.abc import Mapping

import pandas as pd

from rnn.report.show import Section
from rnn.runs.run import Run

Losses = Mapping[str, Mapping[str, float]]


def show(section: Section, run: Run, losses: Losses) -> None:
    """Show what `rnn.runs.pretrained.losses_before_and_after` gives; nothing if it is empty."""
    if run.pretrained is None:
        return
    values = run.pretrained.facts(run.corpus) | {"losses": losses, "title": run.corpus.title}
    section.table(table(section, losses, values), "tab-pretrained", values, source="results.json")
    section.prose("reading", values)


def table(section: Section, losses: Losses, values: Mapping[str, object]) -> pd.DataFrame:
    """Put the losses into a table: a row per text, in nats and in bits per character."""
    rows = {}
    for text, of in losses.items():
        pair = of["before"], of["after"]
        bits = [nats / math.log(2) for nats in pair]
        name = section.line("row", {**values, "text": text}, plain=True)
        rows[name] = [f"{loss:.4f}" for loss in (*pair, *bits)]
    heads = [f"{unit} {when}" for unit in ("nats", "bits") for when in ("before", "after")]
    return pd.DataFrame.from_dict(rows, orient="index", columns=heads)
