"""Losses over the whole text: models compared with one another and with counting."""

import math
from typing import Any

import pandas as pd

from rnn.analysis.baselines import baselines
from rnn.kernels.elementary import exp
from rnn.report.show import Section
from rnn.runs.run import Run

Losses = dict[str, float]  # nats per character by a name, such as 'last model'; NaN for none


def show(section: Section, run: Run, losses: Losses) -> None:
    """Compare the losses that `Run.text_losses` gives with one another and with counting."""
    counts, source = baselines(run.corpus.ids[: run.schedule.trained], run.corpus.K), "results.json"
    values = facts(losses, counts) | {"held_out": run.settings.held_out}
    section.table(table(losses, counts), "tab-models", values, source=source)
    section.prose("reading", values)


def facts(models: Losses, counts: Losses) -> dict[str, Any]:
    """Return which model predicts the text best, and what the network adds to counting."""
    finite = {name: nats for name, nats in models.items() if math.isfinite(nats)}
    best = min(finite, key=finite.__getitem__, default="")
    nats = finite.get(best, math.inf)
    weakest_first = sorted(counts, key=lambda name: -counts[name])
    return {
        "losses": counts | models,
        "models": len(models),
        "finite": len(finite),
        "best": best,
        "nats": nats,
        "others": {name: round(loss - nats, 4) for name, loss in finite.items() if name != best},
        "beaten": next((name for name in reversed(weakest_first) if counts[name] > nats), ""),
        "missed": next((name for name in weakest_first if counts[name] <= nats), ""),
    }


def table(models: Losses, counts: Losses) -> pd.DataFrame:
    """Put losses into a table, those of counting first: in nats, in bits, and e to it."""

    def written(nats: float) -> list[str]:
        if not math.isfinite(nats):
            return ["–"] * 3
        power = "∞" if nats > 700 else f"{float(exp(float(nats))):{'.3f' if nats < 14 else '.3g'}}"
        return [f"{nats:.4f}", f"{nats / math.log(2):.4f}", power]

    heads = ["nats per character", "bits per character", "perplexity"]
    rows = {name: written(nats) for name, nats in (counts | models).items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=heads)
