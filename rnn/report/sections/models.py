"""Losses over the whole text: models compared with one another and with counting."""

import math
from typing import Any

from rnn.analysis.baselines import baselines
from rnn.report.sections.loss import RISE
from rnn.report.show import Section
from rnn.runs.run import LAST, LOWEST_HELD_OUT, Run

Losses = dict[str, float]  # nats per character by a name, such as 'last model'; NaN for none


def show(section: Section, run: Run, losses: Losses) -> None:
    """Compare the losses that `Run.text_losses` gives with one another and with counting.

    With a held-out part, the same models and counting are measured on it, too.
    """
    ids, end, K = run.corpus.ids, run.schedule.trained, run.corpus.K
    values = facts(losses, baselines(ids[:end], K))
    values |= {"held_out": run.settings.held_out, "ln2": math.log(2)}
    if held_out := run.held_out_text_losses():
        values["on_held_out"] = facts(held_out, baselines(ids[end:], K))
        values["overfitting"] = overfitting(losses, held_out)
    section.table(section.rows("table", values), "tab-models", values, source="results.json")
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


def overfitting(trained: Losses, held_out: Losses) -> dict[str, float]:
    """Return how the losses changed from the lowest held-out one to the last; empty if not apart.

    A network overfits where the loss over what it trains on ``fell`` and the other one ``rose``.
    """
    fell = trained.get(LOWEST_HELD_OUT, math.nan) - trained[LAST]
    rose = held_out[LAST] - held_out.get(LOWEST_HELD_OUT, math.nan)
    return {"fell": fell, "rose": rose} if fell >= RISE and rose >= RISE else {}
