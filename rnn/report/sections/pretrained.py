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
    nats = pd.DataFrame(losses).T
    both = pd.concat({"nats": nats, "bits": nats / math.log(2)}, axis=1).map("{:.4f}".format)
    both.columns = both.columns.map(" ".join)
    return both.rename(lambda text: section.line("row", {**values, "text": text}, plain=True))
