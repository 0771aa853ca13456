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
    """Compare the losses that `Run.text_losses` gives with one another and with counting.

    With a held-out part, the same models and counting are measured on it, too.
    """
    ids, end, K = run.corpus.ids, run.schedule.trained, run.corpus.K
    counts, source = baselines(ids[:end], K), "results.json"
    values = facts(losses, counts) | {"held_out": run.settings.held_out}
    held_out, held_out_counts = run.held_out_text_losses(), {}
    if held_out:
        held_out_counts = baselines(ids[end:], K)
        values["on_held_out"] = facts(held_out, held_out_counts)
    shown = table(losses, counts, held_out | held_out_counts)
    section.table(shown, "tab-models", values, source=source)
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


def table(models: Losses, counts: Losses, held_out: Losses | None = None) -> pd.DataFrame:
    """Put losses into a table, those of counting first: in nats, in bits, and e to it.

    Those on the held-out part, if there is one, are columns of their own.
    """

    def written(nats: float) -> list[str]:
        if not math.isfinite(nats):
            return ["–"] * 3
        power = "∞" if nats > 700 else f"{float(exp(float(nats))):{'.3f' if nats < 14 else '.3g'}}"
        return [f"{nats:.4f}", f"{nats / math.log(2):.4f}", power]

    heads = ["nats per character", "bits per character", "perplexity"]
    rows = {name: written(nats) for name, nats in (counts | models).items()}
    told = pd.DataFrame.from_dict(rows, orient="index", columns=heads)
    if held_out:
        others = [written(held_out.get(name, math.nan))[:2] for name in rows]
        told[["held-out nats", "held-out bits"]] = others
    return told
